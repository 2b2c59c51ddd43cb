"""Columns of data as inputs of a model: from Arrow, NumPy or Python lists to NumPy arrays, row by row where needed.

A row whose value the input cannot take gets an error; the other rows are unharmed. A column whose type can never fit is
an error of the run.
"""

from __future__ import annotations

from typing import Any, Sequence

from rehub.batch_inference.arrow import import_pyarrow, is_arrow, list_texts
from rehub.batch_inference.images import ImageDecoder
from rehub.batch_inference.numbers import (
    WrongShape,
    cast_numbers,
    fit_shape,
    numpy_dtype,
    parse_numbers,
    to_array,
)
from rehub.batch_inference.row_errors import RowErrors
from rehub.errors import InputMismatch
from rehub.savedmodel.signatures import TensorInfo


class InputColumn:
    """The values of an input for the rows of a chunk: one array, or a list of arrays where rows differ in shape."""

    def __init__(self, array: Any = None, rows: list[Any] | None = None) -> None:
        self._array = array
        self._rows = rows

    @property
    def is_uniform(self) -> bool:
        """Whether all rows have one shape."""
        return self._rows is None

    @property
    def row_bytes(self) -> int:
        """The size of the largest row."""
        if self._rows is None:
            return int(self._array.nbytes // max(1, len(self._array)))
        return max((int(row.nbytes) for row in self._rows if row is not None), default=0)

    def shape(self, row: int) -> tuple[int, ...]:
        """Return the shape of a row."""
        return tuple((self._array[row] if self._rows is None else self._rows[row]).shape)

    def take(self, rows: Sequence[int], pad: float | None = None) -> Any:
        """Return the values of some rows as one array, padded at their ends to powers of two if they may differ."""
        import numpy as np

        if self._rows is None:
            first, last = rows[0], rows[-1]
            if last - first + 1 == len(rows) and all(b == a + 1 for a, b in zip(rows, rows[1:])):
                return self._array[first : last + 1]
            return self._array[list(rows)]
        chosen = [self._rows[row] for row in rows]
        if pad is None:
            return np.stack(chosen)
        shape = padded_shape([max(sizes) for sizes in zip(*(each.shape for each in chosen))])
        filled = np.full((len(chosen), *shape), pad, chosen[0].dtype)
        for row, each in zip(filled, chosen):
            row[tuple(slice(size) for size in each.shape)] = each
        return filled


def padded_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape with each size raised to a power of two, so that few shapes occur."""
    return tuple(1 << max(0, size - 1).bit_length() for size in shape)


def convert_column(
    values: Any, tensor: TensorInfo, errors: RowErrors, decoder: ImageDecoder | None = None
) -> InputColumn:
    """Return a column as values for an input.

    Args:
        values: an Arrow array, a NumPy array, or a list.
        tensor: the input.
        errors: gets the rows that have no value for it.
        decoder: decodes images, if the input takes them.

    Raises:
        InputMismatch: the type of the column is wrong for the input.
    """
    if is_arrow(values):
        values = _simplify_arrow(values)
    elif hasattr(values, "to_numpy"):  # A Series of pandas or Polars.
        values = values.to_numpy()
    if tensor.dtype == "string":
        return _convert_strings(values, tensor, errors)
    target = numpy_dtype(tensor.dtype, tensor.name)
    inner = None if tensor.shape is None else tensor.shape[1:]
    try:
        if is_arrow(values):
            array = _arrow_to_numpy(values, inner, tensor, errors)
            if array is None:
                return _convert_rows(_list_rows(values, target), target, inner, tensor, errors, decoder)
        elif getattr(values, "dtype", None) is not None and values.dtype.kind in "biuf":
            array = _shape_array(values, inner)
        else:
            return _convert_rows(list(values), target, inner, tensor, errors, decoder)
        cast, bad = cast_numbers(array, target)
    except InputMismatch as error:
        raise InputMismatch(f"Input {tensor.name!r} {error}.") from error
    if bad is not None:
        for row in bad.reshape(len(bad), -1).any(axis=1).nonzero()[0]:
            odd = array[row][bad[row]] if array.ndim > 1 else array[row : row + 1]
            errors.add(int(row), "range", f"{odd.flat[0]} does not fit into {tensor.dtype} of input {tensor.name!r}")
    return InputColumn(cast)


def holds_bytes(values: Any) -> bool:
    """Return whether a column holds bytes, which can be images."""
    kind = getattr(values, "type", None)
    if kind is not None:
        return "binary" in str(kind)
    if getattr(getattr(values, "dtype", None), "kind", "O") != "O":
        return False
    return any(isinstance(value, (bytes, bytearray)) for value in values)


def _simplify_arrow(values: Any) -> Any:
    pa = import_pyarrow()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
        if isinstance(values, pa.ChunkedArray):  # Of no chunks, or of more than one array can hold.
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if _is_file_struct(values.type):
        return pa.compute.struct_field(values, "bytes")
    plain = {"string_view": pa.large_string(), "binary_view": pa.large_binary()}.get(str(values.type))
    if plain is not None:
        return values.cast(plain)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _is_file_struct(kind: Any) -> bool:
    """Return whether Hugging Face's datasets has images or sounds in a column: structs of their bytes and path."""
    is_struct = import_pyarrow().types.is_struct(kind)
    return is_struct and sorted(field.name for field in kind) == ["bytes", "path"] and "binary" in str(kind)


def _arrow_to_numpy(values: Any, inner: Sequence[int | None] | None, tensor: TensorInfo, errors: RowErrors) -> Any:
    """Return an Arrow array of numbers, or of lists of one length; None if it has to be converted row by row."""
    pa = import_pyarrow()
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        if values.null_count:
            for row in values.is_null().to_numpy(zero_copy_only=False).nonzero()[0]:
                errors.add(int(row), "null", f"the value for input {tensor.name!r} is null")
            values = values.fill_null(False if pa.types.is_boolean(kind) else 0)
        return _shape_array(values.to_numpy(zero_copy_only=False), inner)
    if pa.types.is_fixed_size_list(kind) and not values.null_count:
        flat = values.flatten()
        is_number = pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type)
        if is_number and not flat.null_count:
            return _shape_array(flat.to_numpy(zero_copy_only=False).reshape(len(values), kind.list_size), inner)
    if pa.types.is_null(kind) or pa.types.is_nested(kind) or _is_text(kind):
        return None
    raise InputMismatch(f"takes {tensor.dtype}, and its column has {kind}")


