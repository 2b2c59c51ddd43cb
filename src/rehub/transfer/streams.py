"""Streams of bytes: the protocol, and a raw stream made of a function."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from typing import Protocol
else:  # Python 3.7 has none.
    Protocol = object


class Readable(Protocol):
    """A stream of bytes, read as a file is."""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and none at the end."""


class RawStream(io.RawIOBase):
    """A raw stream of the bytes that a function returns."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """Take a function that returns at most the given number of bytes, and none at the end."""
        self._read_bytes = read

    def readable(self) -> bool:  # noqa: D102
        return True

    def read(self, size: int = -1) -> bytes:  # noqa: D102
        return self._read_bytes(size)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # noqa: D102
        chunk = self._read_bytes(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
