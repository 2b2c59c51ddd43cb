"""Read regular files of a directory that other users may write to, without following links and within bounds.

In a shared cache, any name may be a link, a FIFO or a device. So no path is made of a file's content, only regular
files are opened, and no listing follows a link.
"""

from __future__ import annotations

import math
import os
import shutil
import stat
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

# A model's archive may have 32 directories above a file.
_MAX_DEPTH = 64
_MAX_ENTRIES = 1_000_000
_MAX_SECONDS_AHEAD = 24 * 3600.0


class IrregularFile(OSError):
    """A link, a directory, a FIFO, a device or a file of an absurd size has the name of a regular file."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open an existing file as `os.open` does, without waiting and without following a link as the last part.

    Raises:
        IrregularFile: it is not a regular file.
        OSError: it does not exist, or cannot be opened.
    """
    # Without O_NONBLOCK, opening a FIFO waits until its other end is opened.
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
        flags |= getattr(os, name, 0)
    if not hasattr(os, "O_NOFOLLOW") and os.path.islink(str(path)):
        raise IrregularFile(f"{path.name} is a link")
    try:
        descriptor = os.open(str(path), flags)
    except ValueError as error:
        raise IrregularFile(f"{path.name!r} cannot be the name of a file") from error
    except OSError:
        # Systems raise different errors for a link, a directory or a socket.
        if is_irregular(path):
            raise IrregularFile(f"{path.name} is not a regular file") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IrregularFile(f"{path.name} is not a regular file")
    return descriptor


def is_irregular(path: Path) -> bool:
    """Return whether a path exists and is not a regular file."""
    try:
        return not stat.S_ISREG(os.lstat(str(path)).st_mode)
    except OSError:
        return False


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Return the content of a regular file of at most `max_bytes`; raise as `open_regular` does."""
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise IrregularFile(f"{path.name} has more than {max_bytes:,} bytes")
    return content


@dataclass(frozen=True)
class Listing:
    """The files below a directory.

    Attributes:
        files: the size of each regular file by its name, with `/` between directories.
        directories: the paths of the directory and of those below it.
        others: the names of everything else: links, FIFOs, devices, and directories that are unreadable or too deep.
    """

    files: dict[str, int] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def list_directory(directory: Path) -> Listing:
    """List a directory without following links.

    Raises:
        IrregularFile: it is not a directory, or holds more files than any model.
        OSError: it does not exist, or cannot be read.
    """
    if not stat.S_ISDIR(os.lstat(str(directory)).st_mode):
        raise IrregularFile("it is not a directory")
    found = Listing()
    count = 0
    waiting = [("", str(directory))]
    while waiting:
        prefix, path = waiting.pop()
        try:
            with os.scandir(path) as entries:
                members = list(entries)
        except OSError:
            if not prefix:
                raise
            found.others.append(prefix[:-1])
            continue
        found.directories.append(path)
        count += len(members)
        if count > _MAX_ENTRIES:
            raise IrregularFile(f"it holds more than {_MAX_ENTRIES:,} files")
        for member in members:
            name = prefix + member.name
            if member.is_dir(follow_symlinks=False) and name.count("/") < _MAX_DEPTH:
                waiting.append((name + "/", member.path))
            elif member.is_file(follow_symlinks=False):
                try:
                    found.files[name] = member.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # Deleted in the meantime.
                    continue
            else:
                found.others.append(name)
    return found


def seconds_since(timestamp: float) -> float:
    """Return the age of a file by its time; infinity for one that only a clock can have made that was set back later.

    Clocks of machines differ, so a time up to a day ahead is a young file's.
    """
    age = time.time() - timestamp
    return age if age > -_MAX_SECONDS_AHEAD else math.inf


def delete_path(path: Path) -> None:
    """Delete a file or a whole directory, without following links and without raising an error."""
    try:
        if stat.S_ISDIR(os.lstat(str(path)).st_mode):
            _delete_directory(path)
        else:
            path.unlink()
    except OSError:
        pass


def _delete_directory(path: Path) -> None:
    try:
        shutil.rmtree(str(path), ignore_errors=True)
    except RecursionError:  # It was made deeper than the interpreter's stack.
        _flatten_directory(path)
        shutil.rmtree(str(path), ignore_errors=True)


def _flatten_directory(path: Path) -> None:
    """Move every directory below a directory to its top."""
    top = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        waiting = _list_directories(top)
        while waiting:
            inner = os.open(waiting.pop(), os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=top)
            try:
                for name in _list_directories(inner):
                    moved = uuid.uuid4().hex
                    os.rename(name, moved, src_dir_fd=inner, dst_dir_fd=top)
                    waiting.append(moved)
            finally:
                os.close(inner)
    finally:
        os.close(top)


def _list_directories(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
