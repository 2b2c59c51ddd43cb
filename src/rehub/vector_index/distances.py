"""Distances between vectors, in float64, and the nearest of them.

| metric | distance of q and x |
|---|---|
| cos | 1 - q.x / (|q| |x|) |
| ip | 1 - q.x |
| l2 | |q - x| |

These are the metrics of usearch and faiss. Both of them give squared distances for l2; here they are not squared.
"""

from __future__ import annotations

from typing import Any

METRICS = ("cos", "ip", "l2")

_VECTORS_AT_A_TIME = 4096


def compute_distances(metric: str, query: Any, vectors: Any) -> Any:
    """Return the distances of some vectors to a query.

    Equal vectors have equal distances, to the last bit. A matrix product, whose rounding depends on the position of a
    row, does not have this property, and ties would not be seen.

    Args:
        metric: one of `METRICS`.
        query: float64[dimensions].
        vectors: float32[n, dimensions].

    Returns:
        float64[n].
    """
    import numpy as np

    parts = [
        _compute_distances(metric, query, np.asarray(vectors[start : start + _VECTORS_AT_A_TIME], np.float64))
        for start in range(0, len(vectors), _VECTORS_AT_A_TIME)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _compute_distances(metric: str, query: Any, vectors: Any) -> Any:
    import numpy as np

    if metric == "l2":
        return np.sqrt(((vectors - query) ** 2).sum(axis=1))
    products = (vectors * query).sum(axis=1)
    if metric == "cos":
        products /= compute_norms(vectors) * compute_norms(query[np.newaxis])
    return 1 - products


def compute_norms(vectors: Any) -> Any:
    """Return the length of each vector, as float64[n]."""
    import numpy as np

    return np.sqrt((np.asarray(vectors, np.float64) ** 2).sum(axis=1))


def keep_nearest(distances: Any, rows: Any, k: int) -> tuple[Any, Any]:
    """Return the k smallest distances with their rows, the nearest first, and equally near ones by row."""
    import numpy as np

    order = np.lexsort((rows, distances))[:k]
    return distances[order], rows[order]
