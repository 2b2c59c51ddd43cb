"""How a model gets into the cache: filled aside, made durable, and renamed into place in one step."""

from __future__ import annotations

import errno
import logging
import os
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

from rehub.cache import memory, remote
from rehub.cache.aside import aside, clean
from rehub.cache.descriptor import description
from rehub.cache.lock import turn
from rehub.cache.manifest import FileRecord, Manifest, records_of
from rehub.cache.place import Place
from rehub.cache.regular_files import Listing, is_irregular
from rehub.errors import CacheError, HubError
from rehub.escaping import escape, quote_url
from rehub.redaction import redact_url

_log = logging.getLogger(__name__)

_SECONDS_BETWEEN_NOTES_OF_USE = 24 * 3600.0
# Each next attempt to put a model in its place follows on something that others have put there meanwhile.
_MOST_ATTEMPTS = 100


@dataclass(frozen=True)
class Fetched:
    """What a fill has put into the directory that it was given.

    Attributes:
        url: where it came from in the end.
        files: every file of it, where the fill has hashed them on the way; else None, and they are read again.
    """

    url: str
    files: tuple[FileRecord, ...] | None = None


def find_cached(roots: tuple[Path | str, ...], *keys: str) -> Path | str | None:
    """The directory of a cached model, or its URL; None when it is in none of the caches, whole.

    Args:
        roots: the caches' directories, and URLs of those in object stores; see `rehub.config.cache_dirs`.
        keys: what the model is known by, and what else it may be known by, such as the text that `tensorflow_hub`
            goes by.

    Raises:
        CacheError: a cache cannot be read.
    """
    remembered = memory.recall(roots, keys[0])
    if remembered is not None:
        return remembered
    checked = time.time()
    for root in roots:
        if isinstance(root, str):
            url = remote.find(root, keys)
            if url is not None:
                return url
            continue
        try:
            for key in keys:
                place = Place.of(root, key)
                found = _whole(place, key)
                if found is not None:
                    memory.remember(roots, keys[0], place.directory, found.directories, checked)
                    _note_use(place, checked)
                    return place.directory
        except OSError as error:
            raise CacheError(
                f"{quote_url(keys[0])} cannot be looked up in the cache {_shown(root)}: {_reason(error)}.\n"
                "Make it readable, or name another directory by REHUB_CACHE_DIR."
            ) from error
    return None


def get_or_fetch(roots: tuple[Path | str, ...], key: str, fill: Callable[[Path], Fetched]) -> Path | str:
    """The directory of a cached model, or its URL; `fill` brings it in when it is in none of the caches.

    One thread of one process does so at a time, and the others wait for it. Whatever `fill` raises, nothing of it
    stays behind.

    Args:
        roots: as for `find`. The first that can be written gets the model, and is made when it is missing; one in an
            object store counts as such.
        key: what the model is known by.
        fill: called with an empty directory; says what it has put there. It may leave files of its own beside it.

    Raises:
        CacheError: a cache cannot be read, or none can be written.
    """
    return find_cached(roots, key) or _bring_in(roots, key, fill, anew=False)


def refetch(roots: tuple[Path | str, ...], key: str, fill: Callable[[Path], Fetched]) -> Path | str:
    """Brings a model in although it may be there, whole, and puts it in the place of the one that is there.

    The arguments are those of `obtain`. When `fill` fails, what was there stays; when an upload does, nothing.

    Raises:
        CacheError: no cache can be written.
    """
    return _bring_in(roots, key, fill, anew=True)


def _whole(place: Place, key: str) -> Listing | None:
    """What is in a place that holds a whole model; else None."""
    if not place.is_there():
        return None
    damage, found = place.condition()
    if damage is not None:
        _log.warning(
            "The cached model %s of %s is damaged and does not count: %s", place.directory, quote_url(key), damage
        )
        return None
    if os.path.lexists(str(place.lock)):
        # Somebody was killed after the last step, or is about to be ready with it.
        try:
            clean(place)
        except OSError as error:  # It is a cache of somebody else.
            _log.debug("What was left beside %s stays: %s", place.directory, error)
    return found


def _note_use(place: Place, now: float) -> None:
    """Tells `prune` that the model is in use: once a day, by the time of the file beside it."""
    path = place.manifest if place.manifest.exists() else place.descriptor
    try:
        if is_irregular(path) or now - os.lstat(str(path)).st_mtime <= _SECONDS_BETWEEN_NOTES_OF_USE:
            return
        if os.utime in os.supports_follow_symlinks:
            os.utime(str(path), follow_symlinks=False)
        else:
            os.utime(str(path))
    except OSError as error:  # There is none, or it is a cache of somebody else.
        _log.debug("That %s is in use is not noted: %s", place.directory, error)


