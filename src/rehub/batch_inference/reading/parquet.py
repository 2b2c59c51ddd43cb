"""Rows of Parquet files. A slice is a range of rows: whole row groups, or a part of a large one."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import MOST_BYTES, MOST_ROWS, Chunk
from rehub.batch_inference.reading.files import InputFile, describe_failure, open_file
from rehub.redaction import redact_url


def plan_file(file: InputFile, limit: ShardLimit) -> tuple[list[Slice], Mapping[str, Any] | None]:
    """Return the row ranges of a file, and its columns. Only the footer is read."""
    pa = import_pyarrow()
    try:
        with open_file(file.path) as opened:
            metadata = pa.parquet.read_metadata(opened)
            schema = metadata.schema.to_arrow_schema()
    except (OSError, ValueError, pa.ArrowException) as error:
        return [Slice(file.path, file.stamp, problem=describe_failure(file.path, error))], None
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        problem = f"{redact_url(file.path)} cannot be read: it has the column {twice[0]!r} twice"
        return [Slice(file.path, file.stamp, problem=problem)], None
    bytes_of_row = file.size / max(1, metadata.num_rows)
    rows = min(limit.rows, max(1, int(limit.size / bytes_of_row)))
    slices, start = [], 0
    for group in range(metadata.num_row_groups):
        count = metadata.row_group(group).num_rows
        pieces = max(1, -(-count // rows))
        for piece in range(pieces):
            first, stop = start + count * piece // pieces, start + count * (piece + 1) // pieces
            if stop > first:
                slices.append(Slice(file.path, file.stamp, first, stop, stop - first, first))
        start += count
    return slices, {field.name: field.type for field in schema}


def read_slice(part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of a range. A file that cannot be read is one row with an error."""
    pa = import_pyarrow()
    row = part.start
    try:
        with open_file(part.path) as opened:
            file = pa.parquet.ParquetFile(opened)
            for batch in _iter_range(file, part.start, part.stop or 0, columns):
                yield Chunk({name: batch.column(name) for name in columns}, batch.num_rows, size=batch.nbytes)
                row += batch.num_rows
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Chunk.of_failure(columns, "file", describe_failure(part.path, error, row))


def _iter_range(file: Any, start: int, stop: int, columns: Sequence[str]) -> Iterator[Any]:
    groups, first = [], 0
    size, skip = 0, None
    for group in range(file.metadata.num_row_groups):
        metadata = file.metadata.row_group(group)
        if first < stop and first + metadata.num_rows > start:
            groups.append(group)
            size += metadata.total_byte_size
            skip = start - first if skip is None else skip
        first += metadata.num_rows
    rows = sum(file.metadata.row_group(group).num_rows for group in groups)
    chunk_rows = max(16, min(MOST_ROWS, MOST_BYTES * rows // max(1, size)))
    position, wanted = -(skip or 0), stop - start
    for batch in file.iter_batches(chunk_rows, row_groups=groups, columns=list(columns)):
        cut = batch.slice(max(0, -position), max(0, wanted - max(0, position)))
        position += batch.num_rows
        if cut.num_rows:
            yield cut
        if position >= wanted:
            return