def _list_rows(values: Any, target: Any) -> list[Any]:
    """Return the rows of an Arrow array; lists of numbers as NumPy arrays, which takes a fraction of the time."""
    pa = import_pyarrow()
    kind = values.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or values.values.null_count:
        return list(values.to_pylist())
    if not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return list(values.to_pylist())
    flat = values.values.to_numpy(zero_copy_only=False)
    cast, bad = cast_numbers(flat, target)
    flat = cast if bad is None else flat  # Else each row is cast by itself, to find which do not fit.
    offsets = values.offsets.to_pylist()
    valid = values.is_valid().to_pylist()
    return [flat[start:stop] if found else None for start, stop, found in zip(offsets, offsets[1:], valid)]


def _is_text(kind: Any) -> bool:
    types = import_pyarrow().types
    return any(
        check(kind) for check in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    )


def _shape_array(array: Any, inner: Sequence[int | None] | None) -> Any:
    """Return an array of all rows in the shape that the input takes."""
    if inner is None or not len(array):
        return array
    try:
        return array.reshape(len(array), *fit_shape(array[0], inner).shape)
    except ValueError as error:
        raise InputMismatch(f"gets rows of a wrong shape: {error}") from error


def _convert_rows(
    values: Sequence[Any],
    target: Any,
    inner: Sequence[int | None] | None,
    tensor: TensorInfo,
    errors: RowErrors,
    decoder: ImageDecoder | None,
) -> InputColumn:
    """Return a column whose rows are converted one by one: lists, texts of numbers, images."""
    if decoder is not None:
        values = _decode_images(values, decoder, errors)
    rows: list[Any] = []
    for index, value in enumerate(values):
        rows.append(None)
        if index in errors:
            continue
        if value is None:
            errors.add(index, "null", f"the value for input {tensor.name!r} is null")
            continue
        try:
            rows[-1] = _convert_value(value, target, inner, tensor)
        except OverflowError as error:
            errors.add(index, "range", f"input {tensor.name!r}: {error}")
        except ValueError as error:
            kind = "image" if value is error else "shape" if isinstance(error, WrongShape) else "type"
            errors.add(index, kind, f"input {tensor.name!r}: {error}")
    return _stack_rows(rows, 0, target)


def _stack_rows(rows: list[Any], filler: Any, dtype: Any) -> InputColumn:
    """Return a column of arrays; rows without a value get the filler, if all others have one shape."""
    import numpy as np

    shapes = {row.shape for row in rows if row is not None}
    if len(shapes) > 1:
        return InputColumn(rows=rows)
    filled = np.full(next(iter(shapes), ()), filler, dtype)
    return InputColumn(np.stack([filled if row is None else row for row in rows]) if rows else filled.reshape(0))


