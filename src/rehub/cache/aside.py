"""Directories in which models are on their way in or out, and the cleaning up after those who died at it.

Each has a lock beside it, taken before the directory is made and given up after it is deleted. So a directory whose
lock can be had belongs to nobody: its owner is dead. One of a process that lives, be it stopped, is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from rehub.cache.claim import try_claim
from rehub.cache.regular_files import IrregularFile, delete, list_directory

if TYPE_CHECKING:
    from rehub.cache.place import Place

_log = logging.getLogger(__name__)

_OURS = re.compile(r"[0-9a-f]{40}(\.[0-9a-f]{32})?\.rehub\.(tmp|lock)")
_TENSORFLOW_HUBS = re.compile(r"[0-9a-f]{40}(\.[0-9a-f]{32}\.tmp|\.lock)")
# By the clock, so it is long: of tensorflow_hub's downloads, and of ours on other machines where there are no locks.
# (tensorflow_hub itself takes a download for dead that has not grown for ten minutes.)
_SECONDS_UNTIL_DEAD = 24 * 3600.0


@contextlib.contextmanager
def aside(place: Place) -> Iterator[Path]:
    """An empty directory on the model's file system that nobody else looks into; deleted in the end."""
    held = None
    while held is None:  # Only one who cleans up can have got hold of such a name first.
        path = place.root / f"{place.name}.{uuid.uuid4().hex}.rehub.tmp"
        held = try_claim(path.with_suffix(".lock"))
    with held:
        try:
            path.mkdir()
            yield path
        finally:
            # KeyboardInterrupt passes through here too.
            delete(path)


def clean(place: Place) -> None:
    """Deletes what dead processes have left of their downloads of one model."""
    _clean(place.root, place.name, forget_after=math.inf)


def clean_all(root: Path) -> None:
    """Deletes what dead processes have left in a cache, those of tensorflow_hub included."""
    _clean(root, "", forget_after=_SECONDS_UNTIL_DEAD)
    for path in _matching(root, "", _TENSORFLOW_HUBS):
        if time.time() - _last_change(path) > _SECONDS_UNTIL_DEAD:
            delete(path)


def _clean(root: Path, prefix: str, forget_after: float) -> None:
    for path in _matching(root, prefix, _OURS):
        try:
            held = try_claim(path.with_suffix(".lock"), forget_after=forget_after)
        except OSError as error:  # It belongs to another user, or a directory stands in the lock's place.
            _log.debug("%s stays: %s", path, error)
            continue
        if held is not None:
            with held:
                delete(path.with_suffix(".tmp"))


def _matching(root: Path, prefix: str, pattern: re.Pattern[str]) -> list[Path]:
    names = [entry.name for entry in os.scandir(str(root)) if entry.name.startswith(prefix)]
    return [root / name for name in sorted(names) if pattern.fullmatch(name)]


def _last_change(path: Path) -> float:
    """When something below a path, or the path itself, was last changed; the far future where that cannot be told."""
    try:
        names = [str(path)]
        if path.is_dir() and not path.is_symlink():
            found = list_directory(path)
            names += [*found.directories, *(os.path.join(str(path), name) for name in (*found.files, *found.others))]
        return max(os.lstat(name).st_mtime for name in names)
    except FileNotFoundError:
        return math.inf
    except IrregularFile:
        return os.lstat(str(path)).st_mtime
    except OSError:
        return math.inf
