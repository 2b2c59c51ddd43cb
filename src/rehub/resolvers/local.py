"""Resolves paths: a directory is itself, an archive is unpacked into the cache."""

from __future__ import annotations

import os
from pathlib import Path

from rehub import config
from rehub.cache import Delivery, obtain
from rehub.errors import ModelNotFound, UnsupportedFormat
from rehub.handles import Handle, other_kind, refuse
from rehub.transfer import unpack

# Hosts whose models are often named without the scheme.
_HOSTS = ("tfhub.dev/", "kaggle.com/", "www.kaggle.com/", "huggingface.co/")


def resolve(handle: Handle) -> str:
    """The directory that a path names.

    Raises:
        ModelNotFound: there is nothing.
        UnsupportedFormat: it is a file of a model of another kind.
    """
    path = os.path.expanduser(handle.location)
    if os.path.isdir(path):
        return path
    if os.path.isfile(path):
        return str(_unpacked(handle, Path(path)))
    if os.path.lexists(path):
        raise ModelNotFound(f"{handle.text!r} is neither a directory nor a file, or a link to what does not exist.")
    hint = f" Did you mean https://{handle.text}?" if handle.text.startswith(_HOSTS) else ""
    raise ModelNotFound(
        f"{handle.text!r} does not exist: there is no directory and no archive {_absolute(path)}.{hint}"
    )


def _unpacked(handle: Handle, archive: Path) -> Path:
    kind = other_kind(archive.name)
    if kind is not None:
        refuse(handle.text, kind)
    if archive.name.startswith("saved_model."):
        raise UnsupportedFormat(
            f"{handle.text!r} is one file of a SavedModel; give its directory, {str(archive.parent)!r}."
        )

    def fill(directory: Path) -> Delivery:
        return Delivery(str(archive), unpack(archive, directory, name=repr(handle.text)))

    # An archive that is replaced is another model under the same name.
    seen = archive.stat()
    key = f"{_absolute(str(archive))}?size={seen.st_size}&mtime_ns={seen.st_mtime_ns}"
    return obtain(config.cache_dir(), key, fill)


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # Path.resolve() would follow links, Path.absolute() keep `..`
