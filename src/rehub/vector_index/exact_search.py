"""Exact nearest neighbours: every vector is compared with the query.

A matrix product in float32 gives scores, block by block, which order vectors as distances do: 1 less than a distance
under "cos" and "ip", and |q - x|^2 - |q|^2 under "l2". Distances of vectors with a low score are computed in float64.
The error of a score is bounded, so no neighbour is missed: the result is that of a search in float64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rehub.errors import IndexOutdated
from rehub.escaping import quote
from rehub.vector_index.distances import compute_distances, compute_norms, keep_nearest

VECTORS_FILE = "vectors.float32"
NORMS_FILE = "norms.float32"
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

        with np.errstate(over="ignore"):
            norms = compute_norms(vectors).astype("<f4")
        arrays = {
            VECTORS_FILE: np.ascontiguousarray(vectors, "<f4"),
            NORMS_FILE: norms,
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
        self._norms = np.memmap(str(directory / NORMS_FILE), "<f4", "r")
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
            scores = self._compute_scores(queries, block)
            errors = self._bound_errors(queries, block).tolist()
            for number, (query, (distances, nearest)) in enumerate(zip(queries, found)):
                limit = self._find_limit(query, distances, k)
                candidates = _select_candidates(scores[number], k, limit, errors[number])
                distances = np.concatenate([distances, compute_distances(self._metric, query, vectors[candidates])])
                found[number] = keep_nearest(distances, np.concatenate([nearest, rows[candidates]]), k)
        return found

    def _compute_scores(self, queries: Any, block: slice) -> Any:
        """Return float32[queries, vectors of the block]."""
        import numpy as np

        factor = -2 if self._metric == "l2" else -1
        with np.errstate(all="ignore"):  # `_bound_errors` knows what overflows.
            scores = (factor * queries).astype(np.float32) @ self._vectors[block].T
            if self._metric == "cos":
                scores /= self._norms[block]
            elif self._metric == "l2":
                scores += self._norms[block] ** 2
        return scores

    def _find_limit(self, query: Any, distances: Any, k: int) -> float:
        """Return the score that has the largest of k distances; infinity if there are fewer."""
        if len(distances) < k:
            return float("inf")
        largest = float(distances[-1])
        return largest * largest - float(query @ query) if self._metric == "l2" else largest - 1

    def _bound_errors(self, queries: Any, block: slice) -> Any:
        """Return for each query how far its scores can be from the true ones.

        A sum of n products is off by at most about n * epsilon * |q| * |x| (Higham, Accuracy and Stability of Numerical
        Algorithms, section 3.1), and by what is lost where a number or a product is too small for float32. A distance
        is rounded, too: vectors whose products are tiny are equally near under "ip".
        """
        import numpy as np

        norms = self._norms[block]
        lengths, largest, smallest = compute_norms(queries), float(norms.max()), float(norms.min())
        sums = (lengths + largest) ** 2 if self._metric == "l2" else lengths * largest
        scale, lost = sums, 1 + largest
        if self._metric == "cos":
            scale, lost = lengths, lost / smallest
        float32 = np.finfo(np.float32)
        errors = (queries.shape[1] + 8) * (float32.eps * scale + float32.tiny * lost) + 2 * np.finfo(np.float64).eps
        overflows = np.maximum(sums, lengths) > float32.max / 2
        return np.where(overflows, np.inf, errors)


def _select_candidates(scores: Any, k: int, limit: float, error: float) -> Any:
    """Return the positions of the scores that are, up to an error, among the k lowest and not above a limit."""
    import numpy as np

    # A score that is not a number is not above anything; NumPy before 1.24 warns when it is compared.
    with np.errstate(invalid="ignore"):
        candidates = np.flatnonzero(~(scores > np.float64(limit + error)))
        if len(candidates) > k:
            limit = float(np.partition(scores[candidates], k - 1)[k - 1])
            candidates = candidates[~(scores[candidates] > np.float64(limit + 2 * error))]
    return candidates
