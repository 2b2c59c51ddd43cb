"""Notices a disk that is too small, before or while something is written, and tells the numbers."""

from __future__ import annotations

import contextlib
import errno
import shutil
from typing import TYPE_CHECKING, Iterator

from rehub.errors import DiskFull
from rehub.formatting import format_size

if TYPE_CHECKING:
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)


def require(needed: int, directory: Path, what: str) -> None:
    """Raises `DiskFull` when `what` needs more bytes than are free where `directory` is."""
    free = shutil.disk_usage(str(directory)).free
    if needed > free:
        raise DiskFull(
            f"{what} needs {format_size(needed)}, and {format_size(free)} are free on the disk of {_known(directory)}. "
            "Make room there, or name another directory by REHUB_CACHE_DIR."
        )


@contextlib.contextmanager
def told(directory: Path, what: str, needed: int | None = None) -> Iterator[None]:
    """Turns the system's error over a full disk, or an exhausted quota, into a `DiskFull`.

    Args:
        directory: where `what` is being written.
        what: for the message.
        needed: its size; None where nobody knows.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        free = shutil.disk_usage(str(directory)).free
        raise DiskFull(
            f"{what} needs {'more room' if needed is None else format_size(needed)}, and the disk of "
            f"{_known(directory)} became full on the way ({error.strerror}; {format_size(free)} are free now). "
            "Make room there, or name another directory by REHUB_CACHE_DIR."
        ) from error


def _known(directory: Path) -> Path:
    """The cache: a model is written in a directory of a directory there, which a person has never seen."""
    return directory.parent.parent
