"""Plain files in a directory that others may write to: opened without following a link, and read within bounds.

In a shared cache, a link, a FIFO or a device may stand in the place of any file, and a name may lead anywhere. So no
path is made here of what a file says, nothing is opened that is not a plain file, and no listing follows a link.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from dataclasses import dataclass, field
from pathlib import Path

# A model's archive may have 32 directories above a file.
_DEEPEST = 64
_MOST_ENTRIES = 1_000_000


class IrregularFile(OSError):
    """Where a plain file should be is a link, a directory, a FIFO or a device, or a file of an absurd size."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Opens a file that is there, as `os.open` does; never waits, and follows no link in the last part of the path.

    Raises:
        IrregularFile: it is not a plain file.
        OSError: it is not there, or cannot be opened.
    """
    # Without O_NONBLOCK, to open a FIFO waits until somebody opens its other end.
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
        flags |= getattr(os, name, 0)
    if not hasattr(os, "O_NOFOLLOW") and os.path.islink(str(path)):
        raise IrregularFile(f"{path.name} is a link")
    try:
        descriptor = os.open(str(path), flags)
    except ValueError as error:
        raise IrregularFile(f"{path.name!r} can name no file") from error
    except OSError:
        # Systems differ in what they say of a link, a directory or a socket.
        if is_irregular(path):
            raise IrregularFile(f"{path.name} is not a plain file") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IrregularFile(f"{path.name} is not a plain file")
    return descriptor


def is_irregular(path: Path) -> bool:
    """Whether there is something other than a plain file under a name."""
    try:
        return not stat.S_ISREG(os.lstat(str(path)).st_mode)
    except OSError:
        return False


def read_regular(path: Path, most: int) -> bytes:
    """The content of a plain file of at most so many bytes; raises as `open_regular` does."""
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise IrregularFile(f"{path.name} has more than {most:,} bytes")
    return content


@dataclass(frozen=True)
class Listing:
    """What is in a directory and below it.

    Attributes:
        files: the size of each plain file by its name, with `/` between directories.
        directories: the paths of the directory and of those below it.
        others: the names of what is neither: links, FIFOs, devices, directories that cannot be read or lie too deep.
    """

    files: dict[str, int] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def list_directory(directory: Path) -> Listing:
    """Lists a directory without following links.

    Raises:
        IrregularFile: it is not a directory, or holds more than any model.
        OSError: it is not there, or cannot be read.
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
        if count > _MOST_ENTRIES:
            raise IrregularFile(f"it holds more than {_MOST_ENTRIES:,} files")
        for member in members:
            name = prefix + member.name
            if member.is_dir(follow_symlinks=False) and name.count("/") < _DEEPEST:
                waiting.append((name + "/", member.path))
            elif member.is_file(follow_symlinks=False):
                try:
                    found.files[name] = member.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # Deleted while we looked.
                    continue
            else:
                found.others.append(name)
    return found


def delete(path: Path) -> None:
    """Deletes what is under a name, a directory with all that is in it; follows no link. What cannot be, stays."""
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
    except RecursionError:  # Somebody has made it deeper than the interpreter's stack.
        _flatten(path)
        shutil.rmtree(str(path), ignore_errors=True)


def _flatten(path: Path) -> None:
    """Moves every directory below a directory to its top."""
    top = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        waiting = _directories_in(top)
        while waiting:
            inner = os.open(waiting.pop(), os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=top)
            try:
                for name in _directories_in(inner):
                    moved = uuid.uuid4().hex
                    os.rename(name, moved, src_dir_fd=inner, dst_dir_fd=top)
                    waiting.append(moved)
            finally:
                os.close(inner)
    finally:
        os.close(top)


def _directories_in(descriptor: int) -> list[str]:
    with os.scandir(descriptor) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
