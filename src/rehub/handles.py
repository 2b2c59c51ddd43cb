"""What a user types to name a model, taken apart: text -> `Handle`, without touching a disk or a network."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import NoReturn
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from rehub.errors import InvalidHandle, UnsupportedFormat

ACCEPTED_FORMS = """a handle is one of
  a directory:   /models/nnlm, ./nnlm, ~/nnlm, file:///models/nnlm, a pathlib.Path
  an archive:    /models/nnlm.tar.gz, https://example.com/nnlm.tgz (also .tar, .tar.bz2, .tar.xz, .tar.zst, .zip)
  a model's URL: https://tfhub.dev/google/nnlm-en-dim50/2, or of any server that speaks the hosting protocol
  and whatever a resolver of yours takes: see rehub.register_resolver"""


class Kind(Enum):
    """The kinds of handle; each is resolved in its own way."""

    PATH = "path"
    URL = "url"


@dataclass(frozen=True)
class Handle:
    """A handle, understood.

    Attributes:
        text: what the user typed. The cache knows a downloaded model by it, as `tensorflow_hub`'s cache does.
        kind: how it is resolved.
        location: for a path, the path (a leading `~` is still there); for a URL, the URL that answers with the archive.
    """

    text: str
    kind: Kind
    location: str

    def __str__(self) -> str:
        return self.text


def parse(handle: object) -> Handle:
    """Tells what a handle names.

    >>> parse("https://tfhub.dev/google/nnlm-en-dim50/2").location
    'https://tfhub.dev/google/nnlm-en-dim50/2?tf-hub-format=compressed'
    >>> parse("file:///models/my%20model").location
    '/models/my model'

    Args:
        handle: a string, bytes or `os.PathLike`.

    Raises:
        InvalidHandle: it is of another type, empty, or of a scheme that rehub does not fetch from.
        UnsupportedFormat: the text names a model that is no SavedModel (TF.js, TF Lite, Keras, ONNX, PyTorch).
    """
    text = text_of(handle)
    scheme = _scheme(text)
    if scheme is None:
        return Handle(text, Kind.PATH, text)
    if scheme == "file":
        return Handle(text, Kind.PATH, _path_of_file_url(text))
    if scheme in ("http", "https"):
        return Handle(text, Kind.URL, _archive_url(text))
    raise InvalidHandle(
        f"{text!r}: rehub does not fetch from {scheme}:// yet; {ACCEPTED_FORMS}.\n"
        f"Copy the model to a local directory, or register a resolver that knows {scheme}://."
    )


def text_of(handle: object) -> str:
    """The text of a handle; raises `InvalidHandle` for what can be none."""
    if isinstance(handle, (bytes, os.PathLike)):
        handle = os.fsdecode(handle)
    if not isinstance(handle, str):
        raise InvalidHandle(f"Expected a string, got {handle!r} of type {type(handle).__name__}; {ACCEPTED_FORMS}")
    if not handle:
        raise InvalidHandle(f"the handle is empty; {ACCEPTED_FORMS}")
    if "\0" in handle:
        raise InvalidHandle(f"{handle!r} holds a zero byte, which no path or URL can; {ACCEPTED_FORMS}")
    return handle


# Two letters or more, so that the drive of `C:\\models` or `C://models` is none.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def _scheme(text: str) -> str | None:
    match = _SCHEME.match(text)
    return match.group(1).lower() if match else None


def _path_of_file_url(text: str) -> str:
    host, slash, path = text[len("file://") :].partition("/")
    if host.lower() not in ("", "localhost"):
        raise InvalidHandle(
            f"{text!r} names the machine {host!r}; a file:// handle is a path on this one: file:///absolute/path"
        )
    decoded = os.fsdecode(unquote_to_bytes(os.fsencode(slash + path)))
    if not decoded or "\0" in decoded:
        raise InvalidHandle(f"{text!r} holds no path; a file:// handle looks like file:///absolute/path")
    # `file:///C:/models` names `C:/models` on Windows.
    return decoded[1:] if os.name == "nt" and re.match(r"/[A-Za-z]:", decoded) else decoded


ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")

# The mirror that tfhub.dev had in China gives its archives from another host, without a query.
_CHINA_HOST = "hub.tensorflow.google.cn"
_CHINA_ARCHIVES = "https://gcs.tensorflow.google.cn/tfhub-modules"


def _archive_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host = url.hostname
    except ValueError as error:
        raise InvalidHandle(f"{text!r} is no URL: {error}; {ACCEPTED_FORMS}") from error
    if not host:
        raise InvalidHandle(f"{text!r} names no host; {ACCEPTED_FORMS}")
    _refuse_other_kinds(text, url)
    if host == _CHINA_HOST:
        return f"{_CHINA_ARCHIVES}{url.path.rstrip('/')}.tar.gz"
    if url.path.lower().endswith(ARCHIVE_ENDINGS):
        return text
    return _with_query(text, "tf-hub-format=compressed")


def _with_query(url: str, item: str) -> str:
    """Adds to a URL's query as text: to quote again what a server has signed would break the signature."""
    url, hash_sign, fragment = url.partition("#")
    if item in url.partition("?")[2].split("&"):
        joined = url
    elif "?" not in url:
        joined = f"{url}?{item}"
    else:
        joined = f"{url}{item}" if url.endswith(("?", "&")) else f"{url}&{item}"
    return joined + hash_sign + fragment


