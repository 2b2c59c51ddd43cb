"""An open index: search its parts together, and read the rows that were found."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from rehub.errors import IndexNotFound, IndexOutdated, InputMismatch
from rehub.escaping import quote
from rehub.formatting import format_shape, list_names
from rehub.vector_index.data_files import check_directory, read_rows
from rehub.vector_index.distances import keep_nearest
from rehub.vector_index.exact_search import ExactSearcher
from rehub.vector_index.graph_search import GraphSearcher
from rehub.vector_index.manifest import (
    EXACT,
    LeftOut,
    Manifest,
    find_change,
    index_directory,
    list_indexes,
    read_manifest,
)
from rehub.vector_index.projection import Projection

if TYPE_CHECKING:
    from os import PathLike


@dataclass(frozen=True)
class Matches:
    """The nearest vectors of one query, or of several; the nearest first, and equally near ones in the order of rows.

    Attributes:
        rows: int64[k] or int64[queries, k]: their row numbers, for `VectorIndex.read_rows`. If the index has fewer
            vectors than you asked for, k is smaller. If an approximate search found fewer, the rest is -1.
        distances: float64 of the same shape; infinite where `rows` is -1.
    """

    rows: Any
    distances: Any


class VectorIndex:
    """An index of vectors, which `hub.build_index` or `hub.open_index` returned."""

    def __init__(self, directory: Path, path: Path, manifest: Manifest) -> None:
        self._directory = directory
        self._path = path
        self._manifest = manifest
        searcher = ExactSearcher if manifest.kind == EXACT else GraphSearcher
        self._parts = [
            searcher(path / part, manifest.metric, manifest.searched_dimensions) for part in sorted(manifest.parts)
        ]
        # A copy of the directory has other times. From now on, they stay as they are.
        self._files = [
            dataclasses.replace(file, modified=(directory / file.name).stat().st_mtime_ns) for file in manifest.files
        ]
        projection = manifest.projection
        self._matrix = None if projection is None else projection.make_matrix(manifest.dimensions)

    def search(self, vectors: Any, k: int = 10) -> Matches:
        """Find the nearest vectors.

        Distances are computed in float64: 1 - cosine for "cos", 1 - inner product for "ip", and the Euclidean distance
        for "l2". With a projection, they are the distances of the projected vectors.

        Args:
            vectors: one query, [dimensions], or several, [queries, dimensions].
            k: the number of vectors to find for each query.

        Raises:
            InputMismatch: the queries have the wrong dimensions, are not finite, have length 0 under "cos", or k < 1.
        """
        import numpy as np

        queries = self._check_queries(vectors)
        k = min(_check_count(k), self.size)
        rows = np.full((len(queries), k), -1, np.int64)
        distances = np.full((len(queries), k), np.inf)
        found = [part.search(queries, k) for part in self._parts]
        for number in range(len(queries)):
            distances_in_parts, rows_in_parts = zip(*(part[number] for part in found))
            nearest = keep_nearest(np.concatenate(distances_in_parts), np.concatenate(rows_in_parts), k)
            distances[number, : len(nearest[0])], rows[number, : len(nearest[1])] = nearest
        if np.ndim(vectors) == 1:
            return Matches(rows[0], distances[0])
        return Matches(rows, distances)

    def _check_queries(self, vectors: Any) -> Any:
        import numpy as np

        try:
            queries = np.asarray(vectors, np.float64)
        except (TypeError, ValueError) as error:
            raise InputMismatch(f"Received, for {self.label}, a query that is not numbers: {error}") from error
        shape = format_shape(queries.shape)
        if queries.ndim not in (1, 2) or queries.shape[-1] != self.dimensions:
            raise InputMismatch(
                f"The vectors of {self.label} have {self.dimensions} dimensions. Received: a query of shape {shape}."
            )
        queries = np.atleast_2d(queries)
        if self._matrix is not None:
            queries = queries @ self._matrix
        if not np.isfinite(queries).all():
            raise InputMismatch(f"A query for {self.label} has a number that is NaN or infinite.")
        if self.metric != "cos":
            return queries
        is_zero = ~queries.any(axis=1)
        if is_zero.any():
            raise InputMismatch(
                f"A query for {self.label} has only zeros, which have no direction for the metric cos. Number "
                f"{is_zero.argmax()} of {len(queries)}, counted from 0."
            )
        # Their length does not count, and its square must not overflow. A power of two rounds nothing.
        _, exponents = np.frexp(np.abs(queries).max(axis=1, keepdims=True))
        return np.ldexp(queries, -exponents)

    def read_rows(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Return the columns of some rows, such as their ids, from the Parquet files: all but lists and `error`.

        Args:
            rows: int64[k], such as `Matches.rows` of one query. -1 gives an empty dict.

        Raises:
            InputMismatch: there is no such row.
            IndexOutdated: a Parquet file has changed since the index was opened.
        """
        numbers = [int(row) for row in rows]
        count = sum(file.rows for file in self._files)
        wrong = [number for number in numbers if not -1 <= number < count]
        if wrong:
            raise InputMismatch(f"{quote(self._directory)} has {count} rows. There is no row {wrong[0]}.")
        found = iter(read_rows(self._directory, self._files, [number for number in numbers if number >= 0]))
        return [next(found) if number >= 0 else {} for number in numbers]

    @property
    def label(self) -> str:
        """The directory and column, for messages."""
        return f"{quote(self._directory)}, column {quote(self.column)}"

    @property
    def path(self) -> str:
        """The directory of the index."""
        return str(self._path)

    @property
    def size(self) -> int:
        """How many vectors the index has."""
        return self._manifest.vectors

    @property
    def column(self) -> str:
        """The column of the vectors."""
        return self._manifest.column

    @property
    def dimensions(self) -> int:
        """The dimensions of the vectors, and of a query."""
        return self._manifest.dimensions

    @property
    def metric(self) -> str:
        """One of "cos", "ip" and "l2"."""
        return self._manifest.metric

    @property
    def is_exact(self) -> bool:
        """Whether a search compares a query with each vector."""
        return self._manifest.kind == EXACT

    @property
    def projection(self) -> Projection | None:
        """The projection, with its `dimensions` and `seed`; None without one."""
        return self._manifest.projection

    @property
    def left_out(self) -> LeftOut:
        """How many rows are not in the index: `failed`, `missing`, `not_finite`, `zero`, and the `total`."""
        return self._manifest.left_out


