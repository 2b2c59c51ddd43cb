"""Rows of CSV files, by RFC 4180: a header, commas, quotes that may hold line ends. All cells are text.

Nothing is guessed: a row with another number of cells than the header, or with text after a closing quote, is an
error.
"""

from __future__ import annotations

import csv
from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import Chunk, UnreadableRow, collect_rows
from rehub.batch_inference.reading.files import InputFile, describe_failure, open_decompressed
from rehub.batch_inference.reading.lines import (
    FILE_ERRORS,
    CountedLines,
    has_broken_text,
    iter_rows,
    plan_rows,
)
from rehub.errors import InputUnreadable

_LONGEST_CELL = 1 << 30
_OTHER_SEPARATORS = ";\t|"  # Excel writes semicolons in many countries.
_UNCLOSED_QUOTE = "unexpected end of data"


def plan_file(file: InputFile, limit: ShardLimit) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the slices of a file, and its columns. A large one is read, to find where its rows start."""
    pa = import_pyarrow()
    try:
        header = _read_header(file.path)
    except (*FILE_ERRORS, csv.Error, ValueError) as error:
        return [Slice(file.path, file.stamp, problem=describe_failure(file.path, error))], None
    return plan_rows(file, limit, _find_rows), {name: pa.string() for name in header} if header else None


def _read_header(path: str) -> list[str]:
    with open_decompressed(path) as file:
        header = next((row for row in _parse_lines(CountedLines(file)) if row), [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"its header has the column {twice[0]!r} twice")
    if len(header) == 1 and any(each in header[0] for each in _OTHER_SEPARATORS):
        raise ValueError(f"its header is {header[0][:60]!r}, without commas; write it with commas between cells")
    if any(map(has_broken_text, header)):
        raise ValueError("its header is not UTF-8")
    return header


def _parse_lines(lines: CountedLines) -> Iterator[list[str]]:
    csv.field_size_limit(_LONGEST_CELL)  # A setting of the process. The default refuses texts of 128 kB.
    return iter(csv.reader(lines, strict=True))


def _find_rows(path: str) -> Iterator[int]:
    """Yield the byte where each row after the header starts; stops where the file cannot be read further."""
    with open_decompressed(path) as file:
        lines = CountedLines(file)
        reader = _parse_lines(lines)
        position, is_header = 0, True
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                row = ["?"]  # It is read again, and reported, by the worker.
            if row and not is_header:
                yield position
            is_header = is_header and not row
            position = lines.position


def read_slice(part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of a slice."""
    return collect_rows(iter_rows(part, _iter_records(part), _parse_record), columns)


def _iter_records(part: Slice) -> Iterator[tuple[tuple[list[str], list[str] | csv.Error], int]]:
    """Yield the header, and the cells of each row, or why there are none."""
    header = _read_header(part.path)
    with open_decompressed(part.path) as file:
        lines = CountedLines(file, part.start, part.stop)
        reader = _parse_lines(lines)
        is_header = part.start == 0
        while True:
            start = lines.position
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if str(error) == _UNCLOSED_QUOTE:
                    raise InputUnreadable("a quote is never closed") from error
                yield (header, error), 0
                continue
            if not cells:
                continue  # A blank line.
            if is_header:
                is_header = False
                continue
            yield (header, cells), lines.position - start


def _parse_record(record: tuple[list[str], list[str] | csv.Error]) -> Mapping[str, Any]:
    header, cells = record
    if isinstance(cells, csv.Error):
        raise UnreadableRow("row", str(cells))
    if len(cells) != len(header):
        raise UnreadableRow("row", f"it has {len(cells)} cells, and the header {len(header)}")
    if any(map(has_broken_text, cells)):
        raise UnreadableRow("encoding", "it is not UTF-8")
    return dict(zip(header, cells))
