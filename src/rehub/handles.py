"""What a user types to name a model, taken apart: text -> `Handle`, without touching a disk or a network."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath
from typing import NoReturn
from urllib.parse import SplitResult, quote, unquote, unquote_to_bytes, urlsplit

from rehub.errors import InvalidHandle, UnsupportedFormat
from rehub.escaping import escape, escape_url, quote_url
from rehub.escaping import quote as quote_text
from rehub.redaction import has_ambiguous_login

ACCEPTED_FORMS = """a handle is one of
  a directory:      /models/nnlm, ./nnlm, ~/nnlm, file:///models/nnlm, a pathlib.Path
  an archive:       /models/nnlm.tar.gz, https://example.com/nnlm.tgz (also .tar, .tar.bz2, .tar.xz, .tar.zst, .zip)
  a model's URL:    https://tfhub.dev/google/nnlm-en-dim50/2, or of any server that speaks the hosting protocol
  on Kaggle:        kaggle://owner/model/framework/variation[/version], or https://www.kaggle.com/models/...
  on Hugging Face:  hf://owner/repo[@revision][/directory], or https://huggingface.co/owner/repo
  in object stores: gs://bucket/nnlm, s3://bucket/nnlm.tar.gz, and what else fsspec speaks
  and whatever a resolver of yours takes: see rehub.register_resolver
An archive's handle may end with #sha256=<64 hex digits>, which the archive must then have."""


class Kind(Enum):
    """The kinds of handle; each is resolved in its own way."""

    PATH = "path"
    URL = "url"
    TFHUB = "tfhub.dev"
    KAGGLE = "kaggle"
    HUGGING_FACE = "hugging face"
    OBJECT_STORE = "object store"


@dataclass(frozen=True, repr=False)
class Handle:
    """A handle, understood.

    Attributes:
        text: what the user typed, secrets included.
        kind: how it is resolved.
        location: for a path, the path (a leading `~` is still there); for a URL, also of tfhub.dev, the URL that
            answers with the archive; for an object store, the model's or archive's URL there; on Kaggle
            `owner/model/framework/variation`; on Hugging Face `owner/repo`.
        canonical: the one form that all spellings of this handle share. The cache knows a fetched model by it.
        version: on Kaggle the version, on Hugging Face the revision; None for the latest.
        directory: on Hugging Face, where in the repository the model is; empty for its root.
        sha256: what the archive must hash to, in lower-case hex; None when the user gave none.
    """

    text: str
    kind: Kind
    location: str
    canonical: str
    version: str | None = None
    directory: str = ""
    sha256: str | None = None

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"<Handle {self.quoted}>"

    @property
    def shown(self) -> str:
        """What the user typed, for messages and logs: without secrets, on one line."""
        return escape_url(self.text)

    @property
    def quoted(self) -> str:
        """As `shown`, in quotes."""
        return quote_url(self.text)

    @property
    def cache_keys(self) -> tuple[str, ...]:
        """By what the cache may know the model, in the order to look: its own key, then that of `tensorflow_hub`.

        `tensorflow_hub` goes by the text as typed. A model that must have a given hash is looked for by that alone:
        nobody has checked what lies under another key.
        """
        if self.sha256 is not None or self.text == self.canonical:
            return (self.canonical,)
        return (self.canonical, self.text)


def parse(handle: object) -> Handle:
    """Tells what a handle names.

    >>> parse("https://tfhub.dev/google/nnlm-en-dim50/2").location
    'https://tfhub.dev/google/nnlm-en-dim50/2?tf-hub-format=compressed'
    >>> parse("http://tfhub.dev/google/nnlm-en-dim50/2/").canonical
    'https://tfhub.dev/google/nnlm-en-dim50/2'
    >>> parse("kaggle://google/nnlm/TensorFlow2/en-dim128/1").canonical
    'https://www.kaggle.com/models/google/nnlm/tensorFlow2/en-dim128/1'
    >>> parse("https://huggingface.co/owner/repo/tree/v1/saved_model").canonical
    'hf://owner/repo@v1/saved_model'
    >>> parse("file:///models/my%20model").location
    '/models/my model'

    Args:
        handle: a string, bytes or `os.PathLike`.

    Raises:
        InvalidHandle: it is of another type, empty, or incomplete for its kind.
        UnsupportedFormat: the text names a model that is no SavedModel (TF.js, TF Lite, Keras, ONNX, PyTorch).
    """
    return _parsed(text_of(handle))