@dataclass(frozen=True)
class OtherKind:
    """A kind of model that rehub does not load, and what does."""

    name: str
    loaded_by: str


_TFJS = OtherKind("a TensorFlow.js model", "tf.loadGraphModel of @tensorflow/tfjs, in JavaScript, loads it")
_LITE = OtherKind("a TensorFlow Lite model", "download the file; tf.lite.Interpreter(model_path=...) loads it")
_PYTORCH = OtherKind("a PyTorch file", "torch.load loads it")
_HDF5 = OtherKind(
    "a Keras HDF5 file", "keras.models.load_model loads a whole model, model.load_weights a file of weights"
)

_BY_ENDING = {
    ".tflite": _LITE,
    ".keras": OtherKind("a Keras model file", "keras.models.load_model loads it"),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".onnx": OtherKind("an ONNX model", "onnxruntime.InferenceSession loads it"),
    ".pt": _PYTORCH,
    ".pth": _PYTORCH,
    ".safetensors": OtherKind("a file of tensors without a graph", "safetensors.numpy.load_file loads it"),
}
_BY_QUERY = {"tfjs-format": _TFJS, "lite-format": _LITE}
_BY_SEGMENT = {"tfjs-model": _TFJS, "lite-model": _LITE, "coral-model": _LITE}


def other_kind(file_name: str) -> OtherKind | None:
    """The kind of model that a file's name promises, when it is one that rehub does not load.

    >>> other_kind("model.keras").loaded_by
    'keras.models.load_model loads it'
    """
    return _BY_ENDING.get(PurePosixPath(file_name).suffix.lower())


def refuse(handle: str, kind: OtherKind) -> NoReturn:
    """Raises `UnsupportedFormat` for a handle of another kind."""
    raise UnsupportedFormat(f"{handle!r} names {kind.name}, and rehub loads SavedModels: {kind.loaded_by}.")


def _refuse_other_kinds(text: str, url: SplitResult) -> None:
    """tfhub.dev names what is no SavedModel by a query or a path segment, other servers by a file's ending."""
    for item in url.query.split("&"):
        key = item.partition("=")[0]
        if key in _BY_QUERY:
            refuse(text, _BY_QUERY[key])
    if url.path.lower().endswith(ARCHIVE_ENDINGS):
        return
    for segment in url.path.split("/"):
        if segment in _BY_SEGMENT:
            refuse(text, _BY_SEGMENT[segment])
    kind = other_kind(url.path)
    if kind is not None:
        refuse(text, kind)
