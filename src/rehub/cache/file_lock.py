"""An exclusive lock on a file, which ends with the process that holds it.

It is the operating system's lock, so a killed process holds nothing, and a stopped one still does. Where the file
system has no locks, the file itself is the lock: the process that made it is the holder, writes its name into it, and
touches it every second. The `filelock` package does not fit: it truncates the file at each attempt, and so loses the
holder's name; it follows links; and its lock for file systems without locks has no heartbeat and outlives a killed
process.

Other users may write to the directory. A process writes only into a file that it has made itself: an existing one may
be a link to another file.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import sys
import threading
from pathlib import Path

from rehub.cache.lock_holder import MAX_BYTES, LockHolder
from rehub.cache.regular_files import IrregularFile, open_regular, read_regular, seconds_since

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_SECONDS_BETWEEN_HEARTBEATS = 1.0
# A holder writes its name at once; a file without a name is of a process that died before.
_MAX_SECONDS_WITHOUT_NAME = 1.0

# Another process has changed the file before each further attempt.
_MAX_ATTEMPTS = 200

_log = logging.getLogger(__name__)

_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
# Windows locks bytes, and other processes cannot read a locked one. So it is far behind the holder's name.
_LOCKED_BYTE = 1 << 30


class FileLock:
    """A held lock; a context manager that releases it."""

    def __init__(self, path: Path, descriptor: int, *, is_own: bool = True) -> None:
        """Use `try_acquire`; `is_own` says whether this process has made the file."""
        self._path = path
        self._descriptor = descriptor
        self._is_own = is_own
        _heartbeats.add(self)

    def release(self) -> None:
        """Release the lock and delete its file."""
        _heartbeats.discard(self)
        is_ours = _is_same_file(self._path, self._descriptor)  # Another process may have broken the lock.
        if os.name == "nt":  # An open file cannot be deleted there, whichever process has it open.
            os.close(self._descriptor)
        if is_ours:
            try:
                self._path.unlink()
            except OSError as error:  # A file without a lock blocks no process.
                _log.debug("%s is kept: %s", self._path, error)
        if os.name != "nt":
            os.close(self._descriptor)

    def heartbeat(self) -> None:
        """Show waiting processes that the holder is alive."""
        if self._is_own:
            os.utime(self._descriptor if os.utime in os.supports_fd else str(self._path))

    def close_in_child(self) -> None:
        """Close a forked process's copy of the file, which would hold the lock for as long as that process lives."""
        os.close(self._descriptor)

    def __enter__(self) -> FileLock:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def try_acquire(path: Path, *, stale_after: float = math.inf) -> FileLock | None:
    """Acquire a lock; return None if another process or thread holds it.

    Args:
        path: the lock's file, which exists as long as the lock is held. Anything else with this name is removed.
        stale_after: seconds without a heartbeat, by this machine's clock, after which a lock is broken where the file
            system has no locks. Clocks differ and jump, so this is for cleaning up only.

    Raises:
        OSError: the file cannot be made or locked.
    """
    for _ in range(_MAX_ATTEMPTS):
        try:
            descriptor, is_new = _open_or_create(path)
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise
            continue  # Released between the two ways to open it.
        except IrregularFile:
            _remove_name(path)
            continue
        try:
            acquired = _try_flock(descriptor)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                os.close(descriptor)
                raise
            acquired = is_new
            if not is_new and _is_stale(descriptor, stale_after):
                break_stale_lock(path, read_heartbeat(path))
                os.close(descriptor)
                continue
        if not acquired:
            os.close(descriptor)
            return None
        if not _is_same_file(path, descriptor):  # Its holder released it after we had opened it.
            os.close(descriptor)
            continue
        if is_new or os.name == "nt":  # Windows deletes no open file.
            os.ftruncate(descriptor, 0)
            os.write(descriptor, LockHolder.of_this_process().to_bytes())
            return FileLock(path, descriptor)
        try:
            path.unlink()
        except FileNotFoundError:
            pass
        except OSError:  # Another user's file in a sticky directory: held without our name in it.
            return FileLock(path, descriptor, is_own=False)
        os.close(descriptor)
    return None


def _remove_name(path: Path) -> None:
    """Delete a link, an empty directory or a device that has the lock's name."""
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError:
        path.rmdir()


def read_holder(path: Path) -> LockHolder | None:
    """Return the holder of a lock; None if it is free, or its holder has not written its name yet."""
    try:
        return LockHolder.from_bytes(read_regular(path, MAX_BYTES))
    except OSError:
        return None


def read_heartbeat(path: Path) -> tuple[int, int] | None:
    """Return a value that changes every second while the holder is alive, and with the holder; None without a file."""
    try:
        # Opened, because a network file system asks its server then.
        descriptor = open_regular(path)
    except OSError:
        return None
    status = os.fstat(descriptor)
    os.close(descriptor)
    return status.st_ino, status.st_mtime_ns


def break_stale_lock(path: Path, last_heartbeat: tuple[int, int] | None) -> None:
    """Delete the file of a dead or inactive holder, unless there was a heartbeat since `last_heartbeat`."""
    if read_heartbeat(path) == last_heartbeat:
        try:
            path.unlink()
        except FileNotFoundError:
            pass


def _open_or_create(path: Path) -> tuple[int, bool]:
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        # With O_EXCL, a link is an existing name, wherever it leads.
        descriptor = os.open(str(path), flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return open_regular(path, os.O_RDWR), False
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o666)  # So that other users of a shared cache can lock it.
    return descriptor, True


if sys.platform == "win32":

    def _try_flock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EDEADLK):
                raise
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:

    def _try_flock(descriptor: int) -> bool:
        # Not lockf, whose locks belong to the process: every thread would get in.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True


def _is_stale(descriptor: int, stale_after: float) -> bool:
    holder = LockHolder.from_bytes(os.read(descriptor, MAX_BYTES))
    if holder is not None and holder.is_dead():
        return True
    inactive = seconds_since(os.fstat(descriptor).st_mtime)
    return inactive > (_MAX_SECONDS_WITHOUT_NAME if holder is None else stale_after)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(str(path)), os.fstat(descriptor))
    except FileNotFoundError:
        return False


class _Heartbeats:
    """One thread that touches the files of all locks of this process, as long as it holds any."""

    def __init__(self) -> None:
        self._locks: set[FileLock] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, lock: FileLock) -> None:
        with self._changed:
            self._locks.add(lock)
            if self._thread is None:
                self._thread = threading.Thread(target=self._touch_files, name="rehub-locks", daemon=True)
                self._thread.start()

    def discard(self, lock: FileLock) -> None:
        with self._changed:
            self._locks.discard(lock)
            self._changed.notify()

    def _touch_files(self) -> None:
        with self._changed:
            while self._locks:
                self._changed.wait(_SECONDS_BETWEEN_HEARTBEATS)
                for lock in self._locks:
                    try:
                        lock.heartbeat()
                    except OSError:  # Broken and deleted; the holder finds out when it releases the lock.
                        pass
            self._thread = None

    def stop_in_child(self) -> None:
        for lock in self._locks:
            lock.close_in_child()


_heartbeats = _Heartbeats()


def _reset_in_child() -> None:
    global _heartbeats  # noqa: PLW0603 - a fork does not copy the thread
    _heartbeats.stop_in_child()
    _heartbeats = _Heartbeats()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
