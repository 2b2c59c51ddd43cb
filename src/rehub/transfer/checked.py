"""Unpacks an archive that is read from somewhere else than a server, and must have a hash."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from rehub.transfer.archives import unpack_archive
from rehub.transfer.integrity import Check, of_user

if TYPE_CHECKING:
    from rehub.cache import FileRecord

_CHUNK = 1 << 20


def unpack_verified(
    source: Path | IO[bytes], into: Path, *, name: str, sha256: str | None = None
) -> tuple[FileRecord, ...]:
    """Unpacks a model's archive as `unpack` does, and compares the archive with its hash.

    Args:
        source: a file, or a stream.
        into: an empty directory. It is to be deleted on any error.
        name: what messages call the archive.
        sha256: what the archive must hash to, in hex; None takes any.

    Raises:
        HashMismatch: it is another archive.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return unpack_verified(file, into, name=name, sha256=sha256)
    check = Check(of_user(sha256), name)
    hashed = cast("IO[bytes]", io.BufferedReader(_Hashed(source, check), _CHUNK))
    records = unpack_archive(hashed, into, name=name)
    while hashed.read(_CHUNK):  # What lies behind the archive counts too.
        pass
    check.finish()
    return records


class _Hashed(io.RawIOBase):
    """A stream that shows what is read to a check."""

    def __init__(self, stream: IO[bytes], check: Check) -> None:
        self._stream = stream
        self._check = check

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        self._check.update(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)
