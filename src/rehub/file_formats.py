"""File names of archives, and of model formats that rehub does not load, each with what loads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NoReturn

from rehub.errors import UnsupportedFormat
from rehub.escaping import quote_url

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")


def is_archive_name(name: str) -> bool:
    """Return whether a file's name or a URL's path ends like an archive's.

    >>> is_archive_name("nnlm.TGZ")
    True
    """
    return name.lower().endswith(ARCHIVE_SUFFIXES)


@dataclass(frozen=True)
class OtherFormat:
    """A model format that rehub does not load: its name, and what loads it."""

    name: str
    loaded_by: str


TFJS = OtherFormat(
    "a TensorFlow.js model",
    "tf.loadGraphModel or tf.loadLayersModel of @tensorflow/tfjs, in JavaScript, loads it. Look for the SavedModel or "
    "Keras model that it was converted from",
)
LITE = OtherFormat("a TensorFlow Lite model", "download the file; tf.lite.Interpreter(model_path=...) loads it")
GRAPH_DEF = OtherFormat(
    "a GraphDef, such as a frozen graph",
    """TensorFlow imports it, with the names of the tensors to feed and to fetch:
    graph_def = tf.compat.v1.GraphDef.FromString(tf.io.gfile.GFile(path, "rb").read())
    imported = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph_def, name=""), [])
    function = imported.prune("input:0", "output:0")""",
)
_PYTORCH = OtherFormat("a PyTorch file", "torch.load loads it")
_HDF5 = OtherFormat(
    "a Keras HDF5 file", "keras.models.load_model loads a whole model, model.load_weights a file of weights"
)

_BY_SUFFIX = {
    ".tflite": LITE,
    ".keras": OtherFormat("a Keras model file", "keras.models.load_model loads it"),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".onnx": OtherFormat("an ONNX model", "onnxruntime.InferenceSession loads it"),
    ".pt": _PYTORCH,
    ".pth": _PYTORCH,
    ".safetensors": OtherFormat("a file of tensors without a graph", "safetensors.numpy.load_file loads it"),
}


def find_other_format(file_name: str) -> OtherFormat | None:
    """Return the format that a file's suffix stands for; None if rehub may load the file.

    >>> find_other_format("model.keras").loaded_by
    'keras.models.load_model loads it'
    """
    return _BY_SUFFIX.get(PurePosixPath(file_name).suffix.lower())


def raise_unsupported(handle: str, other: OtherFormat) -> NoReturn:
    """Raise `UnsupportedFormat` for a handle that names a model of another format."""
    raise UnsupportedFormat(f"{quote_url(handle)} names {other.name}, and rehub loads SavedModels: {other.loaded_by}")


def refuse_other_suffix(handle: str, path: str) -> None:
    """Raise `UnsupportedFormat` if a path's suffix stands for another format, or it is the `model.json` of TF.js."""
    is_tfjs = PurePosixPath(path).name == "model.json"
    other = TFJS if is_tfjs else None if is_archive_name(path) else find_other_format(path)
    if other is not None:
        raise_unsupported(handle, other)
