"""The output: its schema, and the Parquet file of a shard, which is there wholly or not at all."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow, is_arrow, list_texts
from rehub.batch_inference.output_store import LocalStore, ObjectStore, open_store
from rehub.batch_inference.outputs import OutputColumn
from rehub.batch_inference.row_errors import RowErrors
from rehub.errors import InputMismatch, OutputNotWritten
from rehub.staging import fsync_path

_log = logging.getLogger(__name__)

_METADATA = b"rehub"
_SHAPE = b"shape"


def make_field(name: str, column: OutputColumn, good: Sequence[int], *, varies: bool = False) -> Any:
    """Return the Arrow field of an output, by the values of a probe.

    Vectors are lists of fixed size, which the file has as plain lists. Values of a higher rank are flattened, and their
    shape is in the field's metadata. Values whose first size differs by row are lists.

    Args:
        name: of the column.
        column: the values.
        good: the rows that have some.
        varies: whether the first size can differ by row, even if it does not in these rows.

    Raises:
        InputMismatch: Arrow has no type for them.
    """
    pa = import_pyarrow()
    values = [column.value(row) for row in good]
    shapes = {getattr(value, "shape", ()) for value in values}
    dtype = getattr(values[0], "dtype", None)
    kind = _string_type(values) if dtype is None or dtype.kind == "O" else _number_type(name, dtype)
    shape = next(iter(shapes))
    if len(shapes) == 1 and column.lists is None and not (varies and shape):
        return pa.field(name, _nest_lists(kind, shape), metadata=_shape_metadata(shape))
    if len({each[1:] for each in shapes}) > 1:
        raise InputMismatch(
            f"Output of column {name!r} differs between rows in more than its first size: {sorted(shapes)[:3]}. "
            "Leave it out: --outputs names those to write."
        )
    return pa.field(name, pa.list_(_nest_lists(kind, shape[1:])), metadata=_shape_metadata(shape[1:]))


def _string_type(values: Sequence[Any]) -> Any:
    pa = import_pyarrow()
    for value in values:
        for each in value.ravel().tolist() if hasattr(value, "ravel") else [value]:
            try:
                each.decode()
            except UnicodeDecodeError:
                return pa.binary()
    return pa.string()


def _number_type(name: str, dtype: Any) -> Any:
    pa = import_pyarrow()
    try:
        return pa.from_numpy_dtype(dtype)
    except (pa.ArrowException, NotImplementedError) as error:
        raise InputMismatch(
            f"Output of column {name!r} is {dtype}, which Parquet does not have. Leave it out."
        ) from error


def _nest_lists(kind: Any, shape: Sequence[int]) -> Any:
    pa = import_pyarrow()
    if not shape:
        return kind
    size = 1
    for each in shape:
        size *= each
    return pa.list_(kind, size) if size else pa.list_(kind)


def _shape_metadata(shape: Sequence[int]) -> dict[bytes, bytes] | None:
    return {_SHAPE: json.dumps(list(shape)).encode()} if len(shape) > 1 else None


def convert_output(field: Any, column: OutputColumn, rows: int, errors: RowErrors) -> Any:
    """Return an output as an Arrow array of the field's type; rows with an error are null.

    A row whose value does not fit the type, which the probe fixed, gets an error.
    """
    import numpy as np

    pa = import_pyarrow()
    if column.array is None and column.lists is None:
        return pa.nulls(rows, field.type)
    shape = _stored_shape(field)
    mask = np.fromiter((row in errors for row in range(rows)), bool, rows)
    array = column.array
    if array is not None and array.dtype.kind != "O" and array.shape[1:] == shape and not _is_list(field.type):
        kind = field.type.value_type if array.ndim > 1 else field.type
        if pa.from_numpy_dtype(array.dtype) == kind:
            return _convert_array(array, field.type, mask)
    values: list[Any] = []
    is_list = _is_list(field.type)
    for row in range(rows):
        value = None if mask[row] else column.value(row)
        values.append(None)
        if value is None:
            continue
        own = tuple(getattr(value, "shape", ()))
        if (own[1:] if is_list and own else own) != shape:
            errors.add(row, "output", f"column {field.name!r} has shape {list(own)} here; the first rows had others")
            continue
        try:
            values[-1] = _to_objects(value, field.type, is_list)
        except UnicodeDecodeError as error:
            errors.add(row, "output", f"column {field.name!r} is not UTF-8 here: {error.reason}")
    return pa.array(values, field.type)


def _is_list(kind: Any) -> bool:
    return bool(import_pyarrow().types.is_list(kind))


def _stored_shape(field: Any) -> tuple[int, ...]:
    """Return the shape of a row of a field, or of a row's element where rows differ."""
    pa = import_pyarrow()
    if field.metadata and _SHAPE in field.metadata:
        return tuple(json.loads(field.metadata[_SHAPE]))
    kind = field.type.value_type if _is_list(field.type) else field.type
    return (kind.list_size,) if pa.types.is_fixed_size_list(kind) else ()


