"""What a model gave: shown in a line, as JSON, or written to a .npz file."""

from __future__ import annotations

import base64
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from rehub.errors import UnsupportedFormat
from rehub.inspection.overview import shape_text

_SHOWN, _FIRST = 8, 3  # How many numbers are shown in full, and how many of more.


@dataclass(frozen=True)
class Output:
    """An output of a signature.

    Attributes:
        kind: "dense", "sparse" or "ragged".
        dtype: TensorFlow's name of its type.
        parts: the arrays that it consists of, by their names: of a dense one a single array, named "".
        nested: it as nested lists; of a sparse one, that of the dense tensor.
    """

    kind: str
    dtype: str
    parts: Mapping[str, Any]
    nested: Any

    @classmethod
    def of(cls, tf: Any, value: Any) -> Output:
        """Takes a tensor of TensorFlow."""
        dtype = value.dtype.name
        if isinstance(value, tf.SparseTensor):
            names = ("indices", "values", "dense_shape")
            parts = {name: _array(tf, getattr(value, name)) for name in names}
            return cls("sparse", dtype, parts, _array(tf, tf.sparse.to_dense(value)).tolist())
        if isinstance(value, tf.RaggedTensor):
            splits = {f"row_splits_{number}": _array(tf, each) for number, each in enumerate(value.nested_row_splits)}
            return cls("ragged", dtype, {"values": _array(tf, value.flat_values), **splits}, value.to_list())
        array = _array(tf, value)
        return cls("dense", dtype, {"": array}, array.tolist())

    @property
    def described(self) -> str:
        """Its type and shape in a few words; of a ragged one, with how many rows it has."""
        if self.kind == "dense":
            return f"{self.dtype}{shape_text(self.parts[''].shape)}"
        if self.kind == "sparse":
            return f"sparse {self.dtype}{shape_text(tuple(self.parts['dense_shape'].tolist()))}"
        return f"ragged {self.dtype}{shape_text((len(self.nested), None))}"

    @property
    def summary(self) -> str:
        """It in full where it is small; else the first of its numbers, and what there is to say about all."""
        import numpy as np

        values = self.parts["" if self.kind == "dense" else "values"]
        if values.size <= _SHOWN:
            return _written(self.nested)
        first = ", ".join(_written(each) for each in values.ravel()[:_FIRST].tolist())
        if values.dtype.kind not in "iuf":
            return f"{first}, ..."
        finite = values[np.isfinite(values)].astype(np.float64)
        odd = values.size - finite.size
        about = f"from {finite.min():.6g} to {finite.max():.6g}, mean {finite.mean():.6g}" if finite.size else "none"
        return f"{first}, ... ({about}{f'; {odd} not finite' if odd else ''})"

    @property
    def json(self) -> Any:
        """It as JSON has it: bytes that are no text as {"b64": ...}, complex numbers as strings."""
        return _for_json(self.nested)


def write_npz(path: Path, outputs: Mapping[str, Output]) -> None:
    """Writes outputs as arrays of their names; of a composite one each part, as "name.values".

    Raises:
        UnsupportedFormat: one has strings that end in a zero byte, which NumPy would cut off.
        OSError: it cannot be written.
    """
    import numpy as np

    arrays = {
        name + (f".{part}" if part else ""): _without_objects(name, array)
        for name, output in outputs.items()
        for part, array in output.parts.items()
    }
    # numpy.savez has arguments of its own, and an output may have the name of one.
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _without_objects(name: str, array: Any) -> Any:
    if array.dtype != object:
        return array
    if any(text.endswith(b"\0") for text in array.ravel().tolist()):
        raise UnsupportedFormat(
            f"Output {name!r} has strings that end in a zero byte, which .npz cannot hold: use --json."
        )
    return array.astype(bytes)


def _array(tf: Any, tensor: Any) -> Any:
    if tensor.dtype.name in ("bfloat16", "float8_e5m2", "float8_e4m3fn"):
        tensor = tf.cast(tensor, tf.float32)
    import numpy as np

    value = tensor.numpy()
    return np.array(value, object) if isinstance(value, bytes) else value


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, bytes):
        try:
            return repr(value.decode())
        except UnicodeDecodeError:
            return repr(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _for_json(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_for_json(each) for each in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return str(value) if isinstance(value, complex) else value
