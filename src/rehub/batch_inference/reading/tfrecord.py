"""Rows of TFRecord files of `tf.train.Example`, read without TensorFlow.

The framing is in tensorflow/core/lib/io/record_writer.h, the message in tensorflow/core/example/example.proto. The
checksums are verified where google_crc32c is installed.
"""

from __future__ import annotations

import functools
import struct
from typing import IO, Any, Iterator, Mapping, Sequence

from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import Chunk, SizedRow, UnreadableRow, collect_rows
from rehub.batch_inference.reading.files import InputFile, open_decompressed
from rehub.batch_inference.reading.lines import iter_rows, plan_rows
from rehub.errors import CorruptModel, InputUnreadable
from rehub.savedmodel.checkpoint.crc32c import Checksum
from rehub.savedmodel.wire import BYTES, FIXED32, Message

_HEADER, _FOOTER = 12, 4
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_LARGEST_RECORD = 1 << 31  # The limit of protobuf.
# Field numbers of example.proto.
_FEATURES, _FEATURE, _KEY, _VALUE = 1, 1, 1, 2
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST, _ELEMENTS = 1, 2, 3, 1


def plan_file(file: InputFile, limit: ShardLimit) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the slices of a file. Of a large one the length of each record is read, to find where they start."""
    return plan_rows(file, limit, _find_records), None


def _find_records(path: str) -> Iterator[int]:
    """Yield the byte where each record starts; stops where the file is damaged, which the worker reports."""
    position = 0
    with open_decompressed(path) as file:
        while True:
            try:
                size = _read_size(file)
            except InputUnreadable:
                yield position
                return
            if size is None:
                return
            yield position
            position += _HEADER + size + _FOOTER
            file.seek(position)


def _read_size(file: IO[bytes]) -> int | None:
    """Return the size of the next record; None at the end of the file."""
    header = file.read(_HEADER)
    if not header:
        return None
    if len(header) < _HEADER:
        raise InputUnreadable("it ends within a record")
    size, checksum = struct.unpack("<QI", header)
    if Checksum(header[:8]).masked() not in (None, checksum) or size > _LARGEST_RECORD:
        if header.startswith(_ZLIB):
            raise InputUnreadable("it is compressed by ZLIB; write it with GZIP or uncompressed")
        raise InputUnreadable("the length of a record is damaged, or it is not a TFRecord file")
    return int(size)


def read_slice(part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of a slice."""
    return collect_rows(read_rows(part, frozenset(columns)), columns)


def read_rows(part: Slice, wanted: frozenset[str] | None = None) -> Iterator[SizedRow]:
    """Yield the rows of a slice with the wanted values, or all."""
    return iter_rows(part, _iter_records(part), functools.partial(_parse_record, wanted))


def _iter_records(part: Slice) -> Iterator[tuple[tuple[bytes, bytes], int]]:
    """Yield the content and the footer of each record."""
    position = part.start
    with open_decompressed(part.path) as file:
        if position:
            file.seek(position)
        while part.stop is None or position < part.stop:
            size = _read_size(file)
            if size is None:
                return
            content, footer = file.read(size), file.read(_FOOTER)
            if len(footer) < _FOOTER:
                raise InputUnreadable("it ends within a record")
            yield (content, footer), size
            position += _HEADER + size + _FOOTER


def _parse_record(wanted: frozenset[str] | None, record: tuple[bytes, bytes]) -> Mapping[str, Any]:
    content, footer = record
    if Checksum(content).masked() not in (None, *struct.unpack("<I", footer)):
        raise UnreadableRow("row", "its checksum is another one; it is damaged")
    try:
        return parse_example(content, wanted)
    except (CorruptModel, struct.error, ValueError) as error:
        raise UnreadableRow("row", f"it is not a tf.train.Example: {error}") from error


def parse_example(content: bytes, wanted: frozenset[str] | None = None) -> dict[str, Any]:
    """Return the features of an example: one value by itself, several as a list, none as None.

    Bytes that are UTF-8 stay bytes: the input or the column that takes them says what they are.

    Raises:
        CorruptModel: it is not such a message.
    """
    found: dict[str, Any] = {}
    for entry in Message(content).message(_FEATURES).messages(_FEATURE):
        name = entry.text(_KEY)
        if wanted is None or name in wanted:
            values = _read_feature(entry.message(_VALUE))
            found[name] = values[0] if len(values) == 1 else values or None
    return found


def _read_feature(feature: Message) -> list[Any]:
    for number, kind, value in feature.fields():
        if kind != BYTES:
            raise ValueError("a feature is not a list")
        elements = feature.within(value)
        if number == _BYTES_LIST:
            return list(elements.values(_ELEMENTS))
        if number == _FLOAT_LIST:
            return _read_floats(elements)
        if number == _INT64_LIST:
            return [each - (1 << 64) if each >= 1 << 63 else each for each in elements.packed_integers(_ELEMENTS)]
    return []


def _read_floats(elements: Message) -> list[float]:
    found: list[float] = []
    for number, kind, value in elements.fields():
        if number == _ELEMENTS and kind in (BYTES, FIXED32):
            content = elements.bytes_at(value)
            found += struct.unpack(f"<{len(content) // 4}f", content)
    return found
