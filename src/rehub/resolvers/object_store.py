"""Resolves models in object stores, and in whatever other storage fsspec speaks to."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
from typing import IO, TYPE_CHECKING, Any, Iterator

from rehub import config
from rehub.cache import Delivery
from rehub.cache.storage import errors_told_as, open_storage, scheme_of
from rehub.errors import DownloadError, InvalidHandle
from rehub.handles import ACCEPTED_FORMS, Handle, is_archive_name
from rehub.resolvers.fetching import cached, fetched, require_network
from rehub.resolvers.listing import model_files
from rehub.transfer import unpack_checked
from rehub.transfer.members import Members, limits_of_settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

_log = logging.getLogger(__name__)


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """The directory in the cache of a model in an object store: a directory there, or an archive.

    With the load format UNCOMPRESSED a directory is not copied: its URL is the answer, and TensorFlow reads it. So is
    that of a gs:// directory where gcsfs is not installed, as TensorFlow reads those by itself.

    Raises:
        PackageMissing: the driver for this storage is not installed.
        InvalidHandle: fsspec knows no storage of this scheme.
        ModelNotFound: there is nothing, or no SavedModel; says what is there.
        DownloadError: the storage refused, or broke off.
    """
    found = None if refresh else cached(handle)
    if found is not None:
        return found
    if not is_archive_name(handle.location) and _is_for_tensorflow(handle):
        require_network(handle)
        return handle.location
    return fetched(handle, lambda directory: _copy(handle, directory), refresh=refresh)


def _is_for_tensorflow(handle: Handle) -> bool:
    if config.model_load_format() == "UNCOMPRESSED":
        return True
    if not handle.location.startswith("gs://") or importlib.util.find_spec("gcsfs") is not None:
        return False
    _log.info('%r is left to TensorFlow to read; to keep it in the cache: pip install "rehub[gcs]"', handle.text)
    return True


def _copy(handle: Handle, directory: Path) -> Delivery:
    storage, root = _storage(handle)
    name = repr(handle.text)
    with _errors_told(handle):
        storage.invalidate_cache()  # It remembers listings for as long as the process lives.
        listing: dict[str, Any] = storage.find(root, detail=True)
    root = root.rstrip("/")
    infos = {path: info for path, info in listing.items() if not path.endswith("/")}  # what marks an empty directory
    if list(infos) == [root]:
        with _open(handle, storage, root) as archive:
            files = unpack_checked(archive, directory, name=name, sha256=handle.sha256)
        return Delivery(handle.location, files)
    if handle.sha256 is not None:
        raise InvalidHandle(f"{handle.text!r} names a directory, and #sha256= is the hash of an archive.")
    below = {path[len(root) :].lstrip("/"): info for path, info in infos.items()}
    members = Members(directory, name, limits_of_settings())
    for file in model_files(below, "", handle=handle.text, spell=lambda model: f"{handle.location}/{model}"):
        with _open(handle, storage, f"{root}/{file}") as content:
            members.add_file(file, int(below[file]["size"]), content)
    return Delivery(handle.location, tuple(members.records))


def _storage(handle: Handle) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        with _errors_told(handle, ValueError):
            return open_storage(handle.location, handle.text)
    except ValueError as error:
        scheme = scheme_of(handle.location)
        raise InvalidHandle(f"{handle.text!r}: fsspec knows no {scheme}:// ({error}); {ACCEPTED_FORMS}") from error


def _errors_told(handle: Handle, *but: type[Exception]) -> AbstractContextManager[None]:
    """Makes a `DownloadError` of what a driver raises, but for some."""
    return errors_told_as(DownloadError, f"{handle.text!r} cannot be read", handle.location, *but)


@contextlib.contextmanager
def _open(handle: Handle, storage: Any, path: str) -> Iterator[IO[bytes]]:
    with _errors_told(handle):
        file = storage.open(path, "rb")
    with file:
        yield io.BufferedReader(_Reading(handle, file))


class _Reading(io.RawIOBase):
    """A file in an object store; what its driver raises is a `DownloadError`."""

    def __init__(self, handle: Handle, file: IO[bytes]) -> None:
        self._handle = handle
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _errors_told(self._handle):
            chunk = self._file.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
