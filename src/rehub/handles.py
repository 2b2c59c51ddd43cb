"""Parse handles, the texts by which users name models, without touching a disk or a network."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import SplitResult, quote, unquote, unquote_to_bytes, urlsplit

from rehub.errors import InvalidHandle
from rehub.escaping import escape, escape_url, quote_url
from rehub.escaping import quote as quote_text
from rehub.file_formats import LITE, TFJS, is_archive_name, raise_unsupported, refuse_other_suffix
from rehub.hosting_protocol import COMPRESSED, LITE_QUERY, LITE_SEGMENTS, TFJS_QUERY, TFJS_SEGMENT, add_query_item
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


class Scheme(Enum):
    """The kinds of handle. Each has its own resolver."""

    PATH = "path"
    URL = "url"
    TFHUB = "tfhub.dev"
    KAGGLE = "kaggle"
    HUGGING_FACE = "hugging face"
    OBJECT_STORE = "object store"


@dataclass(frozen=True, repr=False)
class Handle:
    """A parsed handle.

    Attributes:
        text: what the user typed, secrets included.
        scheme: which resolver resolves it.
        location: for a path, the path (a leading `~` is still there); for a URL, also of tfhub.dev, the URL that
            answers with the archive; for an object store, the model's or archive's URL there; on Kaggle
            `owner/model/framework/variation`; on Hugging Face `owner/repo`.
        canonical: the one form that all spellings of this handle share. It is the model's key in the cache.
        version: on Kaggle the version, on Hugging Face the revision; None for the latest.
        directory: on Hugging Face, the model's directory in the repository; empty for its root.
        sha256: the required hash of the archive, in lower-case hex; None when the user gave none.
    """

    text: str
    scheme: Scheme
    location: str
    canonical: str
    version: str | None = None
    directory: str = ""
    sha256: str | None = None

    def __str__(self) -> str:
        return escape_url(self.text)

    def __repr__(self) -> str:
        return f"<Handle {self.quoted}>"

    @property
    def quoted(self) -> str:
        """The text for messages and logs: in quotes, without secrets, on one line."""
        return quote_url(self.text)

    @property
    def cache_keys(self) -> tuple[str, ...]:
        """The keys under which the cache may have the model: its own, then that of `tensorflow_hub`, the typed text.

        A model with a required hash has one key only, as the hash of another entry was never verified.
        """
        if self.sha256 is not None or self.text == self.canonical:
            return (self.canonical,)
        return (self.canonical, self.text)


def parse_handle(handle: object) -> Handle:
    """Parse a handle.

    >>> parse_handle("https://tfhub.dev/google/nnlm-en-dim50/2").location
    'https://tfhub.dev/google/nnlm-en-dim50/2?tf-hub-format=compressed'
    >>> parse_handle("http://tfhub.dev/google/nnlm-en-dim50/2/").canonical
    'https://tfhub.dev/google/nnlm-en-dim50/2'
    >>> parse_handle("kaggle://google/nnlm/TensorFlow2/en-dim128/1").canonical
    'https://www.kaggle.com/models/google/nnlm/tensorFlow2/en-dim128/1'
    >>> parse_handle("https://huggingface.co/owner/repo/tree/v1/saved_model").canonical
    'hf://owner/repo@v1/saved_model'
    >>> parse_handle("file:///models/my%20model").location
    '/models/my model'

    Args:
        handle: a string, bytes or `os.PathLike`.

    Raises:
        InvalidHandle: it has another type, or is empty or incomplete.
        UnsupportedFormat: it names a model of another format (TF.js, TF Lite, Keras, ONNX, PyTorch).
    """
    return _parse_text(decode_handle(handle))


# Cached, because parsing takes longer than the rest of a cache hit.
@functools.lru_cache(maxsize=256)
def _parse_text(text: str) -> Handle:
    bare, sha256 = _split_off_hash(text)
    scheme = _find_scheme(bare)
    if scheme is None:
        return Handle(text, Scheme.PATH, bare, text, sha256=sha256)
    if scheme in ("file", "local"):  # fsspec's name for the same
        path = _parse_file_url(bare)
        return Handle(text, Scheme.PATH, path, path + text[len(bare) :], sha256=sha256)
    if scheme in ("http", "https"):
        parsed = _parse_web_url(text, bare)
    elif scheme == "kaggle":
        parsed = _parse_kaggle(text, bare[len("kaggle://") :].split("/"))
    elif scheme == "hf":
        parsed = _parse_hugging_face(text, bare[len("hf://") :])
    else:
        parsed = _parse_object_store(text, bare, scheme)
    if sha256 is None:
        return parsed
    if parsed.scheme in (Scheme.KAGGLE, Scheme.HUGGING_FACE):
        raise InvalidHandle(
            f"{quote_url(text)}: #sha256= is the hash of an archive, and this model comes as single files. "
            "Name a version (Kaggle) or a commit (Hugging Face, hf://owner/repo@commit), which never change."
        )
    return replace(parsed, canonical=f"{parsed.canonical}#sha256={sha256}", sha256=sha256)


def decode_handle(handle: object) -> str:
    """Return a handle as text; raise `InvalidHandle` if it has another type, is empty or holds a zero byte."""
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


_HASH = "#sha256="
# A web URL's other fragments are ignored; one that was meant as a hash must not be.
_OTHER_HASH = re.compile(r"#(.*&)?\s*(sha|md5|blake)[\w-]*\s*(=|:|%3[ad])", re.IGNORECASE)
# Two letters or more, so that the drive of `C:\\models` or `C://models` is not a scheme.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def _find_scheme(text: str) -> str | None:
    match = _SCHEME.match(text)
    return match.group(1).lower() if match else None


def _split_off_hash(text: str) -> tuple[str, str | None]:
    bare, hash_sign, digest = text.rpartition(_HASH)
    if re.fullmatch(r"[0-9a-fA-F]{64}", digest) and bare:
        return bare, digest.lower()
    scheme = _find_scheme(text)
    is_misspelled = scheme in ("http", "https") and _OTHER_HASH.match(text, text.find("#"))
    if is_misspelled or (hash_sign and scheme not in (None, "file", "local")):  # A path may hold any text.
        raise InvalidHandle(f"{quote_url(text)}: after {_HASH} come the 64 hex digits of the archive's hash.")
    return text, None


def _parse_file_url(text: str) -> str:
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


def _parse_web_url(text: str, bare: str) -> Handle:
    split = _split_url(bare)
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
    _refuse_other_formats(text, url)
    if re.fullmatch(r"([a-z]+\.)?kaggle\.com", host) and url.path.startswith("/models/"):
        return _parse_kaggle(text, unquote(url.path[len("/models/") :]).split("/"))
    if host in ("huggingface.co", "www.huggingface.co", "hf.co") and not is_archive_name(url.path):
        return _parse_hugging_face_page(text, url.path)
    canonical = _canonicalize_url(url, host, port)
    if host in ("tfhub.dev", "www.tfhub.dev") and not is_archive_name(url.path):
        return Handle(text, Scheme.TFHUB, f"{canonical}?{COMPRESSED}", canonical)
    return Handle(text, Scheme.URL, _archive_url(bare, url, host), canonical)


def _split_url(url: str) -> tuple[SplitResult, str | None, int | None] | None:
    """Return a URL's parts, host and port; None if it is malformed. Errors of `urlsplit` may quote a password."""
    try:
        split = urlsplit(url)
        parts = split, split.hostname, split.port
    except ValueError:
        return None
    return parts


