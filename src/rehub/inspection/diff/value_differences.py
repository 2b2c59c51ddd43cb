"""How far the values of two tensors are apart, compared a few megabytes at a time."""

from __future__ import annotations

import functools
from typing import Iterator

from rehub.array_diff import ArrayDifference, compare_arrays
from rehub.savedmodel.checkpoint import Checkpoint

_PIECE_BYTES = 4 << 20


def compare_values(before: Checkpoint, key_before: str, after: Checkpoint, key_after: str) -> ArrayDifference:
    """Compare two tensors of the same shape. They may have different numeric types.

    Raises:
        CorruptModel: a value cannot be read.
        UnsupportedFormat: a value has a type that only TensorFlow can read.
    """
    return functools.reduce(
        ArrayDifference.combine_with,
        (
            compare_arrays(before.value(key_before, rows), after.value(key_after, rows))
            for rows in _split_rows(before, key_before)
        ),
    )


def _split_rows(checkpoint: Checkpoint, key: str) -> Iterator[tuple[int, int] | None]:
    entry = checkpoint.entries[key]
    if not entry.shape or entry.bytes <= _PIECE_BYTES or entry.dtype == "string":  # A string tensor is read as a whole.
        yield None
        return
    rows = entry.shape[0]
    step = max(1, _PIECE_BYTES * rows // entry.bytes)
    for start in range(0, rows, step):
        yield start, min(start + step, rows)
