"""Resolves paths: a directory is itself, an archive is unpacked into the cache."""

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

# Hosts whose models are often named without the scheme.
_HOSTS = ("tfhub.dev/", "kaggle.com/", "www.kaggle.com/", "huggingface.co/")

# A model's name on Kaggle, as its pages show it.
_KAGGLE_NAME = re.compile(r"[\w-]+/[\w-]+/tensor-?_?flow_?[12]/[\w.-]+(/[0-9]+)?", re.IGNORECASE)


# Names with slashes between them that could be on a site: google/nnlm-en-dim50/2.
_NAMES = re.compile(r"[A-Za-z0-9][\w-]*(/[\w-][\w.-]*)+")


def resolve(handle: Handle) -> str:
    """The directory that a path names.

    Raises:
        ModelNotFound: there is nothing.
        UnsupportedFormat: it is a file of a model of another kind.
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
        return _unpacked(handle, Path(path))
    if os.path.lexists(path):
        raise ModelNotFound(f"{handle.quoted} is neither a directory nor a file, or a link to what does not exist.")
    raise ModelNotFound(
        f"{handle.quoted} does not exist: no directory and no archive is at {escape_url(_absolute(redact_url(path)))}."
        + _hint(handle.text)
    )


def _hint(text: str) -> str:
    if text.startswith(_HOSTS):
        return f" Did you mean https://{escape_url(text)}?"
    if _KAGGLE_NAME.fullmatch(text):
        return f" Did you mean kaggle://{text}?"
    names = text.split("/")
    if 2 <= len(names) <= 5 and _NAMES.fullmatch(text):
        repository = "/".join(names[:2])
        where = [f"https://tfhub.dev/{text}"]
        where += [f"kaggle://{text}" if len(names) >= 4 else f"kaggle://{repository}/FRAMEWORK/VARIATION"]
        where += [f"hf://{repository}"]
        return f"\nIf it is a model of a site, name the site: {', '.join(where[:-1])} or {where[-1]}."
    return ""


def _unpacked(handle: Handle, archive: Path) -> str:
    # Most paths are directories, for which a program need not import all that downloads, unpacks and keeps.
    from rehub.cache import Fetched, get_or_fetch
    from rehub.transfer import unpack_verified

    refuse_other_suffix(handle.text, archive.name)
    if archive.name.startswith("saved_model."):
        raise UnsupportedFormat(
            f"{handle.quoted} is one file of a SavedModel; give its directory, {quote_url(str(archive.parent))}."
        )
    if archive.suffix == ".pb":
        raise_unsupported(handle.text, GRAPH_DEF)

    def fill(directory: Path) -> Fetched:
        return Fetched(str(archive), unpack_verified(archive, directory, name=handle.quoted, sha256=handle.sha256))

    # An archive that is replaced is another model under the same name.
    seen = archive.stat()
    key = f"{_absolute(str(archive))}?size={seen.st_size}&mtime_ns={seen.st_mtime_ns}"
    if handle.sha256 is not None:
        key += f"#sha256={handle.sha256}"
    return str(get_or_fetch(config.cache_dirs(), key, fill))


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)  # Path.resolve() would follow links, Path.absolute() keep `..`
    except OSError:  # The working directory has been deleted.
        return path