def _convert_array(array: Any, kind: Any, mask: Any) -> Any:
    import numpy as np

    pa = import_pyarrow()
    if array.ndim == 1:
        return pa.array(array, kind, mask=mask if mask.any() else None, from_pandas=False)
    flat = pa.array(np.ascontiguousarray(array).reshape(-1), kind.value_type, from_pandas=False)
    if not mask.any():
        return pa.FixedSizeListArray.from_arrays(flat, kind.list_size)
    # The masked form of from_arrays is new; all other ways to give a list nulls copy it.
    bits = pa.array(~mask).buffers()[1]
    return pa.Array.from_buffers(kind, len(array), [bits], int(mask.sum()), children=[flat])


def _to_objects(value: Any, kind: Any, is_list: bool) -> Any:
    """Return a value as Python objects that pyarrow takes for a type."""
    pa = import_pyarrow()
    leaf = kind
    while hasattr(leaf, "value_type"):
        leaf = leaf.value_type
    is_text = pa.types.is_string(leaf)

    def convert(each: Any) -> Any:
        return each.decode() if is_text else each

    if not hasattr(value, "ravel"):
        return convert(value)
    if not value.shape:
        return convert(value.item())
    if not is_list or value.ndim == 1:
        return [convert(each) for each in value.ravel().tolist()]
    return [[convert(each) for each in row.ravel().tolist()] for row in value]


def convert_kept(field: Any, values: Any, errors: RowErrors) -> Any:
    """Return a kept column as an Arrow array of the field's type; a row whose value does not fit it gets an error."""
    pa = import_pyarrow()
    if is_arrow(values) and _has_broken_text(values):
        values = list_texts(values)
    try:
        if is_arrow(values):
            return values if values.type == field.type else values.cast(field.type)
        return pa.array([prepare_kept(value, field.type) for value in values], field.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pass
    found = []
    for row, value in enumerate(values.to_pylist() if is_arrow(values) else values):
        try:
            found.append(pa.array([prepare_kept(value, field.type)], field.type)[0].as_py())
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            found.append(None)
            errors.add(
                row, "type", f"column {field.name!r} has {field.type}; {str(value)[:40]!r} does not fit: {error}"
            )
    return pa.array(found, field.type)


def _has_broken_text(values: Any) -> bool:
    pa = import_pyarrow()
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return False
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return True
    return False


def prepare_kept(value: Any, kind: Any) -> Any:
    """Return a Python value as pyarrow takes it for a type: among texts as JSON text, among lists as a list.

    A feature of a TFRecord does not say whether its only value is a list.
    """
    pa = import_pyarrow()
    if _is_list(kind) and not isinstance(value, (list, type(None))):
        return [prepare_kept(value, kind.value_type)]
    if pa.types.is_string(kind) and isinstance(value, (dict, list, bool, int, float)):
        return json.dumps(value)
    if isinstance(value, bool) and not pa.types.is_boolean(kind):
        raise TypeError("it is a boolean")
    return value


def _use_plain_lists(schema: Any) -> Any:
    """Return a schema with lists of any size in place of those of a fixed size.

    Parquet has no fixed sizes. pyarrow before 25 cannot write null in such a list, and before 26 it cannot read it.
    """
    pa = import_pyarrow()
    return pa.schema(
        field.with_type(pa.list_(field.type.value_type)) if pa.types.is_fixed_size_list(field.type) else field
        for field in schema
    )


def _make_plain_list(column: Any) -> Any:
    import numpy as np

    pa = import_pyarrow()
    if not pa.types.is_fixed_size_list(column.type):
        return column
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(array) + 1, np.int32)
    np.cumsum(np.where(is_null, 0, column.type.list_size), out=offsets[1:])
    starts = pa.array(offsets, mask=np.append(is_null, False)) if is_null.any() else pa.array(offsets)
    return pa.ListArray.from_arrays(starts, array.flatten())  # Without the values of null.


