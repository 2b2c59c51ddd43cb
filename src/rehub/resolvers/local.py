"""Resolve paths: a directory to itself, an archive to its unpacked model in the cache."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rehub import config
from rehub.errors import InvalidHandle, ModelNotFound, UnsupportedFormat
from rehub.escaping import escape_url, quote_url
from rehub.file_formats import GRAPH_DEF, raise_unsupported, refuse_other_suffix
from rehub.handles import Handle
from rehub.redaction import redact_url
from rehub.resolvers.tfhub_models import suggest_model

# Hosts whose models are often named without the scheme.
_HOSTS = ("tfhub.dev/", "kaggle.com/", "www.kaggle.com/", "huggingface.co/")

# A model's name on Kaggle, as its pages show it.
_KAGGLE_NAME = re.compile(r"[\w-]+/[\w-]+/tensor-?_?flow_?[12]/[\w.-]+(/[0-9]+)?", re.IGNORECASE)


# Names with slashes between them that could be on a site: google/nnlm-en-dim50/2.
_NAMES = re.compile(r"[A-Za-z0-9][\w-]*(/[\w-][\w.-]*)+")


def resolve(handle: Handle) -> str:
    """Return the directory of a path.

    Raises:
        ModelNotFound: the path does not exist.
        UnsupportedFormat: it is a file of another model format.
    """
    path = os.path.expanduser(handle.location)
    try:
        os.fsencode(path)
    except UnicodeError:
        raise ModelNotFound(f"{handle.quoted} holds half of a surrogate pair, which is in no path.") from None
    if os.path.isdir(path):
        if handle.sha256 is not None:
            raise InvalidHandle(f"{handle.quoted} names a directory, and #sha256= is the hash of an archive.")
        return path
    if os.path.isfile(path):
        return _unpack_into_cache(handle, Path(path))
    if os.path.lexists(path):
        raise ModelNotFound(f"{handle.quoted} is a link to a file that does not exist, or a special file.")
    raise ModelNotFound(
        f"{handle.quoted} does not exist: there is no {escape_url(make_absolute(redact_url(path)))}."
        + _suggest_handle(handle.text)
    )


def _suggest_handle(text: str) -> str:
    if text.startswith(_HOSTS):
        return f" Did you mean https://{escape_url(text)}?"
    if _KAGGLE_NAME.fullmatch(text):
        return f" Did you mean kaggle://{text}?"
    names = text.split("/")
    if 2 <= len(names) <= 5 and _NAMES.fullmatch(text):
        repository = "/".join(names[:2])
        suggestions = [f"https://tfhub.dev/{text}"]
        suggestions += [f"kaggle://{text}" if len(names) >= 4 else f"kaggle://{repository}/FRAMEWORK/VARIATION"]
        suggestions += [f"hf://{repository}"]
        return (
            f"\nIf it is a model of a site, name the site: {', '.join(suggestions[:-1])} or {suggestions[-1]}."
            + suggest_model(text)
        )
    return ""


def _unpack_into_cache(handle: Handle, archive: Path) -> str:
    # Imported here, because most paths are directories, which need neither the cache nor transfer.
    from rehub.cache import Fetched, get_or_fetch
    from rehub.transfer.archives import unpack_verified

    refuse_other_suffix(handle.text, archive.name)
    if archive.name.startswith("saved_model."):
        raise UnsupportedFormat(
            f"{handle.quoted} is one file of a SavedModel; give its directory, {quote_url(str(archive.parent))}."
        )
    if archive.suffix == ".pb":
        raise_unsupported(handle.text, GRAPH_DEF)

    def fetch(directory: Path) -> Fetched:
        return Fetched(str(archive), unpack_verified(archive, directory, name=handle.quoted, sha256=handle.sha256))

    # A replaced archive is another model with the same name.
    status = archive.stat()
    key = f"{make_absolute(str(archive))}?size={status.st_size}&mtime_ns={status.st_mtime_ns}"
    if handle.sha256 is not None:
        key += f"#sha256={handle.sha256}"
    return str(get_or_fetch(config.cache_dirs(), key, fetch))


def make_absolute(path: str) -> str:
    """Return a path from the root; the path itself if there is no working directory."""
    try:
        return os.path.abspath(path)  # Path.resolve() follows links, and Path.absolute() keeps `..`.
    except OSError:  # The working directory has been deleted.
        return path
