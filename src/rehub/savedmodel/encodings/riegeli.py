"""Reads the records of a Riegeli file, the container of a `saved_model.cpb`.

The format is described in https://github.com/google/riegeli/blob/master/doc/riegeli_records_file_format.md. Of its two
ways to store records, TensorFlow writes the simple one, which is what is read here.
"""

from __future__ import annotations

import struct
from typing import Iterator

from rehub.errors import UnsupportedFormat
from rehub.savedmodel.encodings.brotli_zstd import decompressed
from rehub.savedmodel.encodings.header_hash import hash_of_header
from rehub.savedmodel.wire import Buffer, WireError, read_varint

_BLOCK, _BLOCK_HEADER = 1 << 16, 24
_HEADER = struct.Struct("<QQQQQ")
_SIGNATURE, _METADATA, _PADDING, _SIMPLE, _TRANSPOSED = b"smprt"
_WITHOUT_RECORDS = (_SIGNATURE, _METADATA, _PADDING)

# What a file may unpack to: 200 times its size, or a gigabyte if that is more. Models do not compress as well.
_RATIO, _RATIO_FROM = 200, 1 << 30


def read_records(path: str, content: Buffer) -> dict[int, bytes]:
    """Reads all records of a file.

    Args:
        path: the file, for messages.
        content: its bytes.

    Returns:
        The records in the file's order, by the positions that it has for them.

    Raises:
        WireError: it is no such file, or it is damaged; says at which byte.
        UnsupportedFormat: it is stored in a way that is not read here.
        PackageMissing: it is compressed, and the package that undoes that is not installed.
    """
    records: dict[int, bytes] = {}
    allowed = max(_RATIO_FROM, _RATIO * len(content))
    for position, kind, count, size, data in _chunks(content):
        if position == 0 and kind != _SIGNATURE:
            raise WireError("byte 0: it does not start as a Riegeli file does")
        if kind in _WITHOUT_RECORDS:
            continue
        if kind == _TRANSPOSED:
            raise UnsupportedFormat(
                f"{path!r} stores its records transposed, from byte {position} on, which is not read here: have it "
                "saved again as saved_model.pb, or with Riegeli's option transpose off."
            )
        if kind != _SIMPLE:
            raise WireError(f"byte {position}: there is no kind of chunk {kind}")
        if count > len(content):
            raise WireError(f"byte {position}: {count} records are claimed in a file of {len(content)} bytes")
        if size > allowed:
            raise WireError(f"byte {position}: {len(data)} bytes claim to unpack to {size}")
        allowed -= size
        for index, record in enumerate(_records(path, position, count, size, data)):
            records[position + index] = record
    return records


def _chunks(content: Buffer) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Yields of each chunk its position, kind, the number of its records, their size, and its data."""
    position = 0
    while position < len(content):
        header, data_start = _read(content, position, _HEADER.size)
        expected, data_size, _, kind_and_count, decoded_size = _HEADER.unpack(header)
        if hash_of_header(header[8:]) != expected:
            raise WireError(f"byte {position}: the header of a chunk is not as it was written")
        data, data_end = _read(content, data_start, data_size)
        count = kind_and_count >> 8
        yield position, kind_and_count & 0xFF, count, decoded_size, data
        # A chunk has as many bytes as records, so that each record has a position of its own.
        position = max(data_end, _possible_start(position + count))


def _possible_start(position: int) -> int:
    """The first place from here on where a chunk can start: not within the header of a block, nor right after it."""
    within = position % _BLOCK
    return position - within + _BLOCK_HEADER + 1 if 0 < within <= _BLOCK_HEADER else position


def _read(content: Buffer, position: int, size: int) -> tuple[bytes, int]:
    """Returns so many bytes, without the headers of blocks that interrupt them, and the position behind them."""
    if size > len(content) - position:
        raise WireError(f"byte {position}: {size} bytes are claimed where {len(content) - position} are left")
    pieces = []
    while size:
        if position % _BLOCK == 0:
            position += _BLOCK_HEADER
        end = min(position + size, position - position % _BLOCK + _BLOCK)
        pieces.append(content[position:end])
        if len(pieces[-1]) < end - position:
            raise WireError(f"byte {len(content)}: the file ends within a chunk")
        size -= end - position
        position = end
    return b"".join(pieces), position


def _records(path: str, position: int, count: int, size: int, data: bytes) -> Iterator[bytes]:
    """Yields the records of a simple chunk."""
    compression = data[:1]
    sizes_size, start = read_varint(data, 1, len(data))
    if sizes_size > len(data) - start:
        raise WireError(f"byte {position}: the sizes of records claim {sizes_size} bytes of {len(data)}")
    sizes = _unpacked(path, compression, data[start : start + sizes_size], 10 * count)
    values = _unpacked(path, compression, data[start + sizes_size :], size)
    if len(values) != size:
        raise WireError(f"byte {position}: records have {len(values)} bytes in all where {size} are claimed")
    place = start = 0
    for _ in range(count):
        length, place = read_varint(sizes, place, len(sizes))
        if length > size - start:
            raise WireError(f"byte {position}: a record claims {length} bytes where {size - start} are left")
        yield values[start : start + length]
        start += length
    if place < len(sizes) or start < size:
        raise WireError(f"byte {position}: the sizes of its records are not those of what is there")


def _unpacked(path: str, compression: bytes, data: bytes, limit: int) -> bytes:
    if compression == b"\0":
        return data
    size, start = read_varint(data, 0, len(data))
    if size > limit:
        raise WireError(f"{len(data)} bytes claim to unpack to {size}, where {limit} are the most there can be")
    return decompressed(path, compression, data[start:], size)
