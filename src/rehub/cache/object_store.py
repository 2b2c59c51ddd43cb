"""A cache in an object store. The manifest is written last and marks an entry as complete.

An object store writes one object at a time and has no renames. So the manifest is written after all files, and deleted
before files are replaced. The descriptor is written first and says that there will be a manifest, which tells the entry
from one of `tensorflow_hub`, which has none.
"""

from __future__ import annotations

import functools
import logging
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Callable, Sequence, TypeVar

from rehub.cache.fsspec_storage import call_storage, open_storage, url_scheme
from rehub.cache.interface import Cache, Entry, Fetched, Found, VerifyReport
from rehub.cache.layout import EntryPaths, entry_name, is_entry_name
from rehub.cache.locks import hold_lock
from rehub.cache.object_store_entry import ObjectStoreEntry, list_sizes
from rehub.cache.staging import MODEL, fetch_to_staging
from rehub.errors import CacheError, HubError, InvalidSetting
from rehub.escaping import escape_url, quote_url

T = TypeVar("T")

_log = logging.getLogger(__name__)


class ObjectStoreCache(Cache):
    """A cache at a URL, such as `gs://bucket/models`."""

    def __init__(self, root: str) -> None:
        """Take the cache's URL; its storage is opened on first use."""
        self.root: str = root

    def find(self, keys: Sequence[str]) -> Found | None:  # noqa: D102 - see Cache
        for key in keys:
            entry = self._get_entry(key)
            if self._is_complete(entry, key, f"{quote_url(keys[0])} cannot be looked up"):
                return Found(entry.url)
        return None

    def is_writable(self) -> bool:  # noqa: D102
        return True  # Only writing shows whether it is.

    def get_or_fetch(self, key: str, fetch: Callable[[Path], Fetched], *, force: bool) -> str:
        """See `Cache`. The model is fetched into the directory for temporary files and uploaded from there.

        The processes of one user on one machine wait for each other. Two machines may do the same work; the result of
        either is complete.
        """
        entry = self._get_entry(key)
        problem = f"{quote_url(key)} cannot be stored"
        try:
            local = EntryPaths.for_key(_make_private_temporary_directory(), entry.url)
            with hold_lock(local.lock, quote_url(key)):
                if force or not self._is_complete(entry, key, problem):
                    with fetch_to_staging(local, key, fetch) as (staging, manifest):
                        # Another machine may have been first.
                        if force or not self._is_complete(entry, key, problem):
                            self._call_storage(problem, functools.partial(entry.put, staging / MODEL, manifest))
        except HubError:
            raise
        except OSError as error:
            raise CacheError(
                f"{quote_url(key)} cannot be prepared for the cache {escape_url(self.root)}: {error}.\n"
                f"Make room in {tempfile.gettempdir()}, or name another directory for temporary files by TMPDIR."
            ) from error
        return entry.url

    def list_entries(self) -> list[Entry]:  # noqa: D102
        storage, path = self._open_storage()

        def read_entries() -> list[Entry]:
            all_sizes = list_sizes(storage, path)
            entries = []
            for name in {file[:40] for file in all_sizes if is_entry_name(file[:40])}:
                sizes = {file[41:]: size for file, size in all_sizes.items() if file.startswith(f"{name}/")}
                entries.append(ObjectStoreEntry(self.root, storage, path, name).read_entry(sizes))
            return [entry for entry in entries if entry is not None]

        return call_storage(read_entries, CacheError, f"the cache {escape_url(self.root)} cannot be read", self.root)

    def find_entry(self, key: str) -> Entry | None:  # noqa: D102
        return self._call_storage(f"{quote_url(key)} cannot be looked up", self._get_entry(key).read_entry)

    def verify_entry(self, entry: Entry, *, digests: bool = True) -> VerifyReport:  # noqa: D102
        stored = self._open_entry(entry.name)
        verify = functools.partial(stored.verify, entry, digests=digests)
        return self._call_storage(f"{escape_url(stored.url)} cannot be read", verify)

    def list_file_sizes(self, entry: Entry) -> dict[str, int]:  # noqa: D102
        stored = self._open_entry(entry.name)
        list_files = functools.partial(list_sizes, stored.storage, stored.directory)
        return dict(sorted(self._call_storage(f"{escape_url(stored.url)} cannot be read", list_files).items()))

    def remove_entry(self, entry: Entry) -> None:  # noqa: D102
        stored = self._open_entry(entry.name)
        self._call_storage(f"{escape_url(stored.url)} cannot be deleted", stored.delete)

    def _get_entry(self, key: str) -> ObjectStoreEntry:
        return self._open_entry(entry_name(key))

    def _open_entry(self, name: str) -> ObjectStoreEntry:
        return ObjectStoreEntry(self.root, *self._open_storage(), name)

    def _open_storage(self) -> tuple[Any, str]:
        """Return the cache's file system, and the path in it."""
        url = escape_url(self.root)
        problem = f"the cache {url} cannot be reached"
        try:
            storage, path = call_storage(
                lambda: open_storage(self.root, self.root), CacheError, problem, self.root, ValueError
            )
        except ValueError:
            pass
        else:
            return storage, path.rstrip("/")
        # Raised here, so that fsspec's error, which may quote a login, is not chained.
        raise InvalidSetting(
            f"the cache {url} cannot be used: fsspec does not know {url_scheme(self.root)}://. "
            "Name another cache by REHUB_CACHE_DIR."
        )

    def _is_complete(self, entry: ObjectStoreEntry, key: str, problem: str) -> bool:
        state = self._call_storage(problem, entry.read_state)
        if state is not None and state.problem is not None:
            _log.warning(
                "The cached model %s of %s is incomplete; ignoring it: %s",
                *(escape_url(entry.url), quote_url(key), state.problem),
            )
        return state is not None and state.problem is None

    def _call_storage(self, problem: str, action: Callable[[], T]) -> T:
        """Call `action`; turn an error of the storage's driver into a `CacheError`."""
        remedy = "\nMake it readable and writable, or name another by REHUB_CACHE_DIR."
        problem = f"{problem} in the cache {escape_url(self.root)}"
        return call_storage(action, CacheError, problem, self.root, remedy=remedy)


def _make_private_temporary_directory() -> Path:
    """Make a directory that only this user can use, as locks have predictable names and models may be private."""
    user = os.geteuid() if hasattr(os, "geteuid") else None  # On Windows, all temporary files are the user's own.
    path = Path(tempfile.gettempdir()) / ("rehub" if user is None else f"rehub-{user}")
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    status = os.lstat(str(path))
    if user is not None and (status.st_uid != user or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077):
        raise CacheError(
            f"{path} is not a directory that only this user can use, so no model can be prepared in it. Remove it, or "
            "name another directory for temporary files by TMPDIR."
        )
    return path
