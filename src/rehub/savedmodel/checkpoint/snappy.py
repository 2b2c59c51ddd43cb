"""Decompress Snappy, which the index of some checkpoints is in: https://github.com/google/snappy describes it.

An index is small, so that plain Python is fast enough for it.
"""

from __future__ import annotations

from rehub.savedmodel.wire import WireError, read_varint

_MOST_PER_BYTE = 32  # A copy of up to 64 bytes takes at least 3; a literal, more than it gives.


def decompress_snappy(data: bytes) -> bytes:
    """Return what was compressed. It is no longer than 32 times the data, or it is refused before it is made.

    Raises:
        WireError: the data are not Snappy's, or not all of them.
    """
    size, position = read_varint(data, 0, len(data))
    if size > _MOST_PER_BYTE * len(data):
        raise WireError(f"{len(data)} compressed bytes are to become {size}, which they cannot")
    out = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        kind, number = tag & 3, tag >> 2
        if kind == 0:
            if number >= 60:  # The length comes in the next one to four bytes.
                extra = number - 59
                number, position = _read_integer(data, position, extra)
            length = number + 1
            if length > len(data) - position:
                raise WireError(f"{length} bytes are to follow, and {len(data) - position} do")
            out += data[position : position + length]
            position += length
        else:
            if kind == 1:
                length = (number & 7) + 4
                low, position = _read_integer(data, position, 1)
                offset = (tag >> 5) << 8 | low
            else:
                length = number + 1
                offset, position = _read_integer(data, position, 2 if kind == 2 else 4)
            if not 0 < offset <= len(out):
                raise WireError(f"a copy from {offset} bytes before, of {len(out)}")
            start = len(out) - offset
            pattern = out[start : start + length]
            out += (pattern * (length // len(pattern) + 1))[:length]  # It may reach into what it makes.
        if len(out) > size:
            break
    if len(out) != size:
        raise WireError(f"there are {len(out)} bytes or more instead of {size}")
    return bytes(out)


def _read_integer(data: bytes, position: int, size: int) -> tuple[int, int]:
    if size > len(data) - position:
        raise WireError("the data end within a number")
    return int.from_bytes(data[position : position + size], "little"), position + size
