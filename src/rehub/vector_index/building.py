"""Build an index: read the vectors once, write them in parts, and publish these by a new manifest."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from rehub.batch_inference.model import hash_path
from rehub.cache import file_lock
from rehub.errors import HubError, IndexOutdated, InvalidSetting, InvalidVectors, OutputInUse, OutputNotWritten
from rehub.escaping import quote
from rehub.staging import fsync_tree, remove_path
from rehub.vector_index.data_files import (
    DataFile,
    check_directory,
    check_runs,
    choose_vector_column,
    describe_data_file,
    is_untouched,
    iter_vectors,
    list_data_files,
)
from rehub.vector_index.distances import METRICS
from rehub.vector_index.exact_search import ExactWriter
from rehub.vector_index.graph_search import GraphWriter
from rehub.vector_index.index import VectorIndex
from rehub.vector_index.manifest import (
    EXACT,
    GRAPH,
    MANIFEST_FILE,
    LeftOut,
    Manifest,
    index_directory,
    read_manifest,
    write_manifest,
)
from rehub.vector_index.packages import usearch_version
from rehub.vector_index.projection import Projection

if TYPE_CHECKING:
    from os import PathLike

_log = logging.getLogger(__name__)

# Comparing a query with a million vectors of 128 numbers takes about as long as a person notices.
MOST_VECTORS_FOR_EXACT = 1_000_000
# A graph is built in memory. Several are searched together.
_VECTORS_PER_GRAPH = 2_000_000


def build_index(
    directory: str | PathLike[str],
    column: str | None = None,
    *,
    metric: str = "cos",
    exact: bool | None = None,
    project: int | None = None,
    seed: int = 1,
) -> VectorIndex:
    """Build an index of the vectors in a directory of Parquet files, such as `rehub batch` writes.

    The index is written to `_rehub/index/column=COLUMN` in that directory. It replaces an existing index in one step,
    when it is complete. Rows are left out if their `error` is not null, if their vector is null or has a number that is
    not finite, and under "cos" if all numbers of the vector are 0; `index.left_out` counts these rows.

        index = hub.build_index("embeddings")
        matches = index.search(query, k=3)
        print(index.read_rows(matches.rows))  # [{"id": 17, "text": "a fine film"}, ...]

    Args:
        directory: a directory on this machine. Files and folders below it are read in the order of their names, except
            those whose names start with `_` or `.`.
        column: the column of vectors: lists of numbers, all of the same length. Unset, it is the only such column.
        metric: "cos", "ip" (inner product) or "l2".
        exact: True compares a query with each vector. False builds a graph with usearch (HNSW), which takes minutes; a
            search in the graph finds most of the nearest vectors, but not always all. Unset, it is False for more than
            a million rows.
        project: the number of dimensions to which vectors and queries are projected, at random: faster and smaller, and
            less accurate. Unset, they are not projected.
        seed: the seed of the projection.

    Returns:
        The index, open.

    Raises:
        InvalidVectors: there are no vectors, or no such column, or the vectors have different lengths; or the files are
            from different runs of `rehub batch`.
        InvalidSetting: the metric or the projection is invalid.
        OutputInUse: another process is building this index, or `rehub batch` is writing into the directory.
        OutputNotWritten: the disk is full, or you lack the rights.
        PackageMissing: pyarrow is not installed, or usearch for an approximate index.
    """
    if metric not in METRICS:
        raise InvalidSetting(f"There is no metric {metric!r}. Metrics are: {', '.join(METRICS)}.")
    if project is not None and project < 1:
        raise InvalidSetting(f"project={project} must be 1 or more: a number of dimensions.")
    if not 0 <= seed < 2**32:
        raise InvalidSetting(f"seed={seed} must be from 0 to {2**32 - 1}.")
    root = check_directory(directory)
    _check_no_run(root)
    names = list_data_files(root)
    check_runs(root, names)
    column = choose_vector_column(root, names[0], column)
    files = tuple(describe_data_file(root, name) for name in names)
    if exact is None:
        exact = sum(file.rows for file in files) <= MOST_VECTORS_FOR_EXACT
    projection = None if project is None else Projection(project, seed)
    target = index_directory(root, column)
    with _hold_directory(target):
        manifest = _write_parts(target, root, files, column, metric, exact, projection)
        _check_unchanged(root, files)
        for part in manifest.parts:
            fsync_tree(target / part)
        write_manifest(target, manifest)
    return VectorIndex(root, target, manifest)


def _check_no_run(root: Path) -> None:
    """Raise `OutputInUse` if `rehub batch` writes into a directory: an index would lack the rest."""
    path = root / "_rehub" / "lock"
    if path.exists():  # Unless a killed run has left it, it is held.
        lock = file_lock.try_acquire(path)
        if lock is None:
            raise OutputInUse(f"A run of `rehub batch` writes into {quote(root)} now. Wait for it.")
        lock.release()


@contextlib.contextmanager
def _hold_directory(target: Path) -> Iterator[None]:
    """Keep other processes from building an index; remove what a killed one has left, and what is replaced."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = file_lock.try_acquire(target.with_name(f".{target.name}.lock"))
        if lock is None:
            raise OutputInUse(f"Another process builds the index {quote(target)} now.")
        with lock:
            _remove_unused(target)
            try:
                target.mkdir(exist_ok=True)
                yield
            finally:
                _remove_unused(target)
    except OSError as error:
        if isinstance(error, HubError):
            raise
        raise OutputNotWritten(f"The index {quote(target)} cannot be written: {error.strerror or error}.") from error


