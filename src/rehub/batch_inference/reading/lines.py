"""Files of rows one after the other: where to cut large ones, the rows of a slice, and lines of text."""

from __future__ import annotations

import zlib
from typing import IO, Any, Callable, Iterator, Mapping, TypeVar

from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import SizedRow, UnreadableRow
from rehub.batch_inference.reading.files import InputFile, describe_failure, is_compressed
from rehub.errors import InputUnreadable
from rehub.redaction import redact_url

T = TypeVar("T")

# Smaller files are not cut, so that a plan of many does not read them.
CUT_FROM_BYTES = 4 << 20
# Of a file that is damaged, cut off, or not there.
FILE_ERRORS = (OSError, EOFError, zlib.error, InputUnreadable)
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class CountedLines:
    """The lines of a file as text, between two bytes of its decompressed content.

    Bytes that are not UTF-8 become single surrogates: the row that has them is found by these.

    Attributes:
        position: the byte after the last line that was given out.
    """

    def __init__(self, file: IO[bytes], start: int = 0, stop: int | None = None) -> None:
        self._file = file
        self._stop = stop
        self.position = start
        if start:
            file.seek(start)

    def __iter__(self) -> Iterator[str]:
        while self._stop is None or self.position < self._stop:
            line = self._file.readline()
            if not line:
                return
            if self.position == 0:
                if line.startswith(_UTF_16):
                    raise InputUnreadable("it is UTF-16; convert it to UTF-8")
                self.position, line = len(line), line[len(_BOM) :] if line.startswith(_BOM) else line
            else:
                self.position += len(line)
            yield line.decode("utf-8", "surrogateescape")


def has_broken_text(text: str) -> bool:
    """Return whether a text from `CountedLines` had bytes that are not UTF-8."""
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def plan_rows(file: InputFile, limit: ShardLimit, find_rows: Callable[[str], Iterator[int]]) -> list[Slice]:
    """Return the slices of a file: one, or several if it is large and can be read from its middle.

    Args:
        file: the file.
        limit: of a slice of several.
        find_rows: yields the byte where each row starts.
    """
    try:
        if file.size >= CUT_FROM_BYTES and not is_compressed(file.path):
            return _cut_rows(file, find_rows(file.path), limit)
    except FILE_ERRORS as error:
        return [Slice(file.path, file.stamp, problem=describe_failure(file.path, error))]
    return [Slice(file.path, file.stamp)] if file.size else []


def iter_rows(
    part: Slice, records: Iterator[tuple[T, int]], parse: Callable[[T], Mapping[str, Any]]
) -> Iterator[SizedRow]:
    """Yield the rows of a slice; a row, or the rest of the file, that cannot be read as why.

    Args:
        part: the slice.
        records: what is in the file for each row, and its size in bytes.
        parse: returns the row; raises UnreadableRow if it cannot.
    """
    number = part.first_row
    try:
        for record, size in records:
            try:
                yield parse(record), size
            except UnreadableRow as error:
                yield UnreadableRow(error.kind, f"row {number + 1} of {redact_url(part.path)}: {error}"), size
            number += 1
    except FILE_ERRORS as error:
        yield UnreadableRow("file", describe_failure(part.path, error, number)), 0


def _cut_rows(file: InputFile, starts: Iterator[int], limit: ShardLimit) -> list[Slice]:
    """Return slices up to a limit, of which the last row can be over its size.

    Args:
        file: the file.
        starts: the byte where each row starts.
        limit: of a slice.
    """
    slices: list[Slice] = []
    count, done, first = 0, 0, 0
    for position in starts:
        if count == done:
            first = position
        elif count - done == limit.rows or position - first >= limit.size:
            slices.append(Slice(file.path, file.stamp, first, position, count - done, done))
            first, done = position, count
        count += 1
    if count:
        slices.append(Slice(file.path, file.stamp, first, file.size, count - done, done))
    return slices
