"""Raise `DiskFull`, with the numbers, before or while something is written."""

from __future__ import annotations

import contextlib
import errno
import shutil
from pathlib import Path
from typing import Iterator

from rehub.errors import DiskFull
from rehub.formatting import format_size

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


def require_space(needed: int, directory: Path, what: str) -> None:
    """Raise `DiskFull` if `what` needs more bytes than the disk of `directory` has free."""
    free = shutil.disk_usage(str(directory)).free
    if needed > free:
        raise DiskFull(
            f"{what} needs {format_size(needed)}, and {format_size(free)} are free on the disk of "
            f"{_cache_of(directory)}. Make room there, or name another directory by REHUB_CACHE_DIR."
        )


@contextlib.contextmanager
def convert_disk_full(directory: Path, what: str, needed: int | None = None) -> Iterator[None]:
    """Turn the system's error for a full disk, or an exhausted quota, into a `DiskFull`; `what` is written there."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(str(directory)).free
        raise DiskFull(
            f"{what} needs {'more room' if needed is None else format_size(needed)}, and the disk of "
            f"{_cache_of(directory)} became full while writing ({error.strerror}; {format_size(free)} are free now). "
            "Make room there, or name another directory by REHUB_CACHE_DIR."
        ) from error


def _cache_of(directory: Path) -> Path:
    """Return the cache of a staging directory, as users know only the cache."""
    return directory.parent.parent
