"""The outputs of a chunk: the results of its batches, put back into the order of the rows."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from rehub.batch_inference.numbers import NUMBERS, numpy_dtype
from rehub.batch_inference.row_errors import RowErrors
from rehub.errors import OutputsNotAligned
from rehub.formatting import format_shape
from rehub.savedmodel.signatures import TensorInfo


class OutputColumn:
    """The values of one output for the rows of a chunk.

    While all rows have one shape, `array` has them; after that, `lists` has an array for each row.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.array: Any = None
        self.lists: list[Any] | None = None

    def value(self, row: int) -> Any:
        """Return the value of a row that has one."""
        return self.array[row] if self.lists is None else self.lists[row]

    def put(self, rows: Sequence[int], values: Any) -> None:
        """Keep the values of rows: an array whose first dimension is these rows, or a list of arrays."""
        import numpy as np

        is_uniform = not isinstance(values, list)
        if self.lists is None and is_uniform and self.array is None:
            self.array = np.zeros((self._rows, *values.shape[1:]), values.dtype)
        if self.lists is None and is_uniform and self.array.shape[1:] == values.shape[1:]:
            is_range = rows[-1] - rows[0] + 1 == len(rows)
            self.array[slice(rows[0], rows[-1] + 1) if is_range and _is_ascending(rows) else rows] = values
            return
        if self.lists is None:
            self.lists = [None] * self._rows if self.array is None else list(self.array)
            self.array = None
        for row, value in zip(rows, values):
            self.lists[row] = value


def fill_column(column: OutputColumn, rows: int, errors: RowErrors, tensor: TensorInfo | None) -> Any:
    """Return the values as one NumPy array, with NaN, 0, False or None for rows with an error.

    Args:
        column, rows, errors: of a chunk.
        tensor: the output, if a row has a value of its shape: then the array is the same kind without any result.
    """
    import numpy as np

    if column.array is None and column.lists is None and tensor is not None:
        shape = tensor.shape and tensor.shape[1:]
        if shape is not None and None not in shape and tensor.dtype in NUMBERS:
            column.array = np.zeros((rows, *shape), numpy_dtype(tensor.dtype, tensor.name))
    if column.array is not None and column.array.dtype.kind != "O":
        if column.array.dtype.kind == "f":
            column.array[[row for row in range(rows) if row in errors]] = np.nan
        return column.array
    found = np.empty(rows, object)
    values = column.lists if column.lists is not None else column.array
    if values is None:
        return found
    if column.array is not None and column.array.ndim > 1:
        found = np.empty(column.array.shape, object)
    for row, value in enumerate(values):
        found[row] = None if row in errors else decode_strings(value)
    return found


def decode_strings(value: Any) -> Any:
    """Return bytes that are UTF-8 as text, alone or in an array of objects; all else unchanged."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if getattr(getattr(value, "dtype", None), "kind", "") == "O":
        flat = [decode_strings(each) for each in value.ravel().tolist()]
        found = value.copy()
        found.ravel()[:] = flat
        return found
    return value


def _is_ascending(rows: Sequence[int]) -> bool:
    return all(after == before + 1 for before, after in zip(rows, rows[1:]))


def split_outputs(
    outputs: Mapping[str, Any], rows: int, ragged: Mapping[str, str], padded: Mapping[str, str]
) -> dict[str, Any]:
    """Return the outputs of a batch, each with one value for each row.

    Args:
        outputs: arrays, or lists of arrays.
        rows: the number of rows in the batch.
        ragged: the output with the count of each row, by the output that has the values of all rows in one list.
        padded: the output with the length of each row, by the output that is as long as the longest row.

    Raises:
        OutputsNotAligned: an output does not have a value for each row.
    """
    found = {}
    for name, values in outputs.items():
        if name in ragged:
            found[name] = _split_ragged(name, values, outputs[ragged[name]], ragged[name], rows)
            continue
        own = (len(values),) if isinstance(values, list) else values.shape
        if not own:
            raise OutputsNotAligned(
                f"Output {name!r} is one value for all {rows} rows of a batch, such as a mean. Leave it out: --outputs "
                "names those to write."
            )
        if own[0] != rows:
            shape = format_shape(own)
            alone = "If the model takes one row at a time: --batch-size 1. " if own[0] == 1 else ""
            raise OutputsNotAligned(
                f"Output {name!r} has shape {shape} for {rows} rows. {alone}If it has the values of all rows one after "
                f"the other, name the output with the count of each row: --ragged {name}=COUNTS. Or leave it out: "
                "--outputs names those to write."
            )
        if name in padded:
            lengths = _check_lengths(padded[name], outputs[padded[name]], rows)
            if lengths and max(lengths) > (values.shape[1] if values.ndim > 1 else 0):
                raise OutputsNotAligned(
                    f"Output {name!r} has shape {values.shape}; {padded[name]!r} says {max(lengths)}."
                )
            values = [row[:length] for row, length in zip(values, lengths)]
        found[name] = values
    return found


def _check_lengths(name: str, lengths: Any, rows: int) -> list[int]:
    if getattr(lengths, "shape", None) != (rows,) or lengths.dtype.kind not in "iu":
        raise OutputsNotAligned(f"Output {name!r} is not an integer for each of {rows} rows, so it cannot be a count.")
    return [int(each) for each in lengths]


def _split_ragged(name: str, values: Any, lengths: Any, counts: str, rows: int) -> list[Any]:
    found = _check_lengths(counts, lengths, rows)
    if sum(found) != len(values) or min(found, default=0) < 0:
        raise OutputsNotAligned(f"Output {name!r} has {len(values)} values, but {counts!r} counts {sum(found)}.")
    parts, start = [], 0
    for length in found:
        parts.append(values[start : start + length])
        start += length
    return parts