def _remove_unused(target: Path) -> None:
    """Remove the parts that the manifest does not name, and a directory without a manifest."""
    if not target.is_dir():
        return
    used: set[str] = set()
    with contextlib.suppress(IndexOutdated):
        used = {MANIFEST_FILE, *read_manifest(target).parts}
    for path in target.iterdir():
        if path.name not in used:
            try:
                remove_path(str(path))
            except OSError as error:  # Windows does not delete files that a reader has mapped. The next build does.
                _log.debug("%s is kept: %s", path, error)
    if not used:
        with contextlib.suppress(OSError):
            target.rmdir()


def _write_parts(
    target: Path,
    root: Path,
    files: Sequence[DataFile],
    column: str,
    metric: str,
    exact: bool,
    projection: Projection | None,
) -> Manifest:
    selection = _Selection(metric)
    writer: _PartWriter | None = None
    matrix, dimensions = None, 0
    for batch in iter_vectors(root, files, column):
        selection.count(failed=batch.failed, missing=batch.missing)
        if not len(batch.vectors):
            continue
        if writer is None:
            dimensions = batch.vectors.shape[1]
            matrix = None if projection is None else _make_matrix(projection, dimensions)
            writer = _PartWriter(target, exact, metric, projection.dimensions if projection else dimensions)
        elif batch.vectors.shape[1] != dimensions:
            raise InvalidVectors(
                f"Column {quote(column)} of {quote(root)} has vectors of different lengths: "
                f"{dimensions}, {batch.vectors.shape[1]}."
            )
        writer.add(*selection.select(batch.vectors, batch.rows, matrix))
    if writer is None or not writer.vectors:
        raise InvalidVectors(
            f"Column {quote(column)} of {quote(root)} has no vectors to index. Rows: {selection.left_out.describe()}."
        )
    writer.finish()
    return Manifest(
        column=column,
        metric=metric,
        kind=EXACT if exact else GRAPH,
        dimensions=dimensions,
        projection=projection,
        vectors=writer.vectors,
        left_out=selection.left_out,
        usearch="" if exact else usearch_version(),
        parts={part.name: {file.name: hash_path(file) for file in sorted(part.iterdir())} for part in writer.parts},
        files=tuple(files),
    )


def _make_matrix(projection: Projection, dimensions: int) -> Any:
    if projection.dimensions > dimensions:
        raise InvalidSetting(
            f"The vectors have {dimensions} dimensions, and project={projection.dimensions} would give them more."
        )
    return projection.make_matrix(dimensions)


class _Selection:
    """Selects the vectors that can be compared, and counts the others."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self.left_out = LeftOut()

    def count(self, **numbers: int) -> None:
        changes = {name: getattr(self.left_out, name) + int(number) for name, number in numbers.items()}
        self.left_out = dataclasses.replace(self.left_out, **changes)

    def select(self, vectors: Any, rows: Any, matrix: Any | None) -> tuple[Any, Any]:
        """Return the vectors, projected, with their rows."""
        import numpy as np

        if matrix is not None:
            with np.errstate(all="ignore"):
                vectors = (vectors @ matrix).astype(np.float32)
        is_finite = np.isfinite(vectors).all(axis=1)
        is_zero = is_finite & ~vectors.any(axis=1) & (self._metric == "cos")
        self.count(not_finite=(~is_finite).sum(), zero=is_zero.sum())
        selected = is_finite & ~is_zero
        return vectors[selected], rows[selected]


class _PartWriter:
    """Writes an exact index as one part, and a graph in parts that can be built in memory."""

    def __init__(self, directory: Path, exact: bool, metric: str, dimensions: int) -> None:
        self.vectors = 0
        self._directory = directory
        self._exact = exact
        self._metric = metric
        self._dimensions = dimensions
        self._name = uuid.uuid4().hex
        self.parts: list[Path] = []
        self._in_part = 0
        self._writer: ExactWriter | GraphWriter | None = None

    def add(self, vectors: Any, rows: Any) -> None:
        """Add vectors, float32[n, dimensions], with the numbers of their rows, int64[n]."""
        if self._writer is not None and not self._exact and self._in_part >= _VECTORS_PER_GRAPH:
            self.finish()
        if self._writer is None:
            self._writer = self._open_part()
        self._writer.add(vectors, rows)
        self._in_part += len(vectors)
        self.vectors += len(vectors)
        _log.info("%s: %d vectors", self._directory, self.vectors)

    def _open_part(self) -> ExactWriter | GraphWriter:
        part = self._directory / f"{self._name}-{len(self.parts):05d}"
        part.mkdir()
        self.parts.append(part)
        self._in_part = 0
        return ExactWriter(part) if self._exact else GraphWriter(part, self._metric, self._dimensions)

    def finish(self) -> None:
        """Finish the part that is being written."""
        if self._writer is not None:
            self._writer.finish()
            self._writer = None


def _check_unchanged(root: Path, files: Sequence[DataFile]) -> None:
    changed = [file.name for file in files if not is_untouched(root, file)]
    changed += sorted(set(list_data_files(root)) - {file.name for file in files})
    if changed:
        raise InvalidVectors(f"{quote(root / changed[0])} changed while it was indexed. Build the index again.")
