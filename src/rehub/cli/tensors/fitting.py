"""Convert the value of an input to the type that a signature takes, if nothing is lost, and check its shape."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Sequence

from rehub.cli.tensors.images import decode_image
from rehub.cli.tensors.reading import Cells, Image
from rehub.errors import InputMismatch
from rehub.formatting import format_tensor
from rehub.inspection.model_info import TensorInfo
from rehub.inspection.summary import format_type

# TensorFlow casts these from the NumPy type.
_IN_NUMPY = {"bfloat16": "float32"}
_MAX_RANK = 32  # of an array in NumPy 1
_NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128", "bfloat16"),
)


def fit_value(given: Any, expected: TensorInfo, size: tuple[int, int] | None = None) -> Any:
    """Return the array that a signature takes for an input.

    Args:
        given: the result of `read_input`.
        expected: the input.
        size: the height and width to which an image is resized; if None, that of the input, if it has one.

    Returns:
        A NumPy array (of `bytes` objects for strings), or nested lists for a ragged input.

    Raises:
        InputMismatch: the value does not fit; says what was received.
    """
    if expected.dtype not in (*_NUMBERS, "string") or expected.kind not in ("dense", "sparse", "ragged"):
        raise InputMismatch(f"A {format_type(expected)} cannot be given here.")
    if isinstance(given, Image):
        given = _read_image(given, expected, size)
    if expected.kind == "ragged":
        if isinstance(given, Cells):
            raise InputMismatch(f"It takes {format_type(expected)}: write it as JSON.")
        return _nest_values(given, expected.dtype)
    if isinstance(given, Cells):
        array = _cells_to_array(given, expected)
    else:
        array = given if hasattr(given, "dtype") else _json_to_array(given, expected.dtype)
    array = _cast_strings(array) if expected.dtype == "string" else _cast_numbers(array, expected.dtype)
    _check_shape(array, expected)
    return array


def _read_image(image: Image, expected: TensorInfo, size: tuple[int, int] | None) -> Any:
    """Return a picture's pixels; for an input of strings, its file, which the model decodes."""
    import numpy as np

    if expected.dtype == "string":
        content = np.array(image.content, object)
        return content if expected.shape == () else content.reshape([1])
    return decode_image(image, expected, size)


def _cells_to_array(cells: Cells, expected: TensorInfo) -> Any:
    """Return rows of cells as an array of rank 2, or of rank 1 for one column and an input of rank 1."""
    import numpy as np

    shape: tuple[int, ...] = (len(cells.rows), len(cells.rows[0]) if cells.rows else 0)
    flat = [cell for row in cells.rows for cell in row]
    if expected.shape is not None and len(expected.shape) == 1 and shape[1] == 1:
        shape = shape[:1]
    if expected.dtype == "string":
        return _make_string_array([cell.encode() for cell in flat], shape)
    try:
        # Read integers as int64: float64 would round those of more than 53 bits.
        return np.array(flat, str).astype("int64" if "int" in expected.dtype else "float64").reshape(shape)
    except ValueError as error:
        raise InputMismatch(f"A cell is not a number, or not an integer: {error}. Remove a header row.") from error


def _json_to_array(value: Any, dtype: str) -> Any:
    import numpy as np

    shape, leaves = _flatten_lists(value)
    if dtype == "string":
        return _make_string_array([_encode_leaf(leaf) for leaf in leaves], shape)
    if not all(isinstance(leaf, (bool, int, float)) for leaf in leaves):
        odd = next(leaf for leaf in leaves if not isinstance(leaf, (bool, int, float)))
        raise InputMismatch(f"It takes {dtype}. Received: {odd!r}.")
    if not leaves:
        return np.zeros(shape, _IN_NUMPY.get(dtype, dtype))
    array = np.array(leaves)
    if array.dtype == object:
        raise InputMismatch(f"A number has more than 64 bits: {max(leaves, key=abs)}.")
    return array.reshape(shape)


def _flatten_lists(value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of nested lists, and their elements in order."""
    shape: list[int] = []
    level = [value]
    while any(isinstance(each, list) for each in level):
        lengths = {len(each) if isinstance(each, list) else -1 for each in level}
        if len(lengths) > 1:
            raise InputMismatch("Its lists have different lengths.")
        shape.extend(lengths)
        _check_depth(len(shape))
        level = [inner for each in level for inner in each]
    return tuple(shape), level


def _check_depth(depth: int) -> None:
    if depth > _MAX_RANK:
        raise InputMismatch(f"Its lists are nested deeper than {_MAX_RANK} times.")


def _make_string_array(strings: Sequence[bytes], shape: Sequence[int]) -> Any:
    import numpy as np

    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


def _encode_leaf(leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return _encode_text(leaf)
    # The notation of TensorFlow Serving: https://www.tensorflow.org/tfx/serving/api_rest#encoding_binary_values
    if isinstance(leaf, dict) and list(leaf) == ["b64"] and isinstance(leaf["b64"], str):
        try:
            return base64.b64decode(leaf["b64"], validate=True)
        except binascii.Error as error:
            raise InputMismatch(f"{leaf['b64'][:40]!r} is not base64: {error}.") from error
    raise InputMismatch(f"It takes strings. Received: {str(leaf)[:40]}.")


def _encode_text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputMismatch(
            f'{text[:40]!r} is not text: {error.reason}. Bytes are written {{"b64": "..."}}.'
        ) from error


def _nest_values(given: Any, dtype: str, depth: int = 0) -> Any:
    _check_depth(depth)
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, list):
        return [_nest_values(each, dtype, depth + 1) for each in given]
    return _encode_leaf(given) if dtype == "string" else given


def _cast_strings(array: Any) -> Any:
    if array.dtype.kind == "U":
        return _make_string_array([_encode_text(text) for text in array.ravel().tolist()], array.shape)
    if array.dtype.kind not in "SO":
        raise InputMismatch(f"It takes strings. Received: {format_tensor(array.dtype.name, array.shape)}.")
    return array.astype(object)


def _cast_numbers(array: Any, dtype: str) -> Any:
    """Cast numbers to a wider type, or to a narrower one of the same kind if they fit."""
    import numpy as np

    target = np.dtype(_IN_NUMPY.get(dtype, dtype))
    received = f"Received: {format_tensor(array.dtype.name, array.shape)}"
    if not np.can_cast(array.dtype, target, "same_kind") and not {array.dtype.kind, target.kind} == {"i", "u"}:
        raise InputMismatch(f"It takes {dtype}. {received}.")
    with np.errstate(over="ignore"):
        cast = array.astype(target)
    fits = np.isfinite(cast) == np.isfinite(array) if target.kind in "fc" else cast == array
    if not np.all(fits):
        raise InputMismatch(f"It takes {dtype}, and {array[~fits].flat[0]} does not fit. {received}.")
    return cast


def _check_shape(array: Any, expected: TensorInfo) -> None:
    if expected.shape is None:
        return
    if len(array.shape) == len(expected.shape) and all(
        size is None or size == own for size, own in zip(expected.shape, array.shape)
    ):
        return
    hint = ""
    if len(array.shape) + 1 == len(expected.shape) and expected.shape[0] in (None, 1):
        hint = " If it is one example of a batch, put it into a list."
    raise InputMismatch(
        f"It takes {format_type(expected)}. Received: {format_tensor(expected.dtype, array.shape)}.{hint}"
    )
