"""Run two stages of a stream in two threads, with a bounded buffer between them."""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import IO, Callable, TypeVar

from rehub.transfer.streams import Readable

T = TypeVar("T")

# A larger chunk leaves the processor's cache before the other thread reads it.
_CHUNK = 1 << 18
_CHUNKS = 8


def run_in_two_threads(source: Readable, consume: Callable[[IO[bytes]], T]) -> T:
    """Read `source` in this thread while `consume` works on the same bytes in another.

    Waiting for a network, and Ctrl-C, happen in this thread. Both threads have ended when the function returns.

    >>> run_in_two_threads(io.BytesIO(b"a model"), lambda stream: stream.read().upper())
    b'A MODEL'

    Args:
        source: read to its end, or until `consume` is done. An error of reading is raised here, instead of the error
            of `consume` that follows from it.
        consume: called in the other thread with a readable stream.

    Returns:
        The result of `consume`.
    """
    pipe = _Pipe()
    results: list[T] = []
    errors: list[BaseException] = []

    def run_consumer() -> None:
        try:
            results.append(consume(io.BufferedReader(pipe, _CHUNK)))
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            errors.append(error)
        finally:
            pipe.stop_reading()

    worker = threading.Thread(target=run_consumer, name="rehub-unpack", daemon=True)
    worker.start()
    try:
        while pipe.write(source.read(_CHUNK)):
            pass
    except BaseException:
        pipe.fail()
        worker.join()
        raise
    worker.join()
    if errors:
        raise errors[0]
    return results[0]


class _SourceFailed(Exception):
    """The source has failed; never reaches a user."""


class _Pipe(io.RawIOBase):
    """A queue of chunks between two threads; the reading end is a raw stream."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._current = memoryview(b"")
        self._ended = self._failed = self._stopped = False

    def write(self, chunk: bytes) -> bool:  # type: ignore[override]
        """Pass a chunk on; an empty one is the end. Return whether the reader wants more."""
        with self._changed:
            while len(self._chunks) >= _CHUNKS and not self._stopped:
                self._changed.wait()
            if chunk:
                self._chunks.append(chunk)
            else:
                self._ended = True
            self._changed.notify_all()
            return not (self._ended or self._stopped)

    def fail(self) -> None:
        """Make the reading end fail."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def stop_reading(self) -> None:
        """Tell the writing end to stop."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._current:
            self._current = memoryview(self._next_chunk())
        count = min(len(buffer), len(self._current))
        buffer[:count] = self._current[:count]
        self._current = self._current[count:]
        return count

    def _next_chunk(self) -> bytes:
        with self._changed:
            while not (self._chunks or self._ended or self._failed):
                self._changed.wait()
            if self._failed:
                raise _SourceFailed
            if not self._chunks:
                return b""
            self._changed.notify_all()
            return self._chunks.popleft()