def _decode_images(values: Sequence[Any], decoder: ImageDecoder, errors: RowErrors) -> list[Any]:
    """Return the values with the pixels of images, or the error, in the place of their files."""
    is_file = [isinstance(value, (bytes, bytearray)) and row not in errors for row, value in enumerate(values)]
    decoded = decoder.decode_all([bytes(value) if found else None for value, found in zip(values, is_file)])
    return [pixels if found else value for value, found, pixels in zip(values, is_file, decoded)]


def _convert_value(value: Any, target: Any, inner: Sequence[int | None] | None, tensor: TensorInfo) -> Any:
    if isinstance(value, ValueError):
        raise value
    if isinstance(value, (bytes, bytearray)):
        raise ValueError(f"it takes {tensor.dtype}, and the value is bytes")
    if isinstance(value, str) and inner is not None and len(inner) == 3 and not value.lstrip().startswith("["):
        raise ValueError(
            f"it takes images, and the value is text: {value[:80]!r}. Name the files of images as the input"
        )
    array = parse_numbers(value, target) if isinstance(value, str) else to_array(value)
    try:
        cast, bad = cast_numbers(array, target)
    except InputMismatch as error:
        raise ValueError(str(error)) from error
    if bad is not None:
        raise OverflowError(f"{np_first(array, bad)} does not fit into {tensor.dtype}")
    is_number_for_list = cast.ndim == 0 and inner is not None and len(inner) == 1
    return fit_shape(cast.reshape(1) if is_number_for_list else cast, inner)


def np_first(array: Any, mask: Any) -> Any:
    """Return the first element that a mask chooses."""
    return array[mask].flat[0]


def _convert_strings(values: Any, tensor: TensorInfo, errors: RowErrors) -> InputColumn:
    """Return texts and bytes as objects, as TensorFlow takes them."""
    import numpy as np

    if is_arrow(values):
        pa = import_pyarrow()
        kind = values.type
        if not (_is_text(kind) or pa.types.is_null(kind) or pa.types.is_nested(kind)):
            raise InputMismatch(f"Input {tensor.name!r} takes strings, and its column has {kind}.")
        array, has_odd = _text_to_numpy(values) if _is_text(kind) else (_object_array(values.to_pylist()), True)
    elif getattr(values, "dtype", None) is not None and values.dtype.kind in "biufcmM":
        raise InputMismatch(f"Input {tensor.name!r} takes strings, and its column has {values.dtype}.")
    else:
        array, has_odd = _object_array(values), True
    if tensor.shape is not None and len(tensor.shape) > 1:
        return _convert_string_lists(array, tensor, errors)
    if has_odd:
        array = array.copy()
        for row, value in enumerate(array):
            array[row] = b"" if row in errors else _check_string(value, row, tensor, errors)
    return InputColumn(np.asarray(array, object))


def _text_to_numpy(values: Any) -> tuple[Any, bool]:
    """Return an Arrow array of texts as objects, and whether some are not strings that TensorFlow takes."""
    pa = import_pyarrow()
    try:
        return values.to_numpy(zero_copy_only=False), bool(values.null_count)
    except (pa.ArrowException, UnicodeDecodeError):
        return _object_array(list_texts(values)), True


def _object_array(values: Any) -> Any:
    import numpy as np

    array = np.empty(len(values), object)
    for row, value in enumerate(values):
        array[row] = value
    return array


def _check_string(value: Any, row: int, tensor: TensorInfo, errors: RowErrors) -> Any:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            errors.add(row, "encoding", f"input {tensor.name!r}: the text is not UTF-8 ({error.reason})")
    elif value is None:
        errors.add(row, "null", f"the value for input {tensor.name!r} is null")
    else:
        errors.add(row, "type", f"input {tensor.name!r} takes a string, and gets {type(value).__name__}")
    return b""


def _convert_string_lists(array: Any, tensor: TensorInfo, errors: RowErrors) -> InputColumn:
    inner = tensor.shape[1:] if tensor.shape else ()
    rows: list[Any] = []
    for row, value in enumerate(array):
        rows.append(None)
        if row in errors:
            continue
        if value is None:
            errors.add(row, "null", f"the value for input {tensor.name!r} is null")
            continue
        parts = [value] if isinstance(value, (str, bytes)) else list(value)
        checked = [_check_string(part, row, tensor, errors) for part in parts]
        try:
            rows[-1] = fit_shape(_object_array(checked), inner)
        except ValueError as error:
            errors.add(row, "shape", f"input {tensor.name!r}: {error}")
    return _stack_rows(rows, b"", object)
