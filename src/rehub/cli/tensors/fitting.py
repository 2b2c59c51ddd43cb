"""Makes what was given for an input what a signature takes: its type, where nothing is lost by that, and its shape."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Sequence

from rehub.cli.tensors.images import decoded
from rehub.cli.tensors.reading import Cells, Image
from rehub.errors import InputMismatch
from rehub.inspection.overview import shape_text, type_text

if TYPE_CHECKING:
    from rehub.inspection.model_info import TensorInfo

# As float32, they go to TensorFlow, which has them.
_IN_NUMPY = {"bfloat16": "float32"}
_MAX_RANK = 32  # of an array in NumPy 1
_NUMBERS = (
    *("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128", "bfloat16"),
)


def fit(given: Any, expected: TensorInfo, size: tuple[int, int] | None = None) -> Any:
    """Returns what a signature takes for an input.

    Args:
        given: what `read_input` has read.
        expected: the input.
        size: the height and width to which an image is resized; that of the input if None, where it has one.

    Returns:
        A NumPy array, of strings one of `bytes` objects; of a ragged input, nested lists.

    Raises:
        InputMismatch: it cannot be that; says what it is instead.
    """
    if expected.dtype not in (*_NUMBERS, "string") or expected.kind not in ("dense", "sparse", "ragged"):
        raise InputMismatch(f"A {type_text(expected)} cannot be given here.")
    if isinstance(given, Image):
        given = _image(given, expected, size)
    if expected.kind == "ragged":
        if isinstance(given, Cells):
            raise InputMismatch(f"It takes {type_text(expected)}, which is given as JSON.")
        return _nested(given, expected.dtype)
    if isinstance(given, Cells):
        array = _array_of_cells(given, expected)
    else:
        array = given if hasattr(given, "dtype") else _array_of_json(given, expected.dtype)
    array = _strings(array) if expected.dtype == "string" else _cast(array, expected.dtype)
    _check_shape(array, expected)
    return array


def _image(image: Image, expected: TensorInfo, size: tuple[int, int] | None) -> Any:
    """A picture's pixels; of an input that takes strings, its file, which the model decodes."""
    import numpy as np

    if expected.dtype == "string":
        content = np.array(image.content, object)
        return content if expected.shape == () else content.reshape([1])
    return decoded(image, expected, size)


def _array_of_cells(cells: Cells, expected: TensorInfo) -> Any:
    """A column per dimension; a single column also is the only dimension of an input that has one."""
    import numpy as np

    shape: tuple[int, ...] = (len(cells.rows), len(cells.rows[0]) if cells.rows else 0)
    flat = [cell for row in cells.rows for cell in row]
    if expected.shape is not None and len(expected.shape) == 1 and shape[1] == 1:
        shape = shape[:1]
    if expected.dtype == "string":
        return _array([cell.encode() for cell in flat], shape)
    try:
        # Whole numbers are read as such: a float64 would change those of more than 53 bits.
        return np.array(flat, str).astype("int64" if "int" in expected.dtype else "float64").reshape(shape)
    except ValueError as error:
        raise InputMismatch(f"A cell is no number, or not a whole one: {error}. Take a heading away.") from error


def _array_of_json(value: Any, dtype: str) -> Any:
    import numpy as np

    shape, leaves = _shape_and_leaves(value)
    if dtype == "string":
        return _array([_bytes(leaf) for leaf in leaves], shape)
    if not all(isinstance(leaf, (bool, int, float)) for leaf in leaves):
        odd = next(leaf for leaf in leaves if not isinstance(leaf, (bool, int, float)))
        raise InputMismatch(f"It takes {dtype}. Received: {odd!r}.")
    if not leaves:
        return np.zeros(shape, _IN_NUMPY.get(dtype, dtype))
    array = np.array(leaves)
    if array.dtype == object:
        raise InputMismatch(f"A number has more than 64 bits: {max(leaves, key=abs)}.")
    return array.reshape(shape)


def _shape_and_leaves(value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of nested lists, and what is in them in order."""
    shape: list[int] = []
    level = [value]
    while any(isinstance(each, list) for each in level):
        lengths = {len(each) if isinstance(each, list) else -1 for each in level}
        if len(lengths) > 1:
            raise InputMismatch("Its lists are not equally long.")
        shape.extend(lengths)
        _check_depth(len(shape))
        level = [inner for each in level for inner in each]
    return tuple(shape), level


def _check_depth(depth: int) -> None:
    if depth > _MAX_RANK:
        raise InputMismatch(f"Its lists are nested deeper than {_MAX_RANK} times.")


def _array(strings: Sequence[bytes], shape: Sequence[int]) -> Any:
    import numpy as np

    array = np.empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


def _bytes(leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return _encoded(leaf)
    # As TensorFlow Serving takes what is not text.
    if isinstance(leaf, dict) and list(leaf) == ["b64"] and isinstance(leaf["b64"], str):
        try:
            return base64.b64decode(leaf["b64"], validate=True)
        except binascii.Error as error:
            raise InputMismatch(f"{leaf['b64'][:40]!r} is not base64: {error}.") from error
    raise InputMismatch(f"It takes strings. Received: {str(leaf)[:40]}.")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputMismatch(
            f'{text[:40]!r} is no text: {error.reason}. Bytes are given as {{"b64": "..."}}.'
        ) from error


def _nested(given: Any, dtype: str, depth: int = 0) -> Any:
    _check_depth(depth)
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, list):
        return [_nested(each, dtype, depth + 1) for each in given]
    return _bytes(given) if dtype == "string" else given


def _strings(array: Any) -> Any:
    if array.dtype.kind == "U":
        return _array([_encoded(text) for text in array.ravel().tolist()], array.shape)
    if array.dtype.kind not in "SO":
        raise InputMismatch(f"It takes strings. Received: {array.dtype.name}{shape_text(array.shape)}.")
    return array.astype(object)


def _cast(array: Any, dtype: str) -> Any:
    """Gives numbers another type: a narrower one of the same kind, if they fit in there, or a wider one."""
    import numpy as np

    target = np.dtype(_IN_NUMPY.get(dtype, dtype))
    received = f"Received: {array.dtype.name}{shape_text(array.shape)}"
    if not np.can_cast(array.dtype, target, "same_kind") and not {array.dtype.kind, target.kind} == {"i", "u"}:
        raise InputMismatch(f"It takes {dtype}. {received}.")
    with np.errstate(over="ignore"):
        cast = array.astype(target)
    fits = np.isfinite(cast) == np.isfinite(array) if target.kind in "fc" else cast == array
    if not np.all(fits):
        raise InputMismatch(f"It takes {dtype}, which {array[~fits].flat[0]} does not fit in. {received}.")
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
        hint = " If it is one example of a batch, put it into a list of its own."
    raise InputMismatch(f"It takes {type_text(expected)}. Received: {expected.dtype}{shape_text(array.shape)}.{hint}")
