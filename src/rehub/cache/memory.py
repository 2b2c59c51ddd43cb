"""What this process has seen whole, so that asking again costs a stat of each directory of the model.

A directory's times change with every file that is made or deleted in it. Its mtime can be set back, and systemd does so
when it cleans /tmp; its ctime cannot. What does not change a directory, such as a file that is cut short in its place,
is noticed by the next process.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

# The coarsest clock of a file system in use, FAT's: of two changes within one tick, the second does not show.
_SECONDS_OF_A_TICK = 2.0
# So that the time of last use is looked at now and then, and a change that no directory shows is noticed in the end.
_SECONDS_OF_MEMORY = 3600.0


@dataclass(frozen=True)
class _Seen:
    roots: tuple[Path | str, ...]
    directory: Path
    stamps: tuple[tuple[str, int, int, int], ...]
    until: float


_seen: dict[str, _Seen] = {}


def recall(roots: tuple[Path | str, ...], key: str) -> Path | None:
    """The directory of a model that was seen whole in these caches, when none of its directories has changed since."""
    seen = _seen.get(key)
    if seen is None or seen.roots != roots or time.monotonic() > seen.until:
        return None
    try:
        for path, inode, modified, changed in seen.stamps:
            now = os.stat(path)
            if now.st_ctime_ns != changed or now.st_mtime_ns != modified or now.st_ino != inode:
                break
        else:
            return seen.directory
    except OSError:
        pass
    _seen.pop(key, None)
    return None


def remember(roots: tuple[Path | str, ...], key: str, directory: Path, folders: Sequence[str], checked: float) -> None:
    """Notes a model that was seen whole.

    Args:
        roots: the caches that were looked through.
        key: what the model is known by.
        directory: the model.
        folders: it and each directory in it.
        checked: when the check began, as `time.time()` has it. What has changed since, or just before, is not noted.
    """
    stamps = []
    for folder in folders:
        try:
            now = os.stat(folder)
        except OSError:  # Taken away meanwhile.
            return
        if max(now.st_mtime, now.st_ctime) > checked - _SECONDS_OF_A_TICK:
            return
        stamps.append((folder, now.st_ino, now.st_mtime_ns, now.st_ctime_ns))
    _seen[key] = _Seen(roots, directory, tuple(stamps), time.monotonic() + _SECONDS_OF_MEMORY)
