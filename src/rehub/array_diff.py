"""How far two NumPy arrays of the same shape are apart: differences of weights, outputs and gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ArrayDifference:
    """What differs between two arrays of the same shape.

    Attributes:
        elements: how many elements each array has.
        changed: how many of them are not equal. NaN equals NaN here.
        max_absolute: the largest difference of two numbers; infinite if one is not finite and the other one is another
            number; None for strings and bools.
        max_relative: the largest difference divided by the larger of the two magnitudes, from 0 to 2; infinite and None
            as for `max_absolute`.
        scale: the largest finite magnitude in the first array; 0.0 for strings and bools.
    """

    elements: int
    changed: int
    max_absolute: float | None
    max_relative: float | None
    scale: float = 0.0

    def relative_to_scale(self, smallest_scale: float = 0.0) -> float:
        """Return the largest difference divided by the scale of the first array.

        Args:
            smallest_scale: the divisor if the scale is smaller.

        Returns:
            0.0 for equal arrays. Infinity if a number differs from one that is not finite, or if both divisors are 0.
            1.0 if strings or bools differ.
        """
        if not self.changed:
            return 0.0
        if self.max_absolute is None:
            return 1.0
        scale = max(self.scale, smallest_scale)
        return self.max_absolute / scale if scale else float("inf")

    def combine_with(self, other: ArrayDifference) -> ArrayDifference:
        """Return the difference of two arrays from those of their pieces."""
        absolutes = [each for each in (self.max_absolute, other.max_absolute) if each is not None]
        relatives = [each for each in (self.max_relative, other.max_relative) if each is not None]
        return ArrayDifference(
            self.elements + other.elements,
            self.changed + other.changed,
            max(absolutes, default=None),
            max(relatives, default=None),
            max(self.scale, other.scale),
        )


def compare_arrays(before: Any, after: Any) -> ArrayDifference:
    """Compare two arrays of the same shape, element by element.

    Their types may differ: numbers are compared by value, in float64 or complex128. bfloat16 is a number too, although
    NumPy does not know it; anything else, such as strings and bools, is only equal or not.
    """
    import numpy as np

    before, after = _widen_custom_float(np.asarray(before)), _widen_custom_float(np.asarray(after))
    equal = np.asarray(before == after)
    if before.dtype.kind not in "iufc" or after.dtype.kind not in "iufc":
        return ArrayDifference(before.size, int(before.size - np.count_nonzero(equal)), None, None)
    differs = ~(equal | (np.isnan(before) & np.isnan(after)))
    scale = _largest_finite_magnitude(before)
    if not differs.any():
        return ArrayDifference(before.size, 0, 0.0, 0.0, scale)
    wide = np.complex128 if "c" in (before.dtype.kind, after.dtype.kind) else np.float64
    with np.errstate(all="ignore"):
        a, b = before[differs].astype(wide), after[differs].astype(wide)
        apart, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        is_finite = np.isfinite(a) & np.isfinite(b)
        absolute = np.where(is_finite, apart, np.inf)
        relative = np.where(is_finite, apart / np.where(size > 0, size, 1), np.inf)
    if before.dtype == after.dtype and before.dtype.kind in "iu":
        # In float64, integers of more than 53 bits may be rounded to the same number. This is exact, modulo 2**64.
        low, high = np.minimum(before, after)[differs], np.maximum(before, after)[differs]
        absolute = high.astype(np.uint64) - low.astype(np.uint64)
    return ArrayDifference(before.size, int(differs.sum()), float(absolute.max()), float(relative.max()), scale)


def _widen_custom_float(array: Any) -> Any:
    # bfloat16 and the 8-bit floats of ml_dtypes are of kind V, and so are structured arrays, which have fields.
    import numpy as np

    return array.astype(np.float64) if array.dtype.kind == "V" and array.dtype.names is None else array


def _largest_finite_magnitude(array: Any) -> float:
    import numpy as np

    finite = array[np.isfinite(array)]
    if not finite.size:
        return 0.0
    if array.dtype.kind in "iu":
        return float(max(abs(int(finite.min())), abs(int(finite.max()))))
    return float(np.abs(finite).max())
