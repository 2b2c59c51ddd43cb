"""How far the values of two tensors are apart, compared a few megabytes at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator

if TYPE_CHECKING:
    from rehub.savedmodel.checkpoint import Checkpoint

_PIECE = 4 << 20  # How many bytes of a tensor are compared at a time, where it has several rows.


@dataclass(frozen=True)
class ValueDifference:
    """What differs between two tensors of the same shape.

    Attributes:
        elements: how many they have.
        changed: how many of them are not equal. NaN equals NaN here, as it does not in arithmetic.
        max_absolute: the largest difference between two numbers; infinite where one is not finite and the other is
            something else; None for strings and bools.
        max_relative: the largest difference as a part of the larger of the two numbers, between 0 and 2.
    """

    elements: int
    changed: int
    max_absolute: float | None
    max_relative: float | None


def compare_values(before: Checkpoint, key_before: str, after: Checkpoint, key_after: str) -> ValueDifference:
    """Compares two tensors of the same shape, which may be of different types of numbers.

    Raises:
        CorruptModel: a value cannot be read.
        UnsupportedFormat: a value is of a type that has none outside TensorFlow.
    """
    elements = changed = 0
    absolute = relative = None
    for rows in _pieces(before, key_before):
        piece = _compare(before.value(key_before, rows), after.value(key_after, rows))
        elements += piece.elements
        changed += piece.changed
        absolute = _larger(absolute, piece.max_absolute)
        relative = _larger(relative, piece.max_relative)
    return ValueDifference(elements, changed, absolute, relative)


def _pieces(checkpoint: Checkpoint, key: str) -> Iterator[tuple[int, int] | None]:
    entry = checkpoint.entries[key]
    if not entry.shape or entry.bytes <= _PIECE or entry.dtype == "string":  # Strings are read as a whole anyway.
        yield None
        return
    rows = entry.shape[0]
    step = max(1, _PIECE * rows // entry.bytes)
    for start in range(0, rows, step):
        yield start, min(start + step, rows)


def _compare(before: Any, after: Any) -> ValueDifference:
    import numpy as np

    equal = before == after
    if before.dtype.kind not in "iufc" or after.dtype.kind not in "iufc":
        return ValueDifference(before.size, int(before.size - np.count_nonzero(equal)), None, None)
    both_nan = np.isnan(before) & np.isnan(after)
    differs = ~(equal | both_nan)
    if not differs.any():
        return ValueDifference(before.size, 0, 0.0, 0.0)
    wide = np.complex128 if "c" in (before.dtype.kind, after.dtype.kind) else np.float64
    with np.errstate(all="ignore"):
        a, b = before[differs].astype(wide), after[differs].astype(wide)
        apart, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        is_finite = np.isfinite(a) & np.isfinite(b)
        absolute = np.where(is_finite, apart, np.inf)
        relative = np.where(is_finite, apart / np.where(size > 0, size, 1), np.inf)
    return ValueDifference(before.size, int(differs.sum()), float(absolute.max()), float(relative.max()))


def _larger(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)
