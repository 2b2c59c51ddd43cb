"""Resolves models in object stores, and in whatever other storage fsspec speaks to."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
from typing import IO, TYPE_CHECKING, Any, Callable, Iterator, TypeVar

from rehub import config
from rehub.cache import Fetched
from rehub.cache.storage import open_storage, scheme_of, with_own_errors
from rehub.errors import DownloadError, InvalidHandle
from rehub.file_formats import is_archive_name
from rehub.handles import ACCEPTED_FORMS, Handle
from rehub.resolvers.fetching import fetch_into_cache, find_in_cache, require_network
from rehub.resolvers.listing import model_files
from rehub.transfer import unpack_verified
from rehub.transfer.members import Members, limits_of_settings

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

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
    found = None if refresh else find_in_cache(handle)
    if found is not None:
        return found
    if not is_archive_name(handle.location) and _is_for_tensorflow(handle):
        require_network(handle)
        return handle.location
    return fetch_into_cache(handle, lambda directory: _copy(handle, directory), refresh=refresh)


def _is_for_tensorflow(handle: Handle) -> bool:
    if config.reads_remotely():
        return True
    if not handle.location.startswith("gs://") or importlib.util.find_spec("gcsfs") is not None:
        return False
    _log.info('%s is left to TensorFlow to read; to keep it in the cache: pip install "rehub[gcs]"', handle.quoted)
    return True


def _copy(handle: Handle, directory: Path) -> Fetched:
    storage, root = _storage(handle)
    name = handle.quoted
    storage.invalidate_cache()  # It remembers listings for as long as the process lives.
    listing: dict[str, Any] = _with_own_errors(handle, lambda: storage.find(root, detail=True))
    root = root.rstrip("/")
    infos = {path: info for path, info in listing.items() if not path.endswith("/")}  # what marks an empty directory
    if list(infos) == [root]:
        with _open(handle, storage, root) as archive:
            files = unpack_verified(archive, directory, name=name, sha256=handle.sha256)
        return Fetched(handle.location, files)
    if handle.sha256 is not None:
        raise InvalidHandle(f"{handle.quoted} names a directory, and #sha256= is the hash of an archive.")
    below = {path[len(root) :].lstrip("/"): info for path, info in infos.items()}
    members = Members(directory, name, limits_of_settings())
    for file in model_files(below, "", handle=handle.quoted, spell=lambda model: f"{handle.location}/{model}"):
        with _open(handle, storage, f"{root}/{file}") as content:
            members.add_file(file, int(below[file]["size"]), content)
    return Fetched(handle.location, tuple(members.records))


def _storage(handle: Handle) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        return _with_own_errors(handle, lambda: open_storage(handle.location, handle.text), ValueError)
    except ValueError:
        scheme = scheme_of(handle.location)
    # Not chained: what fsspec raises may hold the URL with its login.
    raise InvalidHandle(f"{handle.quoted}: fsspec knows no {scheme}://; {ACCEPTED_FORMS}")


def _with_own_errors(handle: Handle, action: Callable[[], T], *but: type[Exception]) -> T:
    """Does something with a storage; what its driver raises becomes a `DownloadError`, but for some."""
    return with_own_errors(action, DownloadError, f"{handle.quoted} cannot be read", handle.location, *but)


@contextlib.contextmanager
def _open(handle: Handle, storage: Any, path: str) -> Iterator[IO[bytes]]:
    with _with_own_errors(handle, lambda: storage.open(path, "rb")) as file:
        yield io.BufferedReader(_Reading(handle, file))


class _Reading(io.RawIOBase):
    """A file in an object store; what its driver raises is a `DownloadError`."""

    def __init__(self, handle: Handle, file: IO[bytes]) -> None:
        self._handle = handle
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = _with_own_errors(self._handle, lambda: self._file.read(len(buffer)))
        buffer[: len(chunk)] = chunk
        return len(chunk)
