"""Outputs of a model: as a line of text, as JSON, or written to a .npz file."""

from __future__ import annotations

import base64
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from rehub import tf_internals
from rehub.errors import UnsupportedFormat
from rehub.formatting import format_tensor

_MAX_IN_FULL, _FIRST = 8, 3  # Up to 8 numbers are printed in full, of more the first 3.


@dataclass(frozen=True)
class OutputValue:
    """An output of a signature.

    Attributes:
        kind: "dense", "sparse" or "ragged".
        dtype: TensorFlow's name of its type.
        parts: its arrays by name; a dense output has one, named "".
        nested: the output as nested lists; for a sparse one, the lists of the dense tensor.
    """

    kind: str
    dtype: str
    parts: Mapping[str, Any]
    nested: Any

    @classmethod
    def from_tensor(cls, value: Any) -> OutputValue:
        """Read a dense, sparse or ragged tensor of TensorFlow."""
        tf = tf_internals.import_tensorflow()
        dtype = value.dtype.name
        if isinstance(value, tf.SparseTensor):
            names = ("indices", "values", "dense_shape")
            parts = {name: _to_numpy(getattr(value, name)) for name in names}
            return cls("sparse", dtype, parts, _to_numpy(tf.sparse.to_dense(value)).tolist())
        if isinstance(value, tf.RaggedTensor):
            splits = {f"row_splits_{number}": _to_numpy(each) for number, each in enumerate(value.nested_row_splits)}
            return cls("ragged", dtype, {"values": _to_numpy(value.flat_values), **splits}, value.to_list())
        array = _to_numpy(value)
        return cls("dense", dtype, {"": array}, array.tolist())

    @property
    def description(self) -> str:
        """The type and shape; of a ragged output, with the number of rows."""
        if self.kind == "dense":
            return format_tensor(self.dtype, self.parts[""].shape)
        if self.kind == "sparse":
            return format_tensor(self.dtype, self.parts["dense_shape"].tolist(), "sparse")
        return format_tensor(self.dtype, (len(self.nested), None), "ragged")

    @property
    def summary(self) -> str:
        """The values in full if they are few; else the first ones, and the range and mean of all."""
        import numpy as np

        values = self.parts["" if self.kind == "dense" else "values"]
        if values.size <= _MAX_IN_FULL:
            return _format_value(self.nested)
        first = ", ".join(_format_value(each) for each in values.ravel()[:_FIRST].tolist())
        if values.dtype.kind not in "iuf":
            return f"{first}, ..."
        finite = values[np.isfinite(values)].astype(np.float64)
        odd = values.size - finite.size
        about = f"from {finite.min():.6g} to {finite.max():.6g}, mean {finite.mean():.6g}" if finite.size else "none"
        return f"{first}, ... ({about}{f'; {odd} not finite' if odd else ''})"

    @property
    def json(self) -> Any:
        """The values for JSON: bytes that are not UTF-8 as {"b64": ...}, complex numbers as strings."""
        return _to_json(self.nested)


def write_npz(path: Path, outputs: Mapping[str, OutputValue]) -> None:
    """Write outputs as arrays by name; each part of a composite output as "name.values".

    Raises:
        UnsupportedFormat: an output has strings that end in a zero byte, which NumPy would cut off.
        OSError: the file cannot be written.
    """
    import numpy as np

    arrays = {
        name + (f".{part}" if part else ""): _cast_objects(name, array)
        for name, output in outputs.items()
        for part, array in output.parts.items()
    }
    # Not numpy.savez: an output may have the name of one of its arguments.
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _cast_objects(name: str, array: Any) -> Any:
    if array.dtype != object:
        return array
    if any(text.endswith(b"\0") for text in array.ravel().tolist()):
        raise UnsupportedFormat(
            f"Output {name!r} has strings that end in a zero byte, which .npz cannot hold: use --json."
        )
    return array.astype(bytes)


def _to_numpy(tensor: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    if tensor.dtype.name in ("bfloat16", "float8_e5m2", "float8_e4m3fn"):
        tensor = tf.cast(tensor, tf.float32)
    import numpy as np

    value = tensor.numpy()
    return np.array(value, object) if isinstance(value, bytes) else value


def _format_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_format_value, value))}]"
    if isinstance(value, bytes):
        try:
            return repr(value.decode())
        except UnicodeDecodeError:
            return repr(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _to_json(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_to_json(each) for each in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return str(value) if isinstance(value, complex) else value
