"""Resolve models in object stores, and in every other storage that fsspec supports."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
from pathlib import Path
from typing import IO, Any, Callable, Iterator, TypeVar

from rehub import config
from rehub.cache import Fetched
from rehub.cache.fsspec_storage import call_storage, open_storage, url_scheme
from rehub.errors import DownloadError, InvalidHandle
from rehub.file_formats import is_archive_name
from rehub.handles import ACCEPTED_FORMS, Handle
from rehub.resolvers.fetching import fetch_into_cache, find_in_cache, require_network
from rehub.resolvers.listing import select_model_files
from rehub.transfer.archives import SafeExtractor, default_limits, unpack_verified
from rehub.transfer.streams import RawStream

T = TypeVar("T")

_log = logging.getLogger(__name__)


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """Return the directory in the cache of a model in an object store, which is a directory or an archive there.

    With the load format UNCOMPRESSED a directory is not copied: TensorFlow reads it at its URL, which is returned. The
    same is done with a gs:// directory if gcsfs is not installed, as TensorFlow can read it.

    Raises:
        PackageMissing: the driver for this storage is not installed.
        InvalidHandle: fsspec does not know the scheme.
        ModelNotFound: there is no SavedModel; lists the files.
        DownloadError: the storage refused access, or broke off.
    """
    found = None if refresh else find_in_cache(handle)
    if found is not None:
        return found
    if not is_archive_name(handle.location) and _is_read_by_tensorflow(handle):
        require_network(handle)
        return handle.location
    return fetch_into_cache(handle, lambda directory: _copy_model(handle, directory), refresh=refresh)


def _is_read_by_tensorflow(handle: Handle) -> bool:
    if config.reads_remotely():
        return True
    if not handle.location.startswith("gs://") or importlib.util.find_spec("gcsfs") is not None:
        return False
    _log.info('%s is read by TensorFlow; to keep it in the cache: pip install "rehub[gcs]"', handle.quoted)
    return True


def _copy_model(handle: Handle, directory: Path) -> Fetched:
    storage, root = _open_storage(handle)
    name = handle.quoted
    storage.invalidate_cache()  # fsspec caches listings for as long as the process lives.
    listing: dict[str, Any] = _call_driver(handle, lambda: storage.find(root, detail=True))
    root = root.rstrip("/")
    infos = {path: info for path, info in listing.items() if not path.endswith("/")}  # not an empty directory
    if list(infos) == [root]:
        with _open_file(handle, storage, root) as archive:
            files = unpack_verified(archive, directory, name=name, sha256=handle.sha256)
        return Fetched(handle.location, files)
    if handle.sha256 is not None:
        raise InvalidHandle(f"{handle.quoted} names a directory, and #sha256= is the hash of an archive.")
    below = {path[len(root) :].lstrip("/"): info for path, info in infos.items()}
    extractor = SafeExtractor(directory, name, default_limits())
    for file in select_model_files(
        below, "", handle=handle.quoted, format_handle=lambda model: f"{handle.location}/{model}"
    ):
        with _open_file(handle, storage, f"{root}/{file}") as content:
            extractor.extract_file(file, int(below[file]["size"]), content)
    return Fetched(handle.location, tuple(extractor.records))


def _open_storage(handle: Handle) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    try:
        return _call_driver(handle, lambda: open_storage(handle.location, handle.text), ValueError)
    except ValueError:
        scheme = url_scheme(handle.location)
    # Not chained: fsspec's error may hold the URL with its login.
    raise InvalidHandle(f"{handle.quoted}: fsspec does not know {scheme}://; {ACCEPTED_FORMS}")


def _call_driver(handle: Handle, action: Callable[[], T], *passed: type[Exception]) -> T:
    """Call `action`; turn an error of the storage's driver, unless it is in `passed`, into a `DownloadError`."""
    return call_storage(action, DownloadError, f"{handle.quoted} cannot be read", handle.location, *passed)


@contextlib.contextmanager
def _open_file(handle: Handle, storage: Any, path: str) -> Iterator[IO[bytes]]:
    with _call_driver(handle, lambda: storage.open(path, "rb")) as file:
        yield io.BufferedReader(RawStream(lambda size: _call_driver(handle, lambda: file.read(size))))
