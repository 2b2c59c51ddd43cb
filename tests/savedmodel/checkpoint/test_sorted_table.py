from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sorted_tables import block_of, footer_of, table_of, with_trailer
from wire_messages import varint

from rehub.errors import CorruptModel
from rehub.savedmodel.checkpoint.sorted_table import read_table


def read(content):
    return list(read_table("variables.index", content))


def shared_with(previous, key):
    size = 0
    while size < min(len(previous), len(key)) and previous[size] == key[size]:
        size += 1
    return size


def compressed(records):
    entries, previous = [], b""
    for key, value in records:
        shared = shared_with(previous, key)
        entries.append((shared, key[shared:], value))
        previous = key
    return block_of(entries)


@settings(deadline=None)
@given(st.dictionaries(st.binary(max_size=8), st.binary(max_size=20), max_size=16), st.integers(1, 5))
def test_what_was_written_is_read_back(records, per_block):
    records = sorted(records.items())
    blocks = [compressed(records[start : start + per_block]) for start in range(0, len(records), per_block)]
    assert read(table_of(*blocks)) == records


WHOLE = table_of(
    compressed([(b"", b"header"), (b"a", b"1"), (b"ab", b"2")]), compressed([(b"b/w", b"3" * 200), (b"b/x", b"")])
)


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_truncated_table_is_called_corrupt(size):
    with pytest.raises(CorruptModel, match=r"'variables\.index' cannot be read as the index of a checkpoint, at byte"):
        read(WHOLE[:size])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_garbled_table_is_read_or_called_corrupt(changes):
    content = bytearray(WHOLE)
    for place, byte in changes:
        content[place] = byte
    with contextlib.suppress(CorruptModel):
        read(bytes(content))


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=60))
def test_any_blocks_are_read_or_called_corrupt(block, handle):
    index = block_of([(0, b"a", handle)])
    for content in (table_of(block), table_of(block, compression=1), index + WHOLE[-48:], table_of(block, index)):
        with contextlib.suppress(CorruptModel):
            read(content)


def test_a_changed_byte_is_found_by_the_checksum():
    pytest.importorskip("google_crc32c", reason="google_crc32c, which computes the checksum, is not installed")
    content = bytearray(WHOLE)
    content[WHOLE.index(b"3333") + 50] ^= 1
    with pytest.raises(CorruptModel, match="checksum"):
        read(bytes(content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "shorter than the 48 bytes"),
        (b"<html>" * 20, "mark that ends each table is not there"),
        (table_of(block_of([(1, b"a", b"")])), "claims more bytes than there are"),
        (table_of(varint(0) + varint(200) + varint(0) + struct.pack("<II", 0, 1)), "claims more bytes than there are"),
        (table_of(b"\x80" * 20 + struct.pack("<II", 0, 1)), "64 bits"),
        (table_of(struct.pack("<I", 1 << 31)), "2147483648 places of whole keys"),
        (table_of(b""), "has 0 bytes, and needs 4"),
        (table_of(block_of([(0, b"b", b""), (0, b"a", b"")])), "not in order"),
        (table_of(block_of([(0, b"a", b"")]), compression=7), "compression 7"),
        (table_of(block_of([]), handles=[(1 << 60, 10)]), "10 bytes is to start there"),
        (table_of(block_of([]), handles=[(0, 1 << 60)]), "is to start there"),
        (table_of(block_of([]), handles=[(0, 8), (0, 8)]), "starts within the one before"),
    ],
)
def test_a_hostile_table_is_refused_with_the_reason(content, reason):
    with pytest.raises(CorruptModel, match=reason):
        read(content)


LONG = b"a" * 100_000


def test_keys_that_share_a_long_start_cannot_fill_the_memory():
    entries = [(0, LONG, b"")] + [(len(LONG) + number, b"b", b"") for number in range(1000)]
    with pytest.raises(CorruptModel, match="longer than blocks of this size can hold"):
        read(table_of(block_of(entries)))


def test_keys_of_the_index_that_share_a_long_start_cannot_fill_the_memory():
    blocks, entries = b"", []
    for number in range(1000):
        block = block_of([(0, b"%06d" % number, b"")])
        shared, own = (len(LONG) + number - 1, b"b") if number else (0, LONG)
        entries.append((shared, own, varint(len(blocks)) + varint(len(block))))
        blocks += with_trailer(block)
    index = block_of(entries)
    with pytest.raises(CorruptModel, match="longer than blocks of this size can hold"):
        read(blocks + with_trailer(index) + footer_of(len(blocks), len(index)))
