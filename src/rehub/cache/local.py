"""A cache in a local directory: a model is fetched into a staging directory, synced and published by one rename."""

from __future__ import annotations

import logging
import math
import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Callable, Sequence

from rehub.cache.descriptor import MAX_BYTES, find_origin, format_descriptor
from rehub.cache.interface import Cache, Entry, Fetched, Found, VerifyReport
from rehub.cache.layout import EntryPaths, is_entry_name
from rehub.cache.locks import hold_lock
from rehub.cache.manifest import Manifest, UnreadableManifest, read_manifest
from rehub.cache.regular_files import (
    IrregularFile,
    Listing,
    is_irregular,
    list_directory,
    read_regular,
    seconds_since,
)
from rehub.cache.staging import MODEL, fetch_to_staging, remove_stale_staging, staging_directory
from rehub.errors import CacheError, HubError
from rehub.escaping import escape, quote_url
from rehub.staging import fsync_path, fsync_tree, rename_if_absent
from rehub.strict_parsing import parse_timestamp

_log = logging.getLogger(__name__)

_SECONDS_BETWEEN_TOUCHES = 24 * 3600.0
# Another process has published something before each further attempt.
_MAX_ATTEMPTS = 100


class LocalCache(Cache):
    """A cache in a local directory."""

    def __init__(self, root: Path) -> None:
        """Take the cache's directory, which need not exist."""
        self.root: Path = root

    def find(self, keys: Sequence[str]) -> Found | None:  # noqa: D102 - see Cache
        try:
            for key in keys:
                paths = EntryPaths.for_key(self.root, key)
                listing = _list_complete(paths, key)
                if listing is not None:
                    _touch_last_used(paths)
                    return Found(paths.directory, listing.directories)
        except OSError as error:
            raise CacheError(
                f"{quote_url(keys[0])} cannot be looked up in the cache {self._escaped_root}: "
                f"{_describe_error(error)}.\nMake it readable, or name another directory by REHUB_CACHE_DIR."
            ) from error
        return None

    def is_writable(self) -> bool:  # noqa: D102
        existing = self.root
        while not os.path.exists(str(existing)) and existing != existing.parent:
            existing = existing.parent
        return os.access(str(existing), os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)

    def get_or_fetch(self, key: str, fetch: Callable[[Path], Fetched], *, force: bool) -> Path:  # noqa: D102
        paths = EntryPaths.for_key(self.root, key)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with hold_lock(paths.lock, quote_url(key), is_done=lambda: not force and paths.is_complete()):
                if force or not paths.is_complete():
                    with fetch_to_staging(paths, key, fetch) as (staging, manifest):
                        self._publish_entry(paths, key, staging, manifest, force=force)
        except HubError:
            raise
        except OSError as error:
            raise CacheError(
                f"{quote_url(key)} cannot be stored in the cache {self._escaped_root}: {_describe_error(error)}.\n"
                "Make room or permissions there, or name another directory by REHUB_CACHE_DIR."
            ) from error
        return paths.directory

    def _publish_entry(self, paths: EntryPaths, key: str, staging: Path, manifest: Manifest, *, force: bool) -> None:
        # Everything that needs disk space comes before the first rename.
        _write_texts(staging, key, manifest)
        fsync_tree(staging)
        for _ in range(_MAX_ATTEMPTS):
            existing = _stat_identity(paths.directory)
            if existing is None:
                # The directory comes last: texts without a directory are not an entry.
                _replace_file(staging / "manifest", paths.manifest, staging)
                _replace_file(staging / "descriptor", paths.descriptor, staging)
                if rename_if_absent(staging / MODEL, paths.directory):
                    fsync_path(self.root)
                    return
                # Another process was first. Our manifest does no harm: it fits its model, or shows that it does not.
                _write_texts(staging, key, manifest)
            elif not force and paths.is_complete():
                return
            else:
                _unpublish_entry(paths, existing, staging)
        raise CacheError(
            f"{quote_url(key)} cannot be stored in the cache {self._escaped_root}: another process keeps replacing it. "
            "Name another directory by REHUB_CACHE_DIR."
        )

    def list_entries(self) -> list[Entry]:  # noqa: D102
        try:
            names = [each.name for each in os.scandir(str(self.root)) if is_entry_name(each.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CacheError(f"the cache {self._escaped_root} cannot be read: {error.strerror}.") from error
        entries = [_read_entry(EntryPaths(self.root, name)) for name in names]
        return [entry for entry in entries if entry is not None]

    def find_entry(self, key: str) -> Entry | None:  # noqa: D102
        return _read_entry(EntryPaths.for_key(self.root, key))

    def verify_entry(self, entry: Entry, *, digests: bool = True) -> VerifyReport:  # noqa: D102
        paths = EntryPaths(self.root, entry.name)
        try:
            manifest = read_manifest(paths.manifest)
            found = list_directory(paths.directory)
            problems = tuple(manifest.find_problems(found, paths.directory if digests else None))
        except FileNotFoundError:
            if not paths.exists():
                return VerifyReport(entry, ("it was removed",), has_manifest=False)
            problem, found = paths.check_files()
            problems = () if problem is None else (problem,)
            return VerifyReport(entry, problems, tuple(sorted(found.others)), has_manifest=False)
        except (UnreadableManifest, IrregularFile) as error:
            return VerifyReport(entry, (str(error),), has_manifest=False)
        except OSError as error:
            raise CacheError(f"the cached model {paths.directory} cannot be read: {error}.") from error
        listed = {record.name for record in manifest.files}
        return VerifyReport(entry, problems, tuple(sorted({*found.files, *found.others} - listed)))

    def list_file_sizes(self, entry: Entry) -> dict[str, int]:  # noqa: D102
        directory = EntryPaths(self.root, entry.name).directory
        try:
            return dict(sorted(list_directory(directory).files.items()))
        except IrregularFile:
            return {}
        except OSError as error:
            raise CacheError(f"the cached model {directory} cannot be read: {error}.") from error

    def remove_entry(self, entry: Entry) -> None:  # noqa: D102
        paths = EntryPaths(self.root, entry.name)
        try:
            with hold_lock(paths.lock, str(paths.directory)):
                remove_stale_staging(paths)
                with staging_directory(paths) as staging:
                    for path in (paths.directory, paths.manifest, paths.descriptor):
                        try:
                            path.rename(staging / path.name)
                        except FileNotFoundError:
                            continue
        except OSError as error:
            raise CacheError(f"the cached model {paths.directory} cannot be deleted: {error}.") from error

    @property
    def _escaped_root(self) -> str:
        return escape(self.root, 300)


def _list_complete(paths: EntryPaths, key: str) -> Listing | None:
    """Return the files of a complete entry; None for any other."""
    if not paths.exists():
        return None
    problem, listing = paths.check_files()
    if problem is not None:
        _log.warning(
            "The cached model %s of %s is incomplete; ignoring it: %s", paths.directory, quote_url(key), problem
        )
        return None
    if os.path.lexists(str(paths.lock)):
        # A process was killed after the last step, or has just finished it.
        try:
            remove_stale_staging(paths)
        except OSError as error:  # The cache belongs to another user.
            _log.debug("The staging directories beside %s are kept: %s", paths.directory, error)
    return listing


def _touch_last_used(paths: EntryPaths) -> None:
    """Record once a day that the model is in use, as the time of the file beside it: `prune_cache` reads it."""
    path = paths.manifest if paths.manifest.exists() else paths.descriptor
    try:
        if is_irregular(path) or seconds_since(os.lstat(str(path)).st_mtime) <= _SECONDS_BETWEEN_TOUCHES:
            return
        if os.utime in os.supports_follow_symlinks:
            os.utime(str(path), follow_symlinks=False)
        else:
            os.utime(str(path))
    except OSError as error:  # There is no such file, or the cache belongs to another user.
        _log.debug("The use of %s is not recorded: %s", paths.directory, error)


def _describe_error(error: OSError) -> str:
    """Return an error of the system without its path, which the message has already and which may be long."""
    return escape(error if error.errno is None else f"[Errno {error.errno}] {error.strerror}")


def _write_texts(staging: Path, key: str, manifest: Manifest) -> None:
    (staging / "manifest").write_bytes(manifest.to_json().encode())
    (staging / "descriptor").write_bytes(format_descriptor(key))


def _replace_file(source: Path, target: Path, staging: Path) -> None:
    """Rename a file to a name that may exist. Anything there that is not a file is deleted with `staging`."""
    try:
        source.replace(target)
    except OSError:
        if not is_irregular(target):
            raise
        target.rename(staging / uuid.uuid4().hex)
        source.replace(target)


def _stat_identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.lstat(str(path))
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _unpublish_entry(paths: EntryPaths, expected: tuple[int, int], staging: Path) -> None:
    """Rename a model into `staging`, with which it is deleted: in one step, so that no reader sees half of it."""
    removed = staging / uuid.uuid4().hex
    try:
        paths.directory.rename(removed)
    except FileNotFoundError:
        return
    if _stat_identity(removed) != expected:
        # Another process has just published a complete one, which may be in use already.
        rename_if_absent(removed, paths.directory)


def _read_entry(paths: EntryPaths) -> Entry | None:
    """Return the entry, with its first problem; None if there is none."""
    if not paths.exists():
        return None
    problem, found = paths.check_files()
    if problem is not None and not paths.exists():  # Removed in the meantime.
        return None
    handle, url, stored = _read_origin(paths)
    size, files, used = sum(found.files.values()), len(found.files), _read_last_used(paths)
    return Entry(paths.root, paths.name, paths.directory, handle, url, size, files, stored, used, problem)


def _read_origin(paths: EntryPaths) -> tuple[str | None, str | None, datetime | None]:
    try:
        return find_origin(read_manifest(paths.manifest), None)
    except (FileNotFoundError, UnreadableManifest):
        pass
    try:
        return find_origin(None, read_regular(paths.descriptor, MAX_BYTES))
    except OSError:
        return None, None, None


def _read_last_used(paths: EntryPaths) -> datetime | None:
    for path in (paths.manifest, paths.descriptor, paths.directory):
        try:
            modified = os.lstat(str(path)).st_mtime
        except OSError:
            continue
        return None if seconds_since(modified) == math.inf else parse_timestamp(modified)
    return None