def _refuse_other_formats(text: str, url: SplitResult) -> None:
    """Raise for a model of another format: tfhub.dev names it by a query or a path segment, others by a suffix."""
    keys = {item.partition("=")[0] for item in url.query.split("&")}
    segments = set() if is_archive_name(url.path) else set(url.path.split("/"))
    if TFJS_QUERY in keys or TFJS_SEGMENT in segments:
        raise_unsupported(text, TFJS)
    if LITE_QUERY in keys or not segments.isdisjoint(LITE_SEGMENTS):
        raise_unsupported(text, LITE)
    refuse_other_suffix(text, url.path)


# The mirror of tfhub.dev in China serves archives from another host, without a query.
_CHINA_HOST = "hub.tensorflow.google.cn"
_CHINA_ARCHIVES = "https://gcs.tensorflow.google.cn/tfhub-modules"


def _archive_url(text: str, url: SplitResult, host: str) -> str:
    if host == _CHINA_HOST:
        return f"{_CHINA_ARCHIVES}{url.path.rstrip('/')}.tar.gz"
    without_fragment = text.partition("#")[0]
    return without_fragment if is_archive_name(url.path) else add_query_item(without_fragment, COMPRESSED)


# Google Cloud Storage and S3 sign a URL by items of its query. They change with each signing, and are secret.
_SIGNATURE = re.compile(r"x-(goog|amz)-[a-z0-9-]+=", re.IGNORECASE)


def _canonicalize_url(url: SplitResult, host: str, port: int | None) -> str:
    """Return a URL without what does not change the model: credentials, default port, last slash, signature."""
    tfhub = host in ("tfhub.dev", "www.tfhub.dev")
    scheme, host = ("https", "tfhub.dev") if tfhub else (url.scheme, host)
    host = f"[{host}]" if ":" in host else host
    authority = host if port in (None, {"http": 80, "https": 443}[scheme]) or tfhub else f"{host}:{port}"
    path = quote(url.path.rstrip("/"), safe="/%:@!$&'()*+,;=~", errors="surrogatepass")
    items = [item for item in url.query.split("&") if item and not tfhub]
    query = "&".join(i for i in items if not i.startswith("tf-hub-format=") and not _SIGNATURE.match(i))
    return f"{scheme}://{authority}{path}" + (f"?{query}" if query else "")


