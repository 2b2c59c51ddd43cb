"""How a model gets into the cache: filled aside, made durable, and renamed into place in one step."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

from rehub.cache.entry import Entry
from rehub.cache.manifest import FileRecord, Manifest, records_of
from rehub.errors import CacheError, HubError


@dataclass(frozen=True)
class Delivery:
    """What a fill has put into the directory that it was given.

    Attributes:
        url: where it came from in the end.
        files: every file of it, where the fill has hashed them on the way; else None, and they are read again.
    """

    url: str
    files: tuple[FileRecord, ...] | None = None


def find(root: Path, key: str) -> Path | None:
    """The directory of a cached model, or None when it is not there, whole. Writes nothing.

    Raises:
        CacheError: the cache cannot be read.
    """
    entry = Entry(root, key)
    try:
        return entry.directory if entry.is_whole() else None
    except OSError as error:
        raise CacheError(
            f"{key!r} cannot be looked up in the cache {root}: {error}.\n"
            "Make it readable, or name another directory by REHUB_CACHE_DIR."
        ) from error


def obtain(root: Path, key: str, fill: Callable[[Path], Delivery]) -> Path:
    """The directory of a cached model; `fill` brings it in when it is not there.

    Processes and threads may do so for one model at once: each fills a directory of its own, the first that is
    ready puts it in place, and the others use that one. Whatever `fill` raises, nothing of it stays behind.

    Args:
        root: the cache's directory; made when it is missing and needed.
        key: what the model is known by.
        fill: called with an empty directory; says what it has put there. It may leave files of its own beside it.

    Raises:
        CacheError: the cache cannot be read or written.
    """
    found = find(root, key)
    if found is not None:
        return found
    entry = Entry(root, key)
    aside = entry.unique()
    try:
        root.mkdir(parents=True, exist_ok=True)
        filled = aside / "model"
        filled.mkdir(parents=True)
        delivery = fill(filled)
        _put_in_place(entry, aside, filled, delivery)
    except HubError:
        raise
    except OSError as error:
        raise CacheError(
            f"{key!r} cannot be put into the cache {root}: {error}.\n"
            "Make room or permissions there, or name another directory by REHUB_CACHE_DIR."
        ) from error
    finally:
        # KeyboardInterrupt passes through here too.
        shutil.rmtree(str(aside), ignore_errors=True)
    return entry.directory


def _put_in_place(entry: Entry, aside: Path, filled: Path, delivery: Delivery) -> None:
    files = records_of(filled) if delivery.files is None else delivery.files
    manifest = Manifest(entry.key, delivery.url, datetime.now(timezone.utc).isoformat(), files)
    # All that can fail for want of room comes before the rename.
    (aside / "manifest").write_bytes(manifest.to_json().encode())
    (aside / "descriptor").write_bytes(_description(entry).encode("utf-8", "surrogatepass"))
    _fsync_tree(aside)
    if _win(entry, filled):
        # Killed here, the entry is whole and has no manifest yet, as those of tensorflow_hub have none.
        (aside / "manifest").replace(entry.manifest)
        (aside / "descriptor").replace(entry.descriptor)
        _fsync(entry.root)


def _win(entry: Entry, filled: Path) -> bool:
    """Renames `filled` to the entry's name; False when somebody else's whole copy is there already."""
    while not _renamed(filled, entry.directory):
        if entry.is_whole():
            return False
        _clear_away(entry)
    return True


# What a rename raises, on the various systems, when the name is taken.
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EACCES if os.name == "nt" else errno.EEXIST}


def _renamed(directory: Path, name: Path) -> bool:
    try:
        directory.rename(name)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _clear_away(entry: Entry) -> None:
    """Takes a damaged model out in one step, so that no reader meets half of it, and then deletes it."""
    trash = entry.unique()
    try:
        entry.directory.rename(trash)
        entry.manifest.unlink()  # Later: without it, a damaged model would pass for one of tensorflow_hub.
    except FileNotFoundError:  # It had none, or somebody else has just cleared it away.
        pass
    if trash.is_dir():
        shutil.rmtree(str(trash), ignore_errors=True)
    elif trash.exists():
        trash.unlink()


def _description(entry: Entry) -> str:
    # The three lines of tensorflow_hub's resolver.py, `_write_module_descriptor_file`; its time is local, too.
    now = datetime.now().isoformat(sep=" ")  # noqa: DTZ005
    return f"Module: {entry.key}\nDownload Time: {now}\nDownloader Hostname: {socket.gethostname()} (PID:{os.getpid()})"


def _fsync_tree(directory: Path) -> None:
    for folder, _, names in os.walk(str(directory), topdown=False):
        for name in names:
            _fsync(Path(folder) / name)
        _fsync(Path(folder))


def _fsync(path: Path) -> None:
    """Waits until a file or directory is on the disk. Windows syncs no directories, and files only when writable."""
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
