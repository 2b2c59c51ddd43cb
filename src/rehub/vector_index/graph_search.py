"""Approximate nearest neighbours by usearch, in a graph of neighbours (HNSW, https://arxiv.org/abs/1603.09320)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rehub.errors import IndexOutdated
from rehub.vector_index.distances import compute_distances, compute_norms, keep_nearest
from rehub.vector_index.packages import import_usearch

GRAPH_FILE = "graph.usearch"

# Neighbours of a vector, and candidates that are looked at when one is added, and when the graph is searched.
_CONNECTIVITY = 16
_EXPANSION_ADD = 128
_EXPANSION_SEARCH = 256

# Vectors under cos are written with length 1, for which 1 - q.x is the same distance.
_USEARCH_METRICS = {"cos": "ip", "ip": "ip", "l2": "l2sq"}


class GraphWriter:
    """Builds a graph in memory and writes it into a directory."""

    def __init__(self, directory: Path, metric: str, dimensions: int) -> None:
        self._directory = directory
        self._metric = metric
        self._graph = import_usearch().Index(
            ndim=dimensions,
            metric=_USEARCH_METRICS[metric],
            dtype="f32",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION_SEARCH,
        )

    def add(self, vectors: Any, rows: Any) -> None:
        """Add vectors, float32[n, dimensions], with the numbers of their rows, int64[n]."""
        import numpy as np

        if self._metric == "cos":
            vectors = (vectors / compute_norms(vectors)[:, np.newaxis]).astype(np.float32)
        # With several threads it can wait for itself for ever: https://github.com/unum-cloud/USearch/issues/354
        self._graph.add(np.asarray(rows, np.uint64), vectors, threads=1)

    def finish(self) -> None:
        """Write the graph; raise `OSError` if it cannot be written."""
        try:
            self._graph.save(str(self._directory / GRAPH_FILE))
        except RuntimeError as error:  # Such as "Failed to serialize into stream", if the disk is full.
            raise OSError(f"usearch: {error}") from error


class GraphSearcher:
    """Searches a graph that `GraphWriter` wrote. It is mapped."""

    def __init__(self, directory: Path, metric: str, dimensions: int) -> None:
        self._metric = metric
        path = str(directory / GRAPH_FILE)
        try:
            self._graph = import_usearch().Index.restore(path, view=True)
        except (ValueError, RuntimeError) as error:
            raise IndexOutdated(f"{path!r} cannot be read by usearch: {error}") from error
        if self._graph is None or self._graph.ndim != dimensions:
            raise IndexOutdated(f"{path!r} is not a graph of vectors with {dimensions} dimensions.")

    def search(self, queries: Any, k: int) -> list[tuple[Any, Any]]:
        """Return the k nearest distances and rows for each query of float64[n, dimensions]; rarely fewer than k."""
        import numpy as np

        if self._metric == "cos":
            queries = queries / compute_norms(queries)[:, np.newaxis]
        self._graph.expansion_search = max(_EXPANSION_SEARCH, k)
        found = []
        for query in queries:
            keys = self._graph.search(query.astype(np.float32), k, threads=1).keys
            distances = compute_distances(self._metric, query, self._graph.get(keys))
            found.append(keep_nearest(distances, keys.astype(np.int64), k))
        return found
