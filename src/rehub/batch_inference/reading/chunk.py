"""Some rows of the input, as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator, Mapping, Sequence, Tuple, Union

from rehub.batch_inference.arrow import import_pyarrow, is_arrow
from rehub.batch_inference.row_errors import RowErrors

MOST_ROWS = 8192
MOST_BYTES = 32 << 20


@dataclass
class Chunk:
    """Some rows of a slice.

    Attributes:
        columns: for each name an Arrow array or a list, with a value for each row.
        rows: the number of rows.
        errors: of the rows that could not be read.
        size: of the values, in bytes.
    """

    columns: Mapping[str, Any]
    rows: int
    errors: RowErrors = field(default_factory=RowErrors)
    size: int = 0

    @staticmethod
    def of_failure(columns: Sequence[str], kind: str, message: str) -> Chunk:
        """Return one row without values, for what cannot be read."""
        errors = RowErrors()
        errors.add(0, kind, message)
        return Chunk({name: [None] for name in columns}, 1, errors)


class UnreadableRow(Exception):
    """A row, or the rest of a file, that cannot be read; says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


# A row, or why it cannot be read, and its size in bytes.
SizedRow = Tuple[Union[Mapping[str, Any], UnreadableRow], int]


def collect_rows(rows: Iterable[SizedRow], columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield chunks of rows.

    Args:
        rows: the rows.
        columns: the names of the values that are kept.
    """
    values: dict[str, list[Any]] = {name: [] for name in columns}
    errors, count, size = RowErrors(), 0, 0
    for row, row_bytes in rows:
        if isinstance(row, UnreadableRow):
            errors.add(count, row.kind, str(row))
            row = {}
        for name in columns:
            values[name].append(row.get(name))
        count += 1
        size += row_bytes
        if count == MOST_ROWS or size >= MOST_BYTES:
            yield Chunk(values, count, errors, size)
            values, errors, count, size = {name: [] for name in columns}, RowErrors(), 0, 0
    if count:
        yield Chunk(values, count, errors, size)


def merge_chunks(chunks: Iterable[Chunk], columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of chunks in larger chunks: small files are small chunks, and the model gets whole batches."""
    pending: list[Chunk] = []
    rows, size = 0, 0
    types: dict[str, Any] = {}
    for chunk in chunks:
        own = {name: values.type for name, values in chunk.columns.items() if _has_type(values)}
        is_alike = all(types.get(name, kind) == kind and not _has_categories(kind) for name, kind in own.items())
        if pending and (rows + chunk.rows > MOST_ROWS or size + chunk.size > MOST_BYTES or not is_alike):
            yield _join_columns(pending, columns)
            pending, rows, size, types = [], 0, 0, {}
        pending.append(chunk)
        rows, size = rows + chunk.rows, size + chunk.size
        types.update(own)
    if pending:
        yield _join_columns(pending, columns)


def _has_type(values: Any) -> bool:
    return is_arrow(values) and values.type != import_pyarrow().null()


def _has_categories(kind: Any) -> bool:
    """Return whether values have codes, as lists of categories do: those of two files may be too many for one."""
    return "dictionary" in str(kind)


def _join_columns(chunks: Sequence[Chunk], columns: Sequence[str]) -> Chunk:
    if len(chunks) == 1:
        return chunks[0]
    errors, rows = RowErrors(), 0
    for chunk in chunks:
        errors.merge(chunk.errors, rows)
        rows += chunk.rows
    values = {name: concatenate_values([chunk.columns[name] for chunk in chunks]) for name in columns}
    return Chunk(values, rows, errors, sum(chunk.size for chunk in chunks))


def concatenate_values(parts: Sequence[Any]) -> Any:
    """Return the values of several lists, or of several Arrow arrays of one type, as one.

    Among Arrow arrays, lists and arrays of the type null have nothing but None.
    """
    typed = [part for part in parts if _has_type(part)]
    if not typed:
        return [value for part in parts for value in (part.to_pylist() if is_arrow(part) else part)]
    pa = import_pyarrow()
    kind = typed[0].type
    return pa.concat_arrays([part if _has_type(part) else pa.nulls(len(part), kind) for part in parts])
