"""Convert numbers to the type of an input. A value that would become another one is an error of its row.

Floats are rounded to the precision of the input, as TensorFlow does; they may not overflow. Floats become integers only
if they are whole, integers other integers only if they fit.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, Sequence

from rehub.errors import InputMismatch

# TensorFlow casts these from the NumPy type.
_IN_NUMPY = {"bfloat16": "float32"}
NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "bfloat16"),
)


_TOO_LARGE = 1e20  # For all types of integers.


class WrongShape(ValueError):
    """A value has not the shape that the input takes."""


def numpy_dtype(dtype: str, name: str) -> Any:
    """Return the NumPy dtype in which values for an input of numbers are kept.

    Raises:
        InputMismatch: columns cannot hold such values.
    """
    import numpy as np

    if dtype not in NUMBERS:
        raise InputMismatch(f"Input {name!r} takes {dtype}, which a column cannot hold.")
    return np.dtype(_IN_NUMPY.get(dtype, dtype))


def cast_numbers(array: Any, target: Any) -> tuple[Any, Any]:
    """Return an array in another dtype, and which of its elements are not the same numbers there.

    Raises:
        InputMismatch: numbers of this dtype can never be converted.
    """
    import numpy as np

    if array.dtype == target:
        return array, None
    kinds = array.dtype.kind + target.kind
    if array.dtype.kind not in "biuf" or (target.kind == "b" and kinds != "bb"):
        raise InputMismatch(f"takes {target}, and its column has {array.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(target)
        if target.kind == "f":
            bad = np.isfinite(array) != np.isfinite(cast) if array.dtype.kind == "f" else ~np.isfinite(cast)
        elif array.dtype.kind == "f":
            # 2.0**63 is a float, but not an int64: the cast wraps around, and back to the same float.
            limits = np.iinfo(target)
            bad = ~((array >= limits.min) & (array < float(limits.max) + 1) & (cast == array))
        else:
            bad = (cast != array) | ((cast < 0) != (array < 0))
    return cast, bad if bad.any() else None


def parse_numbers(text: str, target: Any) -> Any:
    """Return the number, or JSON list of numbers, that a text cell holds.

    Raises:
        ValueError: it is neither.
    """
    import numpy as np

    text = text.strip()
    if text.startswith("["):
        return to_array(json.loads(text))
    if target.kind == "b":
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{text[:40]!r} is neither true nor false")
        return np.array(text.lower() == "true")
    if "_" in text:  # Python reads 1_000 as a number.
        raise ValueError(f"{text[:40]!r} is not a number")
    number = float(text)
    if target.kind in "iu" and abs(number) < _TOO_LARGE:
        exact = Fraction(text)  # A float has 53 bits.
        return to_array(int(exact) if exact.denominator == 1 else number)
    if np.isinf(number) and "inf" not in text.lower():
        raise OverflowError(f"{text[:40]!r} is too large")
    return np.array(number)


def to_array(value: Any) -> Any:
    """Return numbers, in nested lists or alone, as an array of numbers.

    Raises:
        ValueError: they are not numbers, or lists of different lengths.
    """
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError as error:  # NumPy's says "inhomogeneous shape".
        raise ValueError("its lists have different lengths") from error
    if array.size == 0 and array.dtype.kind == "f":
        return array
    if array.dtype.kind not in "biuf" or _mixes_booleans(value, array):
        raise ValueError(f"{str(value)[:40]!r} is not a number")
    return array


def _mixes_booleans(value: Any, array: Any) -> bool:
    """Return whether a list has true or false among numbers: NumPy would make them 1 and 0."""
    return (
        array.dtype.kind != "b" and isinstance(value, (list, tuple)) and any(isinstance(each, bool) for each in value)
    )


def fit_shape(array: Any, inner: Sequence[int | None] | None) -> Any:
    """Return a row's array in the shape that an input takes; a number or flat list of all numbers is given that shape.

    Raises:
        WrongShape: it has another shape.
    """
    if inner is None:
        return array
    if len(array.shape) == len(inner) and all(size in (None, own) for size, own in zip(inner, array.shape)):
        return array
    if None not in inner:
        count = 1
        for size in inner:
            count *= size or 0
        if array.ndim <= 1 and array.size == count:
            return array.reshape([int(size or 0) for size in inner])
    raise WrongShape(f"it has shape {list(array.shape)}, and the input takes {list(inner)}")
