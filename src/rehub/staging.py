"""Write to a staging path and publish it by a rename: a reader sees the old, the new or nothing, never a part.

    with staging_path(target) as staging:       # a unique name beside the target, deleted if anything goes wrong
        os.mkdir(staging)
        ...
        publish_directory(staging, target)

Functions that take `files` work with `tf.io.gfile` too, and so with every file system that TensorFlow knows.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any, Iterator


class LocalFiles:
    """The functions of `tf.io.gfile` that this module calls, for local paths."""

    exists = staticmethod(os.path.lexists)
    makedirs = staticmethod(lambda path: os.makedirs(path, exist_ok=True))
    rename = staticmethod(os.rename)

    @staticmethod
    def isdir(path: str) -> bool:
        """Return whether a path is a directory, and not a link to one."""
        return os.path.isdir(path) and not os.path.islink(path)

    remove = staticmethod(os.unlink)
    rmtree = staticmethod(shutil.rmtree)


@contextlib.contextmanager
def staging_path(target: str | os.PathLike[str], files: Any = LocalFiles) -> Iterator[str]:
    """Give a unique name beside `target` to write to. Whatever has that name in the end is deleted.

    Args:
        target: the file or directory that will be published. Nothing is done to it here.
        files: `tf.io.gfile` for paths of its file systems.
    """
    staging = f"{os.fspath(target)}.{uuid.uuid4().hex}.tmp"
    try:
        yield staging
    finally:
        remove_path(staging, files)


@contextlib.contextmanager
def write_atomically(target: Path) -> Iterator[Path]:
    """Give a path to write a file to. The file is synced and replaces `target`, unless an error is raised.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "model.tar.gz"
    >>> with write_atomically(target) as staging:
    ...     _ = staging.write_bytes(b"archive")
    >>> target.read_bytes()
    b'archive'
    """
    with staging_path(target.with_name("." + target.name)) as staging:
        yield Path(staging)
        fsync_path(Path(staging))
        os.replace(staging, str(target))


def publish_directory(staging: str, target: str, files: Any = LocalFiles) -> None:
    """Rename a finished directory to `target`. One that has this name is deleted when the new one is published.

    If the rename fails, the old directory gets its name back.
    """
    if files is LocalFiles:
        fsync_tree(Path(staging))
    if not files.exists(target):
        files.makedirs(os.path.dirname(target) or ".")
        files.rename(staging, target)
        return
    replaced = f"{target}.{uuid.uuid4().hex}.old"
    files.rename(target, replaced)
    try:
        files.rename(staging, target)
    except BaseException:
        if not files.exists(target):
            files.rename(replaced, target)
        raise
    remove_path(replaced, files)


def remove_path(path: str, files: Any = LocalFiles) -> None:
    """Delete a file, or a directory with everything in it; do nothing where there is neither."""
    if files.isdir(path):
        files.rmtree(path)
    elif files.exists(path):
        files.remove(path)


# The errors of a rename whose target exists, on the various systems.
_TARGET_EXISTS = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
# On Windows, a virus scanner that has a new file open for a moment stops a rename as well.
_SECONDS_BETWEEN_RENAMES = (0.01, 0.1, 0.5, 2.0)


def rename_if_absent(directory: Path, target: Path) -> bool:
    """Rename a directory, unless something has the target's name; return whether it was renamed."""
    for pause in (*_SECONDS_BETWEEN_RENAMES, None):
        try:
            directory.rename(target)
        except OSError as error:
            if error.errno in _TARGET_EXISTS or os.path.lexists(str(target)):
                return False
            if os.name != "nt" or not isinstance(error, PermissionError) or pause is None:
                raise
            time.sleep(pause)
        else:
            return True
    return False


def fsync_tree(directory: Path) -> None:
    """Wait until a directory and everything in it are on the disk."""
    for folder, _, names in os.walk(str(directory), topdown=False):
        for name in names:
            fsync_path(Path(folder) / name)
        fsync_path(Path(folder))


def fsync_path(path: Path) -> None:
    """Wait until a file or directory is on the disk. Windows syncs only files that are open for writing."""
    if os.name == "nt":
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        return
    descriptor = os.open(str(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
