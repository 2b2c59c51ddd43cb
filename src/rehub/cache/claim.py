"""An exclusive claim on a name in a directory, which ends with the process that made it.

It is the operating system's lock of a file, so a killed process holds nothing, and a stopped one still does. These
are a few lines of our own, because the `filelock` package empties the file whenever somebody tries to lock it, and
with that the words about who holds it. Where the file system knows no locks, the file itself is the claim: whoever has
made it is the owner, writes its name into it, and touches it every second as long as it lives.

The directory may be one that others write to. A process writes only into a file that it has made itself: one that is
there already may be a link, or another name of a file that matters to somebody.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from rehub.cache.owner import LONGEST, Owner
from rehub.cache.regular_files import IrregularFile, open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SECONDS_BETWEEN_BEATS = 1.0
# An owner writes its name at once; a file without one is of a process that died before.
SECONDS_WITHOUT_NAME = 1.0

# Each next attempt follows on a change that somebody else has made meanwhile.
_MOST_ATTEMPTS = 200

_log = logging.getLogger(__name__)

_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
# Windows locks bytes, and a locked one can be read by nobody else. So it is one far behind the words about the owner.
_LOCKED_BYTE = 1 << 30


class Claim:
    """A claim that is held; a context manager that gives it up."""

    def __init__(self, path: Path, descriptor: int, *, is_own: bool = True) -> None:
        """Use `try_claim`; `is_own` says whether this process has made the file."""
        self._path = path
        self._descriptor = descriptor
        self._is_own = is_own
        _heart.adopt(self)

    def release(self) -> None:
        """Gives it up, and leaves no file behind."""
        _heart.abandon(self)
        ours = _lies_at(self._path, self._descriptor)  # Else somebody has taken it over.
        if os.name == "nt":  # No open file can be deleted there; not by us, and not when the next one has it open.
            os.close(self._descriptor)
        if ours:
            try:
                self._path.unlink()
            except OSError as error:  # A file that nobody has locked holds nobody up.
                _log.debug("%s stays: %s", self._path, error)
        if os.name != "nt":
            os.close(self._descriptor)

    def beat(self) -> None:
        """Shows those who wait that the owner lives."""
        if self._is_own:
            os.utime(self._descriptor if os.utime in os.supports_fd else str(self._path))

    def close_in_child(self) -> None:
        """Closes a forked process's copy of the file, which would hold the lock for as long as that process lives."""
        os.close(self._descriptor)

    def __enter__(self) -> Claim:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def try_claim(path: Path, *, forget_after: float = math.inf) -> Claim | None:
    """Claims the name; None when somebody else holds it.

    Args:
        path: the name; there is a file under it as long as somebody holds it. What else stands there is removed.
        forget_after: seconds without a beat, by this machine's clock, after which an owner counts as dead where the
            file system has no locks. Clocks differ and jump, so this is for tidying up only.

    Raises:
        OSError: no file can be made or locked there.
    """
    for _ in range(_MOST_ATTEMPTS):
        try:
            descriptor, is_new = _open(path)
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise
            continue  # Given up between the two ways to open it.
        except IrregularFile:
            _remove_name(path)
            continue
        try:
            claimed = _lock(descriptor)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
            claimed = is_new
            if not is_new and _is_forsaken(descriptor, forget_after):
                take_over(path, pulse(path))
                os.close(descriptor)
                continue
        if not claimed:
            os.close(descriptor)
            return None
        if not _lies_at(path, descriptor):  # Its owner gave it up after we had opened it.
            os.close(descriptor)
            continue
        if is_new or os.name == "nt":  # Nobody can delete an open file on Windows.
            os.ftruncate(descriptor, 0)
            os.write(descriptor, Owner.of_this_process().to_bytes())
            return Claim(path, descriptor)
        try:
            path.unlink()
        except FileNotFoundError:
            pass
        except OSError:  # Another user's, in a directory where nobody deletes what is not their own: held, unwritten.
            return Claim(path, descriptor, is_own=False)
        os.close(descriptor)
    return None


def _remove_name(path: Path) -> None:
    """Deletes what is not a file from a lock's place; a directory only when it is empty."""
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError:
        path.rmdir()


def owner_of(path: Path) -> Owner | None:
    """Who holds the name; None where nobody does, or has not said so yet."""
    try:
        return Owner.from_bytes(read_regular(path, LONGEST))
    except OSError:
        return None


def pulse(path: Path) -> tuple[int, int] | None:
    """What changes every second as long as the owner lives, and with the owner. To be compared with itself only."""
    try:
        # Opened, because a network file system asks its server then.
        descriptor = open_regular(path)
    except OSError:
        return None
    seen = os.fstat(descriptor)
    os.close(descriptor)
    return seen.st_ino, seen.st_mtime_ns


def take_over(path: Path, last_pulse: tuple[int, int] | None) -> None:
    """Takes the name from an owner that is gone or shows no pulse; it is free for the next claim then."""
    if pulse(path) == last_pulse:
        try:
            path.unlink()
        except FileNotFoundError:
            pass


def _open(path: Path) -> tuple[int, bool]:
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        # With O_EXCL, a link is a name that is taken, wherever it leads.
        descriptor = os.open(str(path), flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return open_regular(path, os.O_RDWR), False
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o666)  # So that others who share the cache can lock it, too.
    return descriptor, True


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
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

    def _lock(descriptor: int) -> bool:
        # flock, not lockf: that one would let in every thread of the process.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True


def _is_forsaken(descriptor: int, forget_after: float) -> bool:
    owner = Owner.from_bytes(os.read(descriptor, LONGEST))
    if owner is not None and owner.is_gone():
        return True
    silence = time.time() - os.fstat(descriptor).st_mtime
    return silence > (SECONDS_WITHOUT_NAME if owner is None else forget_after)


def _lies_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(str(path)), os.fstat(descriptor))
    except FileNotFoundError:
        return False


class _Heart:
    """One thread that touches the files of all claims of this process, as long as there are any."""

    def __init__(self) -> None:
        self._claims: set[Claim] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def adopt(self, claim: Claim) -> None:
        with self._changed:
            self._claims.add(claim)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rehub-locks", daemon=True)
                self._thread.start()

    def abandon(self, claim: Claim) -> None:
        with self._changed:
            self._claims.discard(claim)
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while self._claims:
                self._changed.wait(SECONDS_BETWEEN_BEATS)
                for claim in self._claims:
                    try:
                        claim.beat()
                    except OSError:  # Taken over and deleted; the owner finds out when it is done.
                        pass
            self._thread = None

    def stop_in_child(self) -> None:
        for claim in self._claims:
            claim.close_in_child()


_heart = _Heart()


def _begin_anew_in_child() -> None:
    global _heart  # noqa: PLW0603 - a fork copies neither the thread nor what it was about to do
    _heart.stop_in_child()
    _heart = _Heart()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_in_child)
