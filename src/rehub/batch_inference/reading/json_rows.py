"""Rows of JSON lines: an object on each line."""

from __future__ import annotations

import json
from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.plan import Slice
from rehub.batch_inference.reading.chunk import Chunk, UnreadableRow, collect_rows
from rehub.batch_inference.reading.files import InputFile, describe_failure, open_decompressed
from rehub.batch_inference.reading.inferred_types import infer_types
from rehub.batch_inference.reading.lines import (
    FILE_ERRORS,
    CountedLines,
    can_be_cut,
    cut_rows,
    has_broken_text,
    plan_whole_file,
)
from rehub.redaction import redact_url


def plan_file(file: InputFile, rows: int) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the slices of a file. A large one is read, to find where its rows start."""
    try:
        return cut_rows(file, _find_rows(file.path), rows) if can_be_cut(file) else plan_whole_file(file), None
    except FILE_ERRORS as error:
        return [Slice(file.path, file.stamp, problem=describe_failure(file.path, error))], None


def describe_columns(slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the keys of the first objects, and the types of their values."""
    return infer_types(row for part in slices if not part.problem for row, _ in _iter_rows(part))


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
    return collect_rows(_iter_rows(part), columns)


def _iter_rows(part: Slice) -> Iterator[tuple[Mapping[str, Any] | UnreadableRow, int]]:
    number = part.first_row
    try:
        with open_decompressed(part.path) as file:
            for line in CountedLines(file, part.start, part.stop):
                if line.isspace():
                    continue
                yield _parse_row(line, part.path, number), len(line)
                number += 1
    except FILE_ERRORS as error:
        yield UnreadableRow("file", describe_failure(part.path, error, number)), 0


def _parse_row(line: str, path: str, number: int) -> Mapping[str, Any] | UnreadableRow:
    where = f"row {number + 1} of {redact_url(path)}"
    if has_broken_text(line):
        return UnreadableRow("encoding", f"{where}: it is not UTF-8")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return UnreadableRow("row", f"{where}: it is not JSON: {error}")
    if not isinstance(row, dict):
        return UnreadableRow("row", f"{where}: it is not an object")
    return row
