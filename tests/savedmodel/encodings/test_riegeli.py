from __future__ import annotations

import sys
from pathlib import Path

import pytest
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from riegeli_files import RiegeliFile, highway_hash
from wire_messages import varint

from rehub.errors import PackageMissing, UnsupportedFormat
from rehub.savedmodel.encodings.header_hash import hash_of_header
from rehub.savedmodel.encodings.riegeli import read_records
from rehub.savedmodel.wire import WireError

FILES = Path(__file__).parents[2] / "data" / "riegeli"  # By Riegeli's own writer; see make.py there.
RECORDS = [b"", b"a", b"hello " * 20, bytes(range(256)), b"\0" * 70000, b"end"]

# The first bytes of every file, as the specification has them.
SIGNATURE = bytes.fromhex(
    "83af70d10d884a3f0000000000000000400000000000000091bac23c9287e1a9"
    "0000000000000000e19f13c0e9b1c37273000000000000000000000000000000"
)


def brotli():
    found = pytest.importorskip("brotli", reason="brotli is not installed here")
    if not hasattr(found.Decompressor, "can_accept_more_data"):
        pytest.skip("brotli is older than 1.2 here")
    return found


def zstandard():
    return pytest.importorskip("zstandard", reason="zstandard is not installed here")


NEEDED = {"uncompressed": lambda: None, "brotli": brotli, "zstd": zstandard}


@pytest.mark.parametrize("kind", sorted(NEEDED))
def test_what_riegelis_own_writer_wrote_is_read(kind):
    NEEDED[kind]()
    content = (FILES / f"{kind}.riegeli").read_bytes()
    assert read_records("file", content) == {64 + index: record for index, record in enumerate(RECORDS)}


def test_the_files_of_these_tests_are_written_as_riegeli_writes_them():
    assert bytes(RiegeliFile().content) == SIGNATURE
    file = RiegeliFile()
    file.simple(RECORDS)
    written = (FILES / "uncompressed.riegeli").read_bytes()
    # All of it is the same but the header of the block, which says where the next chunk is, as that was there.
    assert len(file.content) == len(written)
    assert file.content[: 1 << 16] == written[: 1 << 16]
    assert file.content[(1 << 16) + 24 :] == written[(1 << 16) + 24 :]


def test_the_hash_of_a_header_is_that_of_the_signature():
    assert hash_of_header(SIGNATURE[32:]) == int.from_bytes(SIGNATURE[24:32], "little")
    assert highway_hash(b"") == int.from_bytes(SIGNATURE[40:48], "little")


@settings(deadline=None, max_examples=scaled(50))
@given(st.lists(st.lists(st.sampled_from([0, 1, 40, 65_400, 65_472, 65_500, 131_000]), max_size=4), max_size=4))
def test_records_are_found_wherever_the_headers_of_blocks_interrupt_them(chunks):
    file, expected = RiegeliFile(hashes_data=False), {}
    for number, sizes in enumerate(chunks):
        records = [bytes([number + 1]) * size for size in sizes]
        expected.update(zip(file.simple(records), records))
    assert read_records("file", bytes(file.content)) == expected


def test_chunks_without_records_are_passed_over():
    file = RiegeliFile()
    file.chunk(b"m", b"metadata", 0, 100)
    file.chunk(b"p", bytes(5000), 0, 0)
    (position,) = file.simple([b"record"])
    file.chunk(b"s", b"", 0, 0)
    assert read_records("file", bytes(file.content)) == {position: b"record"}


def test_many_small_records_have_a_position_each():
    file = RiegeliFile()
    first = file.simple([b""] * 70_000)
    second = file.simple([b"after"])
    assert second[0] >= first[-1] + 1
    assert list(read_records("file", bytes(file.content))) == [*first, *second]


def test_what_is_not_read_here_is_told_apart_from_damage():
    with pytest.raises(UnsupportedFormat, match=r"'file' stores its records transposed, from byte 64 on"):
        read_records("file", (FILES / "transposed.riegeli").read_bytes())
    with pytest.raises(UnsupportedFormat, match=r"'file' is compressed in a way that is not read here"):
        read_records("file", (FILES / "snappy.riegeli").read_bytes())


