"""Runs two stages of a stream at once, with a bounded buffer between them."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import IO, TYPE_CHECKING, Callable, TypeVar

if TYPE_CHECKING:
    from typing import Protocol
else:  # Python 3.7 has none.
    Protocol = object

T = TypeVar("T")

# Larger ones leave the processor's cache before the other thread has them.
_CHUNK = 1 << 18
_CHUNKS = 8


class Readable(Protocol):
    """What gives bytes, as a file does: some at a time, and at the end none."""

    def read(self, size: int) -> bytes:
        """At most so many bytes."""


def in_two_threads(source: Readable, consume: Callable[[IO[bytes]], T]) -> T:
    """Reads `source` in this thread while `consume` works on the same bytes in another.

    What waits, a network or a person's Ctrl-C, is met in this thread, and both have ended when it returns.

    >>> in_two_threads(io.BytesIO(b"a model"), lambda stream: stream.read().upper())
    b'A MODEL'

    Args:
        source: read to its end, or until `consume` is done. What reading raises is raised here, and what `consume`
            makes of the sudden end is not.
        consume: called in the other thread with a stream that can be read.

    Returns:
        What `consume` returned.
    """
    pipe = _Pipe()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(consume(io.BufferedReader(pipe, _CHUNK)))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            errors.append(error)
        finally:
            pipe.stop_reading()

    worker = threading.Thread(target=work, name="rehub-unpack", daemon=True)
    worker.start()
    try:
        while pipe.write(source.read(_CHUNK)):
            pass
    except BaseException:
        pipe.abandon()
        worker.join()
        raise
    worker.join()
    if errors:
        raise errors[0]
    return results[0]


class _Abandoned(Exception):
    """The writing end has failed; it never reaches a user."""


class _Pipe(io.RawIOBase):
    """Chunks on their way from one thread to another; the reading end is a raw stream."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._current = memoryview(b"")
        self._ended = self._abandoned = self._unread = False

    def write(self, chunk: bytes) -> bool:  # type: ignore[override]
        """Hands a chunk over; an empty one is the end. False when nothing more is wanted."""
        with self._changed:
            while len(self._chunks) >= _CHUNKS and not self._unread:
                self._changed.wait()
            if chunk:
                self._chunks.append(chunk)
            else:
                self._ended = True
            self._changed.notify_all()
            return not (self._ended or self._unread)

    def abandon(self) -> None:
        """Lets the reading end fail."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def stop_reading(self) -> None:
        """Lets the writing end stop."""
        with self._changed:
            self._unread = True
            self._changed.notify_all()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._current:
            self._current = memoryview(self._next())
        count = min(len(buffer), len(self._current))
        buffer[:count] = self._current[:count]
        self._current = self._current[count:]
        return count

    def _next(self) -> bytes:
        with self._changed:
            while not (self._chunks or self._ended or self._abandoned):
                self._changed.wait()
            if self._abandoned:
                raise _Abandoned
            if not self._chunks:
                return b""
            self._changed.notify_all()
            return self._chunks.popleft()
