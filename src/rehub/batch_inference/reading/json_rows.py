"""Rows of JSON lines: an object on each line."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import Chunk, SizedRow, UnreadableRow, collect_rows
from rehub.batch_inference.reading.files import InputFile, open_decompressed
from rehub.batch_inference.reading.lines import CountedLines, has_broken_text, iter_rows, plan_rows

_LARGE_EXPONENT = re.compile(r"\d[eE]\+?\d{3}")  # Python reads 1e999 as infinity.


def plan_file(file: InputFile, limit: ShardLimit) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the slices of a file. A large one is read, to find where its rows start."""
    return plan_rows(file, limit, _find_rows), None


def _find_rows(path: str) -> Iterator[int]:
    with open_decompressed(path) as file:
        lines = CountedLines(file)
        position = 0
        for line in lines:
            if not line.isspace():
                yield position
            position = lines.position


def read_slice(part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of a slice."""
    return collect_rows(read_rows(part), columns)


def read_rows(part: Slice) -> Iterator[SizedRow]:
    """Yield the rows of a slice with all their values."""
    return iter_rows(part, _iter_lines(part), _parse_line)


def _iter_lines(part: Slice) -> Iterator[tuple[str, int]]:
    with open_decompressed(part.path) as file:
        for line in CountedLines(file, part.start, part.stop):
            if not line.isspace():
                yield line, len(line)


def _parse_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


def _parse_line(line: str) -> Mapping[str, Any]:
    if has_broken_text(line):
        raise UnreadableRow("encoding", "it is not UTF-8")
    try:
        row = json.loads(line, parse_float=_parse_float if _LARGE_EXPONENT.search(line) else None)
    except (ValueError, RecursionError) as error:
        raise UnreadableRow("row", f"it is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise UnreadableRow("row", "it is not an object")
    return row
