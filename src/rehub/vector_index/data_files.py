"""The Parquet files of a directory: which there are, their vectors in order, and single rows of them.

A row is named by its number: rows are counted from 0 over all files, in the order of the files' names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.model import hash_path
from rehub.batch_inference.row_errors import ERROR_COLUMN
from rehub.errors import IndexOutdated, InvalidVectors
from rehub.escaping import quote
from rehub.formatting import list_names
from rehub.strict_parsing import Malformed, get_field, parse_json

if TYPE_CHECKING:
    from os import PathLike

_ROWS_PER_BATCH = 1024


@dataclass(frozen=True)
class DataFile:
    """A Parquet file, as it was when it was read.

    Attributes:
        name: its path below the directory, with slashes.
        size: in bytes.
        modified: its time of modification, in nanoseconds.
        sha256: of its content.
        rows: how many rows it has.
    """

    name: str
    size: int
    modified: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class VectorBatch:
    """Some rows of a column of vectors, in order.

    Attributes:
        vectors: float32[n, dimensions]. Vectors of rows that are left out are not among them.
        rows: int64[n], the number of each row.
        failed: how many rows were left out because they have an error.
        missing: how many because their vector is null.
    """

    vectors: Any
    rows: Any
    failed: int
    missing: int


def check_directory(directory: str | PathLike[str]) -> Path:
    """Return the path of a directory on this machine.

    Raises:
        InvalidVectors: it is a URL, or there is no such directory.
    """
    text = os.fspath(directory)
    if "://" in text:
        raise InvalidVectors(f"{quote(text)} is not on this machine. Copy the directory here, and index the copy.")
    path = Path(text).expanduser()
    if not path.is_dir():
        raise InvalidVectors(f"There is no directory {quote(path)}.")
    return path


def list_data_files(directory: Path) -> list[str]:
    """Return the names of the Parquet files below a directory, sorted. Names that start with _ or . are skipped.

    Raises:
        InvalidVectors: there are none.
    """
    found = []
    for folder, folders, names in os.walk(str(directory)):
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        paths = (Path(folder, name) for name in names if name.endswith(".parquet") and not name.startswith(("_", ".")))
        found += [path.relative_to(directory).as_posix() for path in paths]
    if not found:
        raise InvalidVectors(f"{quote(directory)} has no Parquet files. `rehub batch --output DIR` writes some.")
    return sorted(found)


def describe_data_file(directory: Path, name: str) -> DataFile:
    """Read the footer of a data file, and hash its content."""
    path = directory / name
    status = path.stat()
    rows = _open_parquet(path).metadata.num_rows
    return DataFile(name, status.st_size, status.st_mtime_ns, hash_path(path), rows)


def is_untouched(directory: Path, file: DataFile) -> bool:
    """Return whether a data file has the size and the time that it had."""
    try:
        status = (directory / file.name).stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (file.size, file.modified)


def check_runs(directory: Path, names: Sequence[str]) -> None:
    """Check that the files of each folder which `rehub batch` wrote are of one run.

    Raises:
        InvalidVectors: a file is of another one: a worker that was forgotten can have written it late.
    """
    runs: dict[str, tuple[str, str]] = {}
    for name in names:
        run = _read_run(directory / name)
        if run is None:
            continue
        first, other = runs.setdefault(name.rpartition("/")[0], (run, name))
        if first != run:
            raise InvalidVectors(
                f"{quote(directory / other)} and {quote(directory / name)} are of different runs of `rehub batch`. "
                "Start the last one again: it computes what is not its own."
            )


def _read_run(path: Path) -> str | None:
    """Return which run of `rehub batch` wrote a data file; None for a file of something else."""
    text = (_open_parquet(path).metadata.metadata or {}).get(b"rehub")
    try:
        return str(get_field(parse_json(text or b""), "plan", str))
    except Malformed:
        return None


def choose_vector_column(directory: Path, name: str, column: str | None) -> str:
    """Return the column to index: the given one, else the only one that has vectors.

    Args:
        directory: the directory of the data files.
        name: the data file whose schema is read.
        column: a name, or None.

    Raises:
        InvalidVectors: there is no such column, or not exactly one with vectors; lists them.
    """
    schema = _open_parquet(directory / name).schema_arrow
    candidates = [field.name for field in schema if _is_vector_type(field.type)]
    found = f"Columns with vectors: {list_names(candidates) or 'none'}."
    if column is None:
        if len(candidates) == 1:
            return str(candidates[0])
        raise InvalidVectors(f"Name the column to index in {quote(directory)}. {found}")
    if column not in schema.names:
        raise InvalidVectors(f"{quote(directory)} has no column {quote(column)}. {found}")
    if column not in candidates:
        raise InvalidVectors(
            f"Column {quote(column)} of {quote(directory)} has the type {schema.field(column).type}, "
            f"not vectors: lists of numbers. {found}"
        )
    return column


def iter_vectors(directory: Path, files: Sequence[DataFile], column: str) -> Iterator[VectorBatch]:
    """Yield the vectors of all rows that have one and no error, some at a time.

    Raises:
        InvalidVectors: a file has no such column, cannot be read, or two vectors have different lengths.
    """
    pa = import_pyarrow()

    first_row = 0
    for file in files:
        parquet = _open_parquet(directory / file.name)
        names = parquet.schema_arrow.names
        for name in (column, ERROR_COLUMN):
            if names.count(name) > 1:
                raise InvalidVectors(
                    f"{quote(directory / file.name)} has {names.count(name)} columns with the name {quote(name)}."
                )
        if column not in names or not _is_vector_type(parquet.schema_arrow.field(column).type):
            raise InvalidVectors(f"{quote(directory / file.name)} has no column {quote(column)} of vectors.")
        columns = [column, ERROR_COLUMN] if ERROR_COLUMN in names else [column]
        try:
            for batch in parquet.iter_batches(batch_size=_ROWS_PER_BATCH, columns=columns):
                yield _read_batch(batch, column, first_row, directory / file.name)
                first_row += batch.num_rows
        except (OSError, pa.ArrowException) as error:
            raise InvalidVectors(f"{quote(directory / file.name)} cannot be read: {error}") from error


def _read_batch(batch: Any, column: str, first_row: int, path: Path) -> VectorBatch:
    import numpy as np

    pa = import_pyarrow()
    lists = batch.column(batch.schema.get_field_index(column))
    has_vector = lists.is_valid().to_numpy(zero_copy_only=False)
    has_failed = np.zeros(len(lists), bool)
    if ERROR_COLUMN in batch.schema.names:
        errors = batch.column(batch.schema.get_field_index(ERROR_COLUMN))
        has_failed = errors.is_valid().to_numpy(zero_copy_only=False)
    lists = lists.filter(pa.array(has_vector & ~has_failed))
    rows = first_row + np.flatnonzero(has_vector & ~has_failed)
    lengths = _list_lengths(lists)
    if len(lengths) > 1 or 0 in lengths:
        what = "vectors of different lengths" if len(lengths) > 1 else "vectors of the length"
        raise InvalidVectors(f"Column {quote(column)} of {quote(path)} has {what}: {list_names(lengths)}.")
    with np.errstate(over="ignore"):  # A number that is too large for float32 becomes infinite, and is left out.
        numbers = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32)  # A null becomes NaN.
    vectors = numbers.reshape(len(lists), lengths[0] if lengths else 0)
    return VectorBatch(vectors, rows, int(has_failed.sum()), int((~has_vector & ~has_failed).sum()))


def _list_lengths(lists: Any) -> list[int]:
    pa = import_pyarrow()
    if pa.types.is_fixed_size_list(lists.type):
        return [lists.type.list_size] if len(lists) else []
    return sorted(set(lists.value_lengths().to_pylist()))


def _is_vector_type(type_: Any) -> bool:
    pa = import_pyarrow()
    is_list = pa.types.is_fixed_size_list(type_) or pa.types.is_list(type_) or pa.types.is_large_list(type_)
    return bool(is_list and (pa.types.is_floating(type_.value_type) or pa.types.is_integer(type_.value_type)))


def read_rows(directory: Path, files: Sequence[DataFile], rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return the kept columns of some rows: all columns but those of lists, and `error`.

    Only the row groups that have one of the rows are read.

    Raises:
        IndexOutdated: a file has changed.
    """
    found: dict[int, dict[str, Any]] = {}
    first_row = 0
    for file in files:
        wanted = sorted({row - first_row for row in rows if first_row <= row < first_row + file.rows})
        if wanted:
            if not is_untouched(directory, file):
                raise IndexOutdated(f"{quote(directory / file.name)} has changed. Build the index again.")
            values = _read_rows_of_file(_open_parquet(directory / file.name), wanted)
            found.update((first_row + number, items) for number, items in zip(wanted, values))
        first_row += file.rows
    return [found[row] for row in rows]


