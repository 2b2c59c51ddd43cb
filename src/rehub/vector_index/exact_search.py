"""Exact nearest neighbours: every vector is compared with the query.

A matrix product in float32 finds candidates, block by block. Their distances are computed in float64. Its rounding
error is bounded, so no neighbour is missed: the result is that of a search in float64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rehub.errors import IndexOutdated
from rehub.escaping import quote
from rehub.vector_index.distances import compute_distances, compute_norms, keep_nearest

VECTORS_FILE = "vectors.float32"
NORMS_FILE = "norms.float64"
ROWS_FILE = "rows.int64"

# A block of products has at most 16 million of them, 64 MB.
_VECTORS_PER_BLOCK = 65_536
_QUERIES_PER_BLOCK = 256


class ExactWriter:
    """Writes vectors into a directory, as raw little-endian arrays."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, vectors: Any, rows: Any) -> None:
        """Append vectors, float32[n, dimensions], with the numbers of their rows, int64[n]."""
        import numpy as np

        arrays = {
            VECTORS_FILE: np.ascontiguousarray(vectors, "<f4"),
            NORMS_FILE: compute_norms(vectors).astype("<f8"),
            ROWS_FILE: np.ascontiguousarray(rows, "<i8"),
        }
        for name, array in arrays.items():
            with (self._directory / name).open("ab") as file:
                file.write(array.data)

    def finish(self) -> None:
        """Do nothing: `add` has written everything."""


class ExactSearcher:
    """Searches vectors that `ExactWriter` wrote. They are mapped, so processes share them and few stay in memory."""

    def __init__(self, directory: Path, metric: str, dimensions: int) -> None:
        import numpy as np

        self._metric = metric
        self._norms = np.memmap(str(directory / NORMS_FILE), "<f8", "r")
        self._rows = np.memmap(str(directory / ROWS_FILE), "<i8", "r")
        numbers = np.memmap(str(directory / VECTORS_FILE), "<f4", "r")
        if numbers.size != len(self._rows) * dimensions:
            raise IndexOutdated(f"{quote(directory)} does not have vectors of {dimensions} dimensions.")
        self._vectors = numbers.reshape(-1, dimensions)

    def search(self, queries: Any, k: int) -> list[tuple[Any, Any]]:
        """Return the k nearest distances and rows for each query of float64[n, dimensions]."""
        found = []
        for start in range(0, len(queries), _QUERIES_PER_BLOCK):
            found += self._search_few(queries[start : start + _QUERIES_PER_BLOCK], k)
        return found

    def _search_few(self, queries: Any, k: int) -> list[tuple[Any, Any]]:
        import numpy as np

        if self._metric == "cos":
            queries = queries / compute_norms(queries)[:, np.newaxis]
        found = [(np.zeros(0), np.zeros(0, np.int64)) for _ in queries]
        for start in range(0, len(self._vectors), _VECTORS_PER_BLOCK):
            block = slice(start, start + _VECTORS_PER_BLOCK)
            vectors, rows = self._vectors[block], self._rows[block]
            for number, candidates in enumerate(self._find_candidates(queries, block, k)):
                distances = compute_distances(self._metric, queries[number], vectors[candidates])
                nearest = found[number]
                found[number] = keep_nearest(
                    np.concatenate([nearest[0], distances]), np.concatenate([nearest[1], rows[candidates]]), k
                )
        return found

    def _find_candidates(self, queries: Any, block: slice, k: int) -> list[Any]:
        """Return for each query the positions in a block that can be among its k nearest."""
        import numpy as np

        norms = self._norms[block]
        with np.errstate(all="ignore"):  # Products of large numbers overflow: such vectors become candidates.
            scores = queries.astype(np.float32) @ self._vectors[block].T
            if self._metric == "cos":
                scores *= (-1 / norms).astype(np.float32)
            else:
                scores *= np.float32(-1 if self._metric == "ip" else -2)
            if self._metric == "l2":
                scores += (norms**2).astype(np.float32)
            last = min(k, len(norms)) - 1
            limits = np.partition(scores, last, axis=1)[:, last] + 2 * self._bound_errors(queries, norms)
            is_farther = scores > limits[:, np.newaxis]  # False for a score or limit that is not a number.
        return [np.flatnonzero(~each) for each in is_farther]

    def _bound_errors(self, queries: Any, norms: Any) -> Any:
        """Return for each query how far its scores can be from the true ones.

        A sum of n products is off by at most about n * epsilon * |q| * |x| (Higham, Accuracy and Stability of Numerical
        Algorithms, section 3.1), and by what is lost where a product is too small for float32.
        """
        import numpy as np

        lengths, largest = compute_norms(queries), norms.max()
        scale, amplification = lengths * largest, 1.0
        if self._metric == "cos":
            scale, amplification = lengths, 1 / norms.min()
        elif self._metric == "l2":
            scale = (lengths + largest) ** 2
        terms = queries.shape[1] + 8
        float32 = np.finfo(np.float32)
        return terms * (float32.eps * scale + float32.tiny * amplification)