# Kaggle's frameworks as its pages spell them. Users, and Kaggle itself, write them in every case.
_FRAMEWORKS = {
    name.lower(): name
    for name in (
        "tensorFlow1 tensorFlow2 tfLite tfJs pyTorch jax flax pax maxText gemmaCpp ggml gguf coral scikitLearn mxnet "
        "onnx keras transformers api other tensorRtLlm triton vllm"
    ).split()
}
_OTHER_FRAMEWORKS = {"tfJs": TFJS, "tfLite": LITE, "coral": LITE}
_KAGGLE_MODELS = "https://www.kaggle.com/models/"


def _parse_kaggle(text: str, parts: list[str]) -> Handle:
    """Parse `owner/model/framework/variation[/version]`, or the long form of Kaggle's API."""
    parts = [part for part in parts if part]
    if parts[2::2] in (["frameworks", "variations"], ["frameworks", "variations", "versions"]):
        parts = [*parts[:2], *parts[3::2]]
    named = len(parts) in (4, 5) and all(re.fullmatch(r"\w[\w.-]*", part) for part in parts)
    version = parts[4] if named and len(parts) == 5 else None
    if not named or (version is not None and not re.fullmatch(r"0{0,9}[1-9][0-9]{0,9}", version)):
        raise InvalidHandle(
            f"{quote_url(text)} does not name a variation of a model on Kaggle. Give kaggle://owner/model/framework/"
            "variation, with /version (a number) or without for the latest, or that page's URL, such as "
            f"{_KAGGLE_MODELS}google/nnlm/tensorFlow2/en-dim128/1."
        )
    framework = _FRAMEWORKS.get(parts[2].replace("_", "").replace("-", "").lower(), parts[2])
    if framework in _OTHER_FRAMEWORKS:
        raise_unsupported(text, _OTHER_FRAMEWORKS[framework])
    location = f"{parts[0]}/{parts[1]}/{framework}/{parts[3]}"
    if version is None:
        return Handle(text, Scheme.KAGGLE, location, _KAGGLE_MODELS + location)
    version = str(int(version))
    return Handle(text, Scheme.KAGGLE, location, f"{_KAGGLE_MODELS}{location}/{version}", version)


def _parse_hugging_face_page(text: str, path: str) -> Handle:
    """Parse `/owner/repo`, or the page of a directory in it: `/owner/repo/tree/revision/directory`."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 2 and parts[2] in ("tree", "blob", "resolve"):
        revision = f"@{parts[3]}" if len(parts) > 3 else ""
        parts = [parts[0], parts[1] + revision, *parts[4:]]
    elif len(parts) > 2 and "@" not in parts[1]:
        raise _not_a_repository(text)
    return _parse_hugging_face(text, "/".join(parts))


def _parse_hugging_face(text: str, rest: str) -> Handle:
    if re.search("[\ud800-\udfff]", rest):
        raise InvalidHandle(f"{quote_url(text)} holds half of a surrogate pair, which no name of a repository holds.")
    parts = [part for part in rest.split("/") if part]
    if parts[:1] == ["models"] and len(parts) > 2:
        del parts[0]
    if len(parts) < 2 or parts[0] in ("datasets", "spaces", "kernels", "buckets"):
        raise _not_a_repository(text)
    name, _, revision = parts[1].partition("@")
    revision = unquote(revision)
    directories = unquote("/".join(parts[2:])).split("/")
    if revision == "refs":  # refs/pr/1 is one revision
        revision, directories = "/".join(["refs", *directories[:2]]), directories[2:]
    names = re.compile(r"\w[\w.-]*")
    if not names.fullmatch(parts[0]) or not names.fullmatch(name) or not {".", ".."}.isdisjoint(directories):
        raise _not_a_repository(text)
    directory = "/".join(part for part in directories if part)
    refuse_other_suffix(text, directory)
    revision = "" if revision == "main" else revision
    slash = "/" if re.fullmatch(r"refs/[^/]+/[^/]+", revision) else ""
    at = "@" + quote(revision, safe=slash) if revision else ""
    inside = "/" + quote(directory) if directory else ""
    canonical = f"hf://{parts[0]}/{name}{at}{inside}"
    return Handle(text, Scheme.HUGGING_FACE, f"{parts[0]}/{name}", canonical, revision or None, directory)


def _not_a_repository(text: str) -> InvalidHandle:
    return InvalidHandle(
        f"{quote_url(text)} does not name a repository of models on Hugging Face. Give hf://owner/repo, "
        "hf://owner/repo@revision or hf://owner/repo/directory, or its page: https://huggingface.co/owner/repo."
    )


_ALIAS_SCHEMES = {"gcs": "gs", "s3a": "s3", "s3n": "s3"}


def _parse_object_store(text: str, bare: str, scheme: str) -> Handle:
    path = bare[len(scheme) + len("://") :]
    if not path.strip("/"):
        raise InvalidHandle(f"{quote_url(text)} names no bucket or directory in an object store; {ACCEPTED_FORMS}")
    refuse_other_suffix(text, path)
    url = f"{_ALIAS_SCHEMES.get(scheme, scheme)}://{path.rstrip('/')}"
    return Handle(text, Scheme.OBJECT_STORE, url, url)