def _read_rows_of_file(parquet: Any, wanted: Sequence[int]) -> list[dict[str, Any]]:
    pa = import_pyarrow()
    kept = [field.name for field in parquet.schema_arrow if not pa.types.is_nested(field.type)]
    kept = [name for name in kept if name != ERROR_COLUMN]
    found: list[dict[str, Any]] = []
    first_row = 0
    for group in range(parquet.num_row_groups):
        count = parquet.metadata.row_group(group).num_rows
        inside = [number - first_row for number in wanted if first_row <= number < first_row + count]
        if inside and kept:
            table = parquet.read_row_group(group, columns=kept).take(inside)
            columns = [_list_values(column) for column in table.columns]
            found += [dict(zip(table.column_names, values)) for values in zip(*columns)]
        elif inside:
            found += [{} for _ in inside]
        first_row += count
    return found


def _list_values(column: Any) -> list[Any]:
    pa = import_pyarrow()
    try:
        return list(column.to_pylist())
    except (pa.ArrowException, ValueError, OverflowError, KeyError):  # Python has no such date, or no such time zone.
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp(column.type.unit, "UTC"))
        return list(column.cast(pa.string()).to_pylist())


def _open_parquet(path: Path) -> Any:
    pa = import_pyarrow()
    try:
        return pa.parquet.ParquetFile(str(path))
    except (OSError, UnicodeError, pa.ArrowInvalid) as error:
        raise InvalidVectors(f"{quote(path)} cannot be read as Parquet: {error}") from error
