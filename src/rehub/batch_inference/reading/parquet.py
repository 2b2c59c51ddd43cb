"""Rows of Parquet files. A slice is a range of rows: whole row groups, or a part of a large one."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import ShardLimit, Slice
from rehub.batch_inference.reading.chunk import MOST_BYTES, MOST_ROWS, Chunk
from rehub.batch_inference.reading.files import InputFile, describe_failure, open_file
from rehub.redaction import redact_url

# Else a whole row group of a column is in memory. An object store is better read by few large requests.
_STREAMED = {"pre_buffer": False, "buffer_size": 1 << 18}
ROWS_AT_ONCE = 256  # Of texts and lists, whose sizes are not known before. `merge_chunks` puts them together.


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
    return slices, {field.name: _simplify_type(field.type) for field in schema}


def _simplify_type(kind: Any) -> Any:
    """Return the type as which a column is read: categories and views of texts are texts."""
    pa = import_pyarrow()
    if pa.types.is_dictionary(kind):
        return _simplify_type(kind.value_type)
    return {"string_view": pa.string(), "binary_view": pa.binary()}.get(str(kind), kind)


def _simplify_values(values: Any) -> Any:
    kind = _simplify_type(values.type)
    return values if kind == values.type else values.cast(kind)


def read_slice(part: Slice, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of a range. A file that cannot be read is one row with an error."""
    pa = import_pyarrow()
    row = part.start
    try:
        with open_file(part.path) as opened:
            file = pa.parquet.ParquetFile(opened, **({} if "://" in part.path else _STREAMED))
            for values, count in _iter_range(file, part.start, part.stop or 0, columns):
                yield Chunk(values, count, size=_measure_size(values))
                row += count
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Chunk.of_failure(columns, "file", describe_failure(part.path, error, row))


def _measure_size(values: Mapping[str, Any]) -> int:
    return sum(int(each.nbytes) for each in values.values())


def _iter_range(file: Any, start: int, stop: int, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield columns of some rows of a range, and the number of these rows; it follows the sizes of the rows before.

    A file does not say how large its rows are: values that repeat are in it once.
    """
    pa = import_pyarrow()
    groups: list[int] = []
    position, rows_before = 0, 0
    for group in range(file.metadata.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if rows_before < stop and rows_before + count > start:
            position = position if groups else rows_before - start
            groups.append(group)
        rows_before += count
    wanted = stop - start
    has_fixed_sizes = all(pa.types.is_primitive(file.schema_arrow.field(name).type) for name in columns)
    most_rows = MOST_ROWS if has_fixed_sizes else ROWS_AT_ONCE
    for batch in file.iter_batches(1, row_groups=groups, columns=list(columns)):
        values = {name: _simplify_values(batch.column(name)) for name in columns}
        first, count = max(0, -position), max(0, wanted - max(0, position))
        position += batch.num_rows
        cut = {name: each.slice(first, count) for name, each in values.items()}
        rows = max(0, min(count, batch.num_rows - first))
        if rows:
            yield cut, rows
        if position >= wanted:
            return
        # The reader looks at it before each batch (GetRecordBatchReader in parquet/arrow/reader.cc).
        file.reader.set_batch_size(min(most_rows, _choose_rows(batch.num_rows, _measure_size(values))))


def _choose_rows(rows: int, size: int) -> int:
    """Return how many rows to read after some with a size in bytes."""
    return max(1, min(rows * 4, MOST_BYTES * rows // max(1, size)))