def _shown(root: Path) -> str:
    return escape(root, 300)


def _reason(error: OSError) -> str:
    """An error of the system without the path, which the message has already and which may be long."""
    return escape(error if error.errno is None else f"[Errno {error.errno}] {error.strerror}")


def _bring_in(roots: tuple[Path | str, ...], key: str, fill: Callable[[Path], Fetched], *, anew: bool) -> Path | str:
    root = _writable(roots)
    if isinstance(root, str):
        return remote.bring_in(root, key, fill, anew=anew)
    place = Place.of(root, key)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with turn(place.lock, quote_url(key), is_done=lambda: not anew and place.is_whole()):
            if anew or not place.is_whole():
                clean(place)
                with aside(place) as folder:
                    filled = folder / "model"
                    filled.mkdir()
                    delivery = fill(filled)
                    _put_in_place(place, key, folder, delivery, anew=anew)
    except HubError:
        raise
    except OSError as error:
        raise CacheError(
            f"{quote_url(key)} cannot be put into the cache {_shown(root)}: {_reason(error)}.\n"
            "Make room or permissions there, or name another directory by REHUB_CACHE_DIR."
        ) from error
    return place.directory


def _writable(roots: tuple[Path | str, ...]) -> Path | str:
    for root in roots:
        if isinstance(root, str):  # Only writing tells.
            return root
        there = root
        while not os.path.exists(str(there)) and there != there.parent:
            there = there.parent
        if os.access(str(there), os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return root
    return roots[0]  # The operating system says best why not.


def _put_in_place(place: Place, key: str, folder: Path, delivery: Fetched, *, anew: bool) -> None:
    filled = folder / "model"
    files = records_of(filled) if delivery.files is None else delivery.files
    manifest = Manifest(redact_url(key), redact_url(delivery.url), datetime.now(timezone.utc).isoformat(), files)
    # All that can fail for want of room comes before the first rename.
    _write_words(folder, key, manifest)
    _fsync_tree(folder)
    for _ in range(_MOST_ATTEMPTS):
        there = _identity(place.directory)
        if there is None:
            # The directory comes last: killed before that, there are words about nothing, which is nothing.
            _replace(folder / "manifest", place.manifest, folder)
            _replace(folder / "descriptor", place.descriptor, folder)
            if _renamed(filled, place.directory):
                _fsync(place.root)
                return
            # Somebody else was first. That the manifest is ours now does no harm: it fits, or tells that it does not.
            _write_words(folder, key, manifest)
        elif not anew and place.is_whole():
            return
        else:
            _take_out(place, there, folder)
    raise CacheError(
        f"{quote_url(key)} cannot be put into the cache {_shown(place.root)}: somebody puts other things in its place "
        "all the time. Name another directory by REHUB_CACHE_DIR."
    )


def _replace(source: Path, target: Path, folder: Path) -> None:
    """Renames a file to a name that may be taken; what is no plain file is taken out, and deleted with `folder`."""
    try:
        source.replace(target)
    except OSError:
        if not is_irregular(target):
            raise
        target.rename(folder / uuid.uuid4().hex)
        source.replace(target)


def _write_words(folder: Path, key: str, manifest: Manifest) -> None:
    (folder / "manifest").write_bytes(manifest.to_json().encode())
    (folder / "descriptor").write_bytes(description(key))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        seen = os.lstat(str(path))
    except FileNotFoundError:
        return None
    return seen.st_dev, seen.st_ino


def _take_out(place: Place, judged: tuple[int, int], folder: Path) -> None:
    """Takes a model out in one step, so that no reader meets half of it; it is deleted with `folder`."""
    taken = folder / uuid.uuid4().hex
    try:
        place.directory.rename(taken)
    except FileNotFoundError:
        return
    if _identity(taken) != judged:
        # Somebody has just put a whole one there, which is in use already.
        _renamed(taken, place.directory)


# What a rename raises, on the various systems, when the name is taken.
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
# On Windows, a scanner that has a new file open for a moment stops a rename as well.
_SECONDS_BETWEEN_RENAMES = (0.01, 0.1, 0.5, 2.0)


def _renamed(directory: Path, name: Path) -> bool:
    """Renames a directory to a name that nobody has; False when somebody has."""
    for pause in (*_SECONDS_BETWEEN_RENAMES, None):
        try:
            directory.rename(name)
        except OSError as error:
            if error.errno in _TAKEN or os.path.lexists(str(name)):
                return False
            if os.name != "nt" or not isinstance(error, PermissionError) or pause is None:
                raise
            time.sleep(pause)
        else:
            return True
    return False


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
