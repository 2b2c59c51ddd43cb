"""Read the rows of a slice: from Parquet, CSV, JSON lines, TFRecord, or files that are a row each.

Each format is a module with `plan_file`, which cuts a file into slices, and `read_slice`, which yields chunks; and with
`read_rows`, from which the columns are inferred, if its files do not say them. A row that cannot be read is a row with
an error, and so is the rest of a file that cannot be read further.
"""

from __future__ import annotations

import importlib
from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.read_ahead import map_ahead
from rehub.batch_inference.reading.chunk import Chunk as Chunk
from rehub.batch_inference.reading.files import InputFile as InputFile
from rehub.batch_inference.reading.files import InputFiles as InputFiles
from rehub.batch_inference.reading.files import check_stamp
from rehub.batch_inference.reading.files import list_files as list_files
from rehub.batch_inference.reading.inferred_types import infer_types

_MODULES = {
    "parquet": "parquet",
    "csv": "csv_rows",
    "jsonl": "json_rows",
    "tfrecord": "tfrecord",
    "image": "whole_files",
    "text": "whole_files",
}
_WITHOUT_TYPES = ("jsonl", "tfrecord")
# The formats of files that are a row each, with a column `path` besides the `content`.
WHOLE_FILES = ("image", "text")
_REQUESTS = 16


def _import_format(name: str) -> Any:
    return importlib.import_module(f"rehub.batch_inference.reading.{_MODULES[name]}")


def plan_file(format_name: str, file: InputFile, limit: ShardLimit) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the slices of a file, none larger than a shard, and its columns with their Arrow types, if it says so."""
    found: tuple[list[Slice], Mapping[str, Any] | None] = _import_format(format_name).plan_file(file, limit)
    return found


def describe_columns(format_name: str, slices: Sequence[Slice]) -> dict[str, Any]:
    """Return the Arrow types of the columns of files that do not say it, from their first rows.

    Raises:
        InputUnreadable: there are rows, but none that can be read.
    """
    if format_name not in _WITHOUT_TYPES:
        return {}  # The files have no columns.
    read_rows = _import_format(format_name).read_rows
    return infer_types(row for part in slices if not part.problem for row, _ in read_rows(part))


def read_slices(format_name: str, slices: Sequence[Slice], columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of slices, one after the other. A folder of images is read by several requests at a time.

    Args:
        format_name, columns: as for `read_slice`.
        slices: in the order of their rows.
    """
    if format_name in WHOLE_FILES and any("://" in part.path for part in slices):
        found = map_ahead(lambda part: list(read_slice(format_name, part, columns)), slices, _REQUESTS)
        return (chunk for chunks in found for chunk in chunks)
    return (chunk for part in slices for chunk in read_slice(format_name, part, columns))


def read_slice(format_name: str, part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of a slice in chunks of some thousand rows, or some megabytes.

    Args:
        format_name: "parquet", "csv", "jsonl", "tfrecord", "image" or "text".
        part: the slice.
        columns: the columns that are needed; a row that lacks one has None there.

    Raises:
        InputChanged: the file has changed since it was planned; also after the last row.
    """
    if part.problem:
        yield Chunk.of_failure(columns, "file", part.problem)
        return
    if format_name not in WHOLE_FILES:
        check_stamp(part.path, part.stamp)
    yield from _import_format(format_name).read_slice(part, columns)
    check_stamp(part.path, part.stamp)  # What was read may be half of one file and half of another.