@pytest.mark.parametrize(("kind", "package"), [("brotli", "brotli"), ("zstd", "zstandard")])
def test_a_compression_whose_package_is_missing_is_told_with_the_pip_line(kind, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PackageMissing, match=r"'file' is compressed.*pip install \"rehub\[cpb\]\""):
        read_records("file", (FILES / f"{kind}.riegeli").read_bytes())


@pytest.mark.parametrize("kind", ["brotli", "zstd"])
def test_what_unpacks_to_another_size_than_claimed_is_refused(kind):
    letter, compress = (b"b", brotli().compress) if kind == "brotli" else (b"z", zstandard().compress)
    bomb = compress(bytes(50_000_000))
    for claimed in (10, 50_000_001):
        file = RiegeliFile()
        sizes = compress(varint(claimed))
        sizes = varint(len(varint(claimed))) + sizes
        file.chunk(b"r", letter + varint(len(sizes)) + sizes + varint(claimed) + bomb, 1, claimed)
        with pytest.raises(WireError, match=f"where {claimed} are claimed"):
            read_records("file", bytes(file.content))


@pytest.mark.parametrize("which", ["brotli", "zstd"])
def test_garbled_compression_is_refused(which):
    NEEDED[which]()
    letter = {"brotli": b"b", "zstd": b"z"}[which]
    file = RiegeliFile()
    file.chunk(b"r", letter + varint(9) + varint(1) + b"\xff" * 8 + varint(5) + b"\xff" * 8, 1, 5)
    with pytest.raises(WireError):
        read_records("file", bytes(file.content))


def simple(data, count=1, size=3):
    file = RiegeliFile()
    file.chunk(b"r", data, count, size)
    return bytes(file.content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SIGNATURE[:40], r"ends within a chunk"),
        (SIGNATURE[:3], r"40 bytes are claimed where 3 are left"),
        (SIGNATURE[:32] + b"\x01" + SIGNATURE[33:], r"byte 0: the header of a chunk is not as it was written"),
        (bytes(RiegeliFile().content) * 2, r"byte 64: the header of a chunk"),
        (simple(b"\0\1\3abc")[:-1], r"ends within a chunk|are claimed where"),
        (simple(b"\0\1\4abc"), r"a record claims 4 bytes where 3 are left"),
        (simple(b"\0\1\2abc"), r"sizes of its records are not those"),
        (simple(b"\0\2\3\0abc"), r"sizes of its records are not those"),
        (simple(b"\0\1\3abcd"), r"records have 4 bytes in all where 3 are claimed"),
        (simple(b"\0\x05\3abc"), r"sizes of records claim 5 bytes"),
        (simple(b"\0\1\3abc", count=2), r"ends within a number"),
        (simple(b"\0\1\3abc", count=1 << 50), r"records are claimed in a file of"),
        (simple(b"\0\1\3abc", size=1 << 50), r"claim to unpack to"),
        (simple(b"z\1\3abc"), r"."),
        (simple(b""), r"ends within a number"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(content, reason):
    zstandard()
    with pytest.raises(WireError, match=reason):
        read_records("file", content)


def test_a_chunk_of_4_exabytes_is_refused():
    file = RiegeliFile()
    file.chunk(b"r", b"", 0, 0)
    position = 64
    header = bytearray(file.content[position : position + 40])
    header[8:16] = b"\xff" * 8
    header[:8] = hash_of_header(bytes(header[8:])).to_bytes(8, "little")
    with pytest.raises(WireError, match=r"18446744073709551615 bytes are claimed"):
        read_records("file", bytes(file.content[:position] + header))


def test_a_file_that_starts_in_another_way_is_refused():
    file = RiegeliFile()
    file.content.clear()
    file.chunk(b"p", b"", 0, 0)
    with pytest.raises(WireError, match=r"does not start as a Riegeli file does"):
        read_records("file", bytes(file.content))
    file.content.clear()
    file.chunk(b"s", b"", 0, 0)
    file.chunk(b"x", b"", 0, 0)
    with pytest.raises(WireError, match=r"there is no kind of chunk 120"):
        read_records("file", bytes(file.content))
