from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_messages import varint

from rehub.savedmodel.checkpoint.snappy import decompress_snappy
from rehub.savedmodel.wire import WireError

STEPS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=80), st.tuples(st.integers(1, 64), st.integers(1, 300))), max_size=12
)


def compress(steps):
    """Literals and copies (length, offset), and what they make."""
    out, made = b"", bytearray()
    for step in steps:
        if isinstance(step, bytes):
            length = len(step) - 1
            out += (bytes([length << 2]) if length < 60 else bytes([60 << 2, length])) + step
            made += step
            continue
        length, offset = step
        if not 0 < offset <= len(made):
            continue
        if 4 <= length <= 11:
            out += bytes([1 | length - 4 << 2 | offset >> 8 << 5, offset & 0xFF])
        elif offset % 2:
            out += bytes([2 | length - 1 << 2]) + offset.to_bytes(2, "little")
        else:
            out += bytes([3 | length - 1 << 2]) + offset.to_bytes(4, "little")
        for _ in range(length):
            made.append(made[-offset])
    return varint(len(made)) + out, bytes(made)


@settings(deadline=None)
@given(STEPS)
def test_what_was_compressed_is_read_back(steps):
    data, made = compress(steps)
    assert decompress_snappy(data) == made


@settings(deadline=None)
@given(STEPS, st.data())
def test_truncated_data_are_refused(steps, data):
    whole, made = compress(steps)
    if made:
        with pytest.raises(WireError):
            decompress_snappy(whole[: data.draw(st.integers(0, len(whole) - 1))])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(WireError):
        assert len(decompress_snappy(data)) <= 32 * len(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (varint(1 << 40) + b"\x00a", "which they cannot"),
        (b"\x04\x0cab", "4 bytes are to follow, and 2 do"),
        (b"\x05\x00a\x11\x00", "a copy from 0 bytes before, of 1"),
        (b"\x05\x00a\x01\x02", "a copy from 2 bytes before, of 1"),
        (b"\x01\xf4\x01", "end within a number"),
        (b"\x01\x04ab", "2 bytes or more instead of 1"),
    ],
)
def test_hostile_data_are_refused_with_the_reason(data, reason):
    with pytest.raises(WireError, match=reason):
        decompress_snappy(data)
