"""Staging directories of fetches, and the removal of those that killed processes have left.

Each has a lock beside it, acquired before the directory is made and released after it is deleted. So if the lock can be
acquired, the process that made the directory is dead. The directory of a live process, even of a stopped one, is kept.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Iterator

from rehub.cache.file_lock import try_acquire
from rehub.cache.interface import Fetched
from rehub.cache.layout import EntryPaths
from rehub.cache.manifest import Manifest, hash_files
from rehub.cache.regular_files import IrregularFile, delete_path, list_directory, seconds_since
from rehub.redaction import redact_url

_log = logging.getLogger(__name__)

MODEL = "model"  # The model's directory in a staging directory.

_OF_REHUB = re.compile(r"[0-9a-f]{40}(\.[0-9a-f]{32})?\.rehub\.(tmp|lock)")
_OF_TENSORFLOW_HUB = re.compile(r"[0-9a-f]{40}(\.[0-9a-f]{32}\.tmp|\.lock)")
# Long, because clocks differ. It decides about downloads of tensorflow_hub, and about those of rehub on other machines
# on a file system without locks. (tensorflow_hub takes a download for dead that has not grown for ten minutes.)
_STALE_AFTER_SECONDS = 24 * 3600.0


@contextlib.contextmanager
def fetch_to_staging(paths: EntryPaths, key: str, fetch: Callable[[Path], Fetched]) -> Iterator[tuple[Path, Manifest]]:
    """Fetch a model into a staging directory; give that directory, with the model in `MODEL`, and the manifest."""
    remove_stale_staging(paths)
    with staging_directory(paths) as staging:
        model = staging / MODEL
        model.mkdir()
        fetched = fetch(model)
        files = hash_files(model) if fetched.files is None else fetched.files
        now = datetime.now(timezone.utc).isoformat()
        yield staging, Manifest(redact_url(key), redact_url(fetched.url), now, files)


@contextlib.contextmanager
def staging_directory(paths: EntryPaths) -> Iterator[Path]:
    """Make an empty directory on the entry's file system. It is deleted in the end."""
    lock = None
    while lock is None:  # Only a process that removes stale staging can hold the lock of such a name.
        path = paths.root / f"{paths.name}.{uuid.uuid4().hex}.rehub.tmp"
        lock = try_acquire(path.with_suffix(".lock"))
    with lock:
        try:
            path.mkdir()
            yield path
        finally:
            # KeyboardInterrupt passes through here too.
            delete_path(path)


def remove_stale_staging(paths: EntryPaths) -> None:
    """Delete the staging directories that killed processes have left of one model."""
    _remove_unlocked(paths.root, paths.name, stale_after=math.inf)


def remove_all_stale_staging(root: Path) -> None:
    """Delete the staging directories that killed processes have left in a cache, those of tensorflow_hub included."""
    _remove_unlocked(root, "", stale_after=_STALE_AFTER_SECONDS)
    for path in _list_matching(root, "", _OF_TENSORFLOW_HUB):
        if _is_abandoned(path):
            delete_path(path)


def _remove_unlocked(root: Path, prefix: str, stale_after: float) -> None:
    for path in _list_matching(root, prefix, _OF_REHUB):
        try:
            lock = try_acquire(path.with_suffix(".lock"), stale_after=stale_after)
        except OSError as error:  # It belongs to another user, or the lock's name is a directory.
            _log.debug("%s is kept: %s", path, error)
            continue
        if lock is not None:
            with lock:
                delete_path(path.with_suffix(".tmp"))


def _list_matching(root: Path, prefix: str, pattern: re.Pattern[str]) -> list[Path]:
    names = [entry.name for entry in os.scandir(str(root)) if entry.name.startswith(prefix)]
    return [root / name for name in sorted(names) if pattern.fullmatch(name)]


def _is_abandoned(path: Path) -> bool:
    """Return whether nothing at or below a path has changed for a day; False if that is unknown."""
    names = [str(path)]
    try:
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(IrregularFile):
                found = list_directory(path)
                names += found.directories
                names += [os.path.join(str(path), name) for name in (*found.files, *found.others)]
        return all(seconds_since(os.lstat(name).st_mtime) > _STALE_AFTER_SECONDS for name in names)
    except OSError:
        return False