# Remembered, as a model that is in the cache is found in less time than it takes to parse its handle.
@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> Handle:
    bare, sha256 = _without_hash(text)
    scheme = _scheme(bare)
    if scheme is None:
        return Handle(text, Kind.PATH, bare, text, sha256=sha256)
    if scheme in ("file", "local"):  # fsspec's name for the same
        path = _path_of_file_url(bare)
        return Handle(text, Kind.PATH, path, path + text[len(bare) :], sha256=sha256)
    if scheme in ("http", "https"):
        parsed = _web(text, bare)
    elif scheme == "kaggle":
        parsed = _kaggle(text, bare[len("kaggle://") :].split("/"))
    elif scheme == "hf":
        parsed = _hugging_face(text, bare[len("hf://") :])
    else:
        parsed = _object_store(text, bare, scheme)
    if sha256 is None:
        return parsed
    if parsed.kind in (Kind.KAGGLE, Kind.HUGGING_FACE):
        raise InvalidHandle(
            f"{quote_url(text)}: #sha256= is the hash of an archive, and this model comes as single files. "
            "Name a version (Kaggle) or a commit (Hugging Face, hf://owner/repo@commit), which never change."
        )
    return replace(parsed, canonical=f"{parsed.canonical}#sha256={sha256}", sha256=sha256)


def text_of(handle: object) -> str:
    """The text of a handle; raises `InvalidHandle` for what can be none."""
    if not isinstance(handle, str) and isinstance(handle, (bytes, os.PathLike)):
        handle = os.fsdecode(handle)
    if not isinstance(handle, str):
        raise InvalidHandle(
            f"Expected a string, got {escape(repr(handle))} of type {type(handle).__name__}; {ACCEPTED_FORMS}"
        )
    if not handle:
        raise InvalidHandle(f"the handle is empty; {ACCEPTED_FORMS}")
    if "\0" in handle:
        raise InvalidHandle(f"{quote_url(handle)} holds a zero byte, which no path or URL can; {ACCEPTED_FORMS}")
    return handle


# Two letters or more, so that the drive of `C:\\models` or `C://models` is none.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def _scheme(text: str) -> str | None:
    match = _SCHEME.match(text)
    return match.group(1).lower() if match else None


_HASH = "#sha256="


def _without_hash(text: str) -> tuple[str, str | None]:
    bare, hash_sign, digest = text.rpartition(_HASH)
    if re.fullmatch(r"[0-9a-fA-F]{64}", digest) and bare:
        return bare, digest.lower()
    if hash_sign and _scheme(text) not in (None, "file", "local"):  # A path may hold anything.
        raise InvalidHandle(f"{quote_url(text)}: after {_HASH} come the 64 hex digits of the archive's hash.")
    return text, None


def _path_of_file_url(text: str) -> str:
    host, slash, path = text.partition("://")[2].partition("/")
    if host.lower() not in ("", "localhost"):
        raise InvalidHandle(
            f"{quote_url(text)} names the machine {quote_text(host.rpartition('@')[2])}; a file:// handle is a path on "
            "this one: file:///absolute/path"
        )
    try:
        decoded = os.fsdecode(unquote_to_bytes(os.fsencode(slash + path)))
    except UnicodeError:
        decoded = ""
    if not decoded or "\0" in decoded:
        raise InvalidHandle(f"{quote_url(text)} holds no path; a file:// handle looks like file:///absolute/path")
    # `file:///C:/models` names `C:/models` on Windows.
    return decoded[1:] if os.name == "nt" and re.match(r"/[A-Za-z]:", decoded) else decoded


ARCHIVE_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")


def is_archive_name(name: str) -> bool:
    """Whether a file's name or a URL's path promises an archive.

    >>> is_archive_name("nnlm.TGZ")
    True
    """
    return name.lower().endswith(ARCHIVE_ENDINGS)


def _web(text: str, bare: str) -> Handle:
    split = _split(bare)
    if split is None:
        raise InvalidHandle(f"{quote_url(text)} is not a URL: its host or port is malformed; {ACCEPTED_FORMS}")
    url, host, port = split
    if has_ambiguous_login(bare):
        raise InvalidHandle(
            f"{quote_url(text)} holds a login with a /, ?, # or backslash in it, which ends the host's name. Write "
            "them as %2F, %3F, %23 and %5C."
        )
    if not host:
        raise InvalidHandle(f"{quote_url(text)} names no host; {ACCEPTED_FORMS}")
    _refuse_other_kinds(text, url)
    if re.fullmatch(r"([a-z]+\.)?kaggle\.com", host) and url.path.startswith("/models/"):
        return _kaggle(text, unquote(url.path[len("/models/") :]).split("/"))
    if host in ("huggingface.co", "www.huggingface.co", "hf.co") and not is_archive_name(url.path):
        return _hugging_face_page(text, url.path)
    canonical = _canonical_url(url, host, port)
    if host in ("tfhub.dev", "www.tfhub.dev") and not is_archive_name(url.path):
        return Handle(text, Kind.TFHUB, f"{canonical}?tf-hub-format=compressed", canonical)
    return Handle(text, Kind.URL, _archive_url(bare, url, host), canonical)