def _check_count(k: int) -> int:
    if k < 1:
        raise InputMismatch(f"k is {k}, and must be 1 or more.")
    return k


def open_index(directory: str | PathLike[str], column: str | None = None) -> VectorIndex:
    """Open an index that `hub.build_index` wrote.

    Args:
        directory: the directory of the Parquet files.
        column: the column of vectors. Unset, it is the only one that has an index.

    Raises:
        IndexNotFound: there is no such index, or there are several and `column` is unset.
        IndexOutdated: the Parquet files have changed since the index was built, another version of usearch or rehub
            built it, or its files are damaged. Build it again.
        PackageMissing: pyarrow is not installed, or usearch for an approximate index.
    """
    root = check_directory(directory)
    path = _find_index(root, column)
    manifest = read_manifest(path)
    change = find_change(root, path, manifest)
    if not change:
        try:
            return VectorIndex(root, path, manifest)
        except (IndexOutdated, FileNotFoundError) as error:
            change = str(error)
    if read_manifest(path) != manifest:  # It was built again meanwhile.
        return open_index(directory, column)
    raise IndexOutdated(f"The index of {quote(root)}, column {quote(manifest.column)}, must be built again. {change}")


def _find_index(root: Path, column: str | None) -> Path:
    found = list_indexes(root)
    wanted = found if column is None else [path for path in found if path == index_directory(root, column)]
    if len(wanted) == 1:
        return wanted[0]
    indexes = list_names(path.name for path in found) or "none"
    if column is None and found:
        raise IndexNotFound(f"{quote(root)} has several indexes. Name a column. Indexes: {indexes}.")
    what = "no index" if column is None else f"no index of column {quote(column)}"
    raise IndexNotFound(f"{quote(root)} has {what}. Build one with `rehub index build`. Indexes: {indexes}.")