def _has_shape(field: Any) -> bool:
    return bool(field.metadata) and _SHAPE in field.metadata


class ShardWriter:
    """Write the Parquet file of a shard under a temporary name, and publish it under its own.

    On disk it is synced and renamed; an object store gets it by one PUT.
    """

    def __init__(self, output: str, name: str, attempt: str, schema: Any) -> None:
        self._store, self._name = open_store(output), name
        staging_name = f"{Path(name).stem}.{attempt}.parquet"
        self._nameless: Any = None
        if isinstance(self._store, LocalStore):
            self._staging = Path(output, "_rehub", "tmp", staging_name)
        elif sys.platform == "linux":
            # A file without a name is gone when its process is killed. proc(5) gives it a path while it is open.
            self._nameless = tempfile.TemporaryFile()  # noqa: SIM115
            self._staging = Path(f"/proc/self/fd/{self._nameless.fileno()}")
        else:
            self._staging = Path(tempfile.gettempdir(), staging_name)
        pa = import_pyarrow()
        self._shapes = {field.name: json.loads(field.metadata[_SHAPE]) for field in schema if _has_shape(field)}
        # Dictionaries of floats take more space and time than the floats.
        repeating = [
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_integer(field.type)
        ]
        try:
            self._writer = pa.parquet.ParquetWriter(
                *(str(self._staging), _use_plain_lists(schema)),
                compression="zstd",
                use_dictionary=repeating,
                store_schema=False,
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            advice = " Choose a directory that all machines share." if isinstance(error, FileNotFoundError) else ""
            raise OutputNotWritten(
                f"{output!r} cannot be written on {socket.gethostname()!r}: {reason}.{advice}"
            ) from error

    def write(self, table: Any) -> None:
        """Write some rows."""
        pa = import_pyarrow()
        columns = [_make_plain_list(column) for column in table.columns]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=_use_plain_lists(table.schema)))

    def publish(self, metadata: Mapping[str, Any]) -> None:
        """Finish the file, with what is to be known about it without its rows, and give it its name."""
        self._writer.add_key_value_metadata(
            {_METADATA.decode(): json.dumps({**metadata, "shapes": self._shapes}, sort_keys=True)}
        )
        self._writer.close()
        if isinstance(self._store, ObjectStore):
            self._store.put(str(self._staging), self._name)
            self._delete_staging()
            return
        fsync_path(self._staging)
        target = Path(self._store.path, self._name)
        os.replace(str(self._staging), str(target))
        fsync_path(target.parent)

    def discard(self) -> None:
        """Delete what was written, after an error."""
        try:
            self._writer.close()
        except Exception as error:  # noqa: BLE001  The disk may be full; the first error is the one to report.
            _log.debug("%s cannot be closed: %s", self._staging, error)
        self._delete_staging()

    def _delete_staging(self) -> None:
        if self._nameless is not None:
            self._nameless.close()
        elif self._staging.exists():
            self._staging.unlink()


def read_shard_metadata(file: Any) -> tuple[int, dict[str, Any]]:
    """Return the number of rows of a shard's file, and what `publish` was given.

    Raises:
        ArrowException, OSError, ValueError, KeyError: it is not a whole file, or not of a run.
    """
    found = import_pyarrow().parquet.read_metadata(file)
    return found.num_rows, json.loads(found.metadata[_METADATA])