def _split(url: str) -> tuple[SplitResult, str | None, int | None] | None:
    """A URL's parts, its host and its port; None when it has none. What `urlsplit` raises may quote a password."""
    try:
        split = urlsplit(url)
        parts = split, split.hostname, split.port
    except ValueError:
        return None
    return parts


# The mirror that tfhub.dev had in China gives its archives from another host, without a query.
_CHINA_HOST = "hub.tensorflow.google.cn"
_CHINA_ARCHIVES = "https://gcs.tensorflow.google.cn/tfhub-modules"


def _archive_url(text: str, url: SplitResult, host: str) -> str:
    if host == _CHINA_HOST:
        return f"{_CHINA_ARCHIVES}{url.path.rstrip('/')}.tar.gz"
    asked = text.partition("#")[0]
    return asked if is_archive_name(url.path) else with_query(asked, "tf-hub-format=compressed")


def with_query(url: str, item: str) -> str:
    """Adds to a URL's query as text: to quote again what a server has signed would break the signature."""
    if item in url.partition("?")[2].split("&"):
        return url
    if "?" not in url:
        return f"{url}?{item}"
    return f"{url}{item}" if url.endswith(("?", "&")) else f"{url}&{item}"


# What a signature adds to a URL: Google Cloud Storage's, then S3's. It changes with each signing, and is a secret.
_SIGNATURE = re.compile(r"x-(goog|amz)-[a-z0-9-]+=", re.IGNORECASE)


def _canonical_url(url: SplitResult, host: str, port: int | None) -> str:
    """A URL without what does not change the model: credentials, the default port, the last slash, a signature."""
    tfhub = host in ("tfhub.dev", "www.tfhub.dev")
    scheme, host = ("https", "tfhub.dev") if tfhub else (url.scheme, host)
    host = f"[{host}]" if ":" in host else host
    place = host if port in (None, {"http": 80, "https": 443}[scheme]) or tfhub else f"{host}:{port}"
    path = quote(url.path.rstrip("/"), safe="/%:@!$&'()*+,;=~", errors="surrogatepass")
    items = [item for item in url.query.split("&") if item and not tfhub]
    query = "&".join(i for i in items if not i.startswith("tf-hub-format=") and not _SIGNATURE.match(i))
    return f"{scheme}://{place}{path}" + (f"?{query}" if query else "")


# Kaggle's frameworks as its own pages spell them; people, and Kaggle itself, write them in every case.
_FRAMEWORKS = {
    name.lower(): name
    for name in (
        "tensorFlow1 tensorFlow2 tfLite tfJs pyTorch jax flax pax maxText gemmaCpp ggml gguf coral scikitLearn mxnet "
        "onnx keras transformers api other tensorRtLlm triton vllm"
    ).split()
}
_KAGGLE_MODELS = "https://www.kaggle.com/models/"


def _kaggle(text: str, parts: list[str]) -> Handle:
    """Short, `owner/model/framework/variation[/version]`, or long, as Kaggle's API spells it."""
    parts = [part for part in parts if part]
    if parts[2::2] in (["frameworks", "variations"], ["frameworks", "variations", "versions"]):
        parts = [*parts[:2], *parts[3::2]]
    named = len(parts) in (4, 5) and all(re.fullmatch(r"\w[\w.-]*", part) for part in parts)
    version = parts[4] if named and len(parts) == 5 else None
    if not named or (version is not None and not re.fullmatch(r"0{0,9}[1-9][0-9]{0,9}", version)):
        raise InvalidHandle(
            f"{quote_url(text)} does not name a variation of a model on Kaggle. Give "
            "kaggle://owner/model/framework/variation, "
            f"with /version (a number) or without for the latest, or that page's URL, such as "
            f"{_KAGGLE_MODELS}google/nnlm/tensorFlow2/en-dim128/1."
        )
    framework = _FRAMEWORKS.get(parts[2].replace("_", "").replace("-", "").lower(), parts[2])
    if framework in _BY_FRAMEWORK:
        refuse(text, _BY_FRAMEWORK[framework])
    location = f"{parts[0]}/{parts[1]}/{framework}/{parts[3]}"
    if version is None:
        return Handle(text, Kind.KAGGLE, location, _KAGGLE_MODELS + location)
    version = str(int(version))
    return Handle(text, Kind.KAGGLE, location, f"{_KAGGLE_MODELS}{location}/{version}", version)


