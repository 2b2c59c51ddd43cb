"""Remember complete models, so that the next lookup in this process costs one stat for each directory of the model.

A directory's times change with every file that is made or deleted in it. Its mtime can be set back, as systemd does
when it cleans /tmp; its ctime cannot. A change that does not touch a directory, such as a truncated file, is noticed by
the next process.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from rehub.cache.regular_files import seconds_since

# FAT has the coarsest clock of the file systems in use: of two changes within one tick, the second is not visible.
_CLOCK_TICK_SECONDS = 2.0
# So that the time of last use is updated now and then, and changes that no directory shows are noticed in the end.
_MAX_AGE_SECONDS = 3600.0


@dataclass(frozen=True)
class _Record:
    roots: tuple[Path | str, ...]
    directory: Path
    stamps: tuple[tuple[str, int, int, int], ...]
    expires: float


_records: dict[str, _Record] = {}


def lookup(roots: tuple[Path | str, ...], key: str) -> Path | None:
    """Return the directory of a model that was complete in these caches, if its directories have not changed since."""
    record = _records.get(key)
    if record is None or record.roots != roots or time.monotonic() > record.expires:
        return None
    try:
        for path, inode, modified, changed in record.stamps:
            status = os.stat(path)
            if status.st_ctime_ns != changed or status.st_mtime_ns != modified or status.st_ino != inode:
                break
        else:
            return record.directory
    except OSError:
        pass
    _records.pop(key, None)
    return None


def record(roots: tuple[Path | str, ...], key: str, directory: Path, folders: Sequence[str], checked: float) -> None:
    """Record a complete model, unless one of its directories has changed during the check or just before.

    Args:
        roots: the caches that were searched.
        key: the model's key.
        directory: the model.
        folders: it and each directory in it.
        checked: when the check began, as `time.time()` gives it.
    """
    stamps = []
    for folder in folders:
        try:
            status = os.stat(folder)
        except OSError:  # Deleted in the meantime.
            return
        for moment in (status.st_mtime, status.st_ctime):
            # A later change does not repeat a time that is from before a clock was set back.
            if moment > checked - _CLOCK_TICK_SECONDS and seconds_since(moment) < math.inf:
                return
        stamps.append((folder, status.st_ino, status.st_mtime_ns, status.st_ctime_ns))
    _records[key] = _Record(roots, directory, tuple(stamps), time.monotonic() + _MAX_AGE_SECONDS)
