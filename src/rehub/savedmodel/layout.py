"""Which model files a directory has, and what loads it when it is not a SavedModel."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from typing import Callable, Sequence

from rehub.errors import HubError, ModelNotFound, UnsupportedFormat
from rehub.escaping import quote_url
from rehub.formatting import list_names
from rehub.savedmodel.file_kinds import graph_def_advice, is_graph_def_file

PB, PBTXT, CPB = "saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"
LEGACY_MARK = "tfhub_module.pb"
KERAS_METADATA = "keras_metadata.pb"

# What other kinds of model leave in a directory, the surest sign first.
_OTHER_KINDS = (
    ("*.tflite", "a TF Lite model", "tf.lite.Interpreter(model_path=...) runs it"),
    ("*.keras", "a Keras model", "keras.models.load_model(...) loads it"),
    ("*.h5", "a Keras model or its weights in HDF5", "keras.models.load_model(...) or load_weights(...) loads it"),
    ("*.hdf5", "a Keras model or its weights in HDF5", "keras.models.load_model(...) or load_weights(...) loads it"),
    ("model.json", "a TF.js model", "tf.loadGraphModel or tf.loadLayersModel of TensorFlow.js loads it"),
    ("*.safetensors", "weights in the safetensors format", "the library they were made for loads them"),
    ("*.onnx", "an ONNX model", "onnxruntime runs it"),
    ("pytorch_model.bin", "a PyTorch model", "torch or transformers loads it"),
    ("frozen_*.pb", "a frozen GraphDef", "tf.compat.v1.import_graph_def imports it"),
    ("*.meta", "a TF1 checkpoint with its graph", "tf.compat.v1.train.import_meta_graph restores it"),
    ("checkpoint", "a training checkpoint", "tf.train.Checkpoint(...).restore(...) restores it into its model"),
    ("*.index", "a training checkpoint", "tf.train.Checkpoint(...).restore(...) restores it into its model"),
)


@dataclass(frozen=True)
class Layout:
    """The model files of a directory that holds a SavedModel.

    Attributes:
        model_file: `saved_model.pb` or `saved_model.pbtxt`; of both, the first, as TensorFlow does.
        is_legacy: it is in TF1 Hub format (it has a `tfhub_module.pb`).
    """

    path: str
    model_file: str
    is_legacy: bool

    @property
    def file(self) -> str:
        """The path of the model file."""
        return f"{self.path.rstrip('/')}/{self.model_file}"


def detect_layout(
    path: str, handle: str | None = None, list_directory: Callable[[str], Sequence[str]] | None = None
) -> Layout:
    """Find out what kind of SavedModel a directory holds.

    Args:
        handle: what the user typed to get there, for error messages; `path` where it is not given.
        list_directory: lists a directory's entries, for file systems that the standard library does not reach; raises
            OSError for what is not a directory.

    Raises:
        ModelNotFound: there is no such directory, or no SavedModel in it; says what is in it.
        UnsupportedFormat: it holds a model of another kind; says what loads that.
    """
    list_entries = list_directory or os.listdir
    label = _format_label(path, handle)
    try:
        entries = _list_names(list_entries(path))
    except NotADirectoryError:
        raise _explain_file(label, path) from None
    except FileNotFoundError:
        raise ModelNotFound(f"{label}: there is no such directory. {_FORMS}") from None
    except OSError as error:
        raise ModelNotFound(f"{label}: the directory cannot be read ({error}).") from error
    for model_file in (PB, PBTXT):
        if model_file in entries:
            return Layout(path, model_file, is_legacy=LEGACY_MARK in entries)
    if CPB in entries:
        raise UnsupportedFormat(
            f"{label} holds a {CPB}: a SavedModel split into chunks, which only experimental versions of TensorFlow "
            "write. Save the model again without experimental_image_format, as saved_model.pb."
        )
    raise _explain_missing_model(label, path, entries, list_entries)


_FORMS = "A local model is given as the path of the directory that holds its saved_model.pb."


def _format_label(path: str, handle: str | None) -> str:
    at = quote_url(path)
    return at if handle is None or handle == path or repr(handle) == at else f"{handle!r} (at {at})"


def _list_names(entries: Sequence[str]) -> tuple[str, ...]:
    # tf.io.gfile marks directories of object stores with a trailing slash.
    return tuple(sorted(entry.rstrip("/") for entry in entries))


def _find_other_kind(names: Sequence[str]) -> tuple[str, str, str] | None:
    """Return the file that gives another kind of model away, what kind it is, and what loads it."""
    for pattern, kind, loader in _OTHER_KINDS:
        for name in names:
            if fnmatch.fnmatchcase(name, pattern):
                return name, kind, loader
    return None


def _explain_file(label: str, path: str) -> HubError:
    if path.endswith(".pb") and is_graph_def_file(path):
        return UnsupportedFormat(f"{label} is not a SavedModel. {graph_def_advice(path)}")
    other = _find_other_kind([os.path.basename(path)])
    if other is not None:
        return UnsupportedFormat(f"{label} is not a SavedModel but {other[1]}: {other[2]}.")
    if os.path.basename(path) in (PB, PBTXT, CPB):
        return ModelNotFound(f"{label} is a file of a SavedModel: give the directory that holds it.")
    return ModelNotFound(f"{label} is a file, not a directory. {_FORMS}")


def _explain_missing_model(
    label: str, path: str, entries: tuple[str, ...], list_entries: Callable[[str], Sequence[str]]
) -> HubError:
    # "contains neither" is tensorflow_hub's wording, which test suites of its users match.
    lead = f"No SavedModel: {label} contains neither {PB!r} nor {PBTXT!r}. "
    if not entries:
        return ModelNotFound(lead + "The directory is empty.")
    shown = list_names(entries, limit=10)
    lead += f"The directory holds: {shown}. "
    inner = _find_inner_models(path, entries, list_entries)
    if inner:
        return ModelNotFound(lead + f"There is a SavedModel further down: {', '.join(map(repr, inner))}.")
    for entry in entries:
        file = path.rstrip("/" + os.sep) + os.sep + entry
        if entry.endswith(".pb") and is_graph_def_file(file):
            return UnsupportedFormat(lead + graph_def_advice(file))
    other = _find_other_kind(entries)
    if other is not None:
        name, kind, loader = other
        return UnsupportedFormat(lead + f"{name} is a sign of {kind}: {loader}.")
    if "variables" in entries or LEGACY_MARK in entries:
        return ModelNotFound(lead + "It looks like a model whose graph is missing: copy or download it again.")
    return ModelNotFound(lead + "tf.saved_model.save writes what can be loaded here.")


def _find_inner_models(
    path: str, entries: tuple[str, ...], list_entries: Callable[[str], Sequence[str]]
) -> tuple[str, ...]:
    """Return the directories with a SavedModel on the first level below that has any, as `export/1700000000`.

    It looks three levels down, and lists at most 100 directories, as those of object stores take long.
    """
    separator = "/" if "://" in path else os.sep
    level: list[tuple[str, Sequence[str]]] = [(path.rstrip("/" + os.sep), entries)]
    listings = 100
    for _ in range(3):
        below = [directory + separator + entry for directory, names in level for entry in names][:listings]
        listings -= len(below)
        level = []
        found = []
        for inner in below:
            try:
                names = _list_names(list_entries(inner))
            except OSError:
                continue  # A file.
            level.append((inner, names))
            if {PB, PBTXT}.intersection(names):
                found.append(inner)
        if found:
            return tuple(found)
    return ()