def _hugging_face_page(text: str, path: str) -> Handle:
    """`/owner/repo`, or the page of a directory in it: `/owner/repo/tree/revision/directory`."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 2 and parts[2] in ("tree", "blob", "resolve"):
        revision = f"@{parts[3]}" if len(parts) > 3 else ""
        parts = [parts[0], parts[1] + revision, *parts[4:]]
    elif len(parts) > 2 and "@" not in parts[1]:
        raise _no_repository(text)
    return _hugging_face(text, "/".join(parts))


def _hugging_face(text: str, rest: str) -> Handle:
    if re.search("[\ud800-\udfff]", rest):
        raise InvalidHandle(
            f"{quote_url(text)} holds half of a surrogate pair, which is no text and names no repository."
        )
    parts = [part for part in rest.split("/") if part]
    if parts[:1] == ["models"] and len(parts) > 2:
        del parts[0]
    if len(parts) < 2 or parts[0] in ("datasets", "spaces", "kernels", "buckets"):
        raise _no_repository(text)
    name, _, revision = parts[1].partition("@")
    revision = unquote(revision)
    directory = unquote("/".join(parts[2:])).split("/")
    if revision == "refs":  # refs/pr/1 is one revision
        revision, directory = "/".join(["refs", *directory[:2]]), directory[2:]
    names = re.compile(r"\w[\w.-]*")
    if not names.fullmatch(parts[0]) or not names.fullmatch(name) or not {".", ".."}.isdisjoint(directory):
        raise _no_repository(text)
    where = "/".join(part for part in directory if part)
    kind = None if is_archive_name(where) else other_kind(where)
    if kind is not None:
        refuse(text, kind)
    revision = "" if revision == "main" else revision
    slash = "/" if re.fullmatch(r"refs/[^/]+/[^/]+", revision) else ""
    at = "@" + quote(revision, safe=slash) if revision else ""
    inside = "/" + quote(where) if where else ""
    canonical = f"hf://{parts[0]}/{name}{at}{inside}"
    return Handle(text, Kind.HUGGING_FACE, f"{parts[0]}/{name}", canonical, revision or None, where)


def _no_repository(text: str) -> InvalidHandle:
    return InvalidHandle(
        f"{quote_url(text)} does not name a repository of models on Hugging Face. Give hf://owner/repo, "
        "hf://owner/repo@revision or hf://owner/repo/directory, or its page: https://huggingface.co/owner/repo."
    )


_OTHER_SPELLINGS = {"gcs": "gs", "s3a": "s3", "s3n": "s3"}


def _object_store(text: str, bare: str, scheme: str) -> Handle:
    place = bare[len(scheme) + len("://") :]
    if not place.strip("/"):
        raise InvalidHandle(f"{quote_url(text)} names no place in an object store; {ACCEPTED_FORMS}")
    kind = None if is_archive_name(place) else other_kind(place)
    if kind is not None:
        refuse(text, kind)
    url = f"{_OTHER_SPELLINGS.get(scheme, scheme)}://{place.rstrip('/')}"
    return Handle(text, Kind.OBJECT_STORE, url, url)


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
_BY_FRAMEWORK = {"tfJs": _TFJS, "tfLite": _LITE, "coral": _LITE}


GRAPH_DEF = OtherKind(
    "a GraphDef, such as a frozen graph",
    """TensorFlow imports it, with the names of the tensors to feed and to fetch:
    graph_def = tf.compat.v1.GraphDef.FromString(tf.io.gfile.GFile(path, "rb").read())
    imported = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph_def, name=""), [])
    function = imported.prune("input:0", "output:0")""",
)


def other_kind(file_name: str) -> OtherKind | None:
    """The kind of model that a file's name promises, when it is one that rehub does not load.

    >>> other_kind("model.keras").loaded_by
    'keras.models.load_model loads it'
    """
    return _BY_ENDING.get(PurePosixPath(file_name).suffix.lower())


def refuse(handle: str, kind: OtherKind) -> NoReturn:
    """Raises `UnsupportedFormat` for a handle of another kind."""
    raise UnsupportedFormat(f"{quote_url(handle)} names {kind.name}, and rehub loads SavedModels: {kind.loaded_by}")


def _refuse_other_kinds(text: str, url: SplitResult) -> None:
    """tfhub.dev names what is no SavedModel by a query or a path segment, other servers by a file's ending."""
    for item in url.query.split("&"):
        key = item.partition("=")[0]
        if key in _BY_QUERY:
            refuse(text, _BY_QUERY[key])
    if is_archive_name(url.path):
        return
    for segment in url.path.split("/"):
        if segment in _BY_SEGMENT:
            refuse(text, _BY_SEGMENT[segment])
    kind = other_kind(url.path)
    if kind is not None:
        refuse(text, kind)
