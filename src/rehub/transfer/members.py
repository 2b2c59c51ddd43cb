"""The rules for what an archive may hold, whatever its kind, and the writing of its members."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator

from rehub import config
from rehub.cache import FileRecord
from rehub.errors import CorruptArchive, UnsafeArchive
from rehub.transfer import disk_space
from rehub.transfer.sizes import readable

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 18

# Of such a file it is worth to know before whether there is room, and to begin with the disk before its end.
_LARGE = 16 << 20


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to. Far above any model, far below what fills a disk or a directory for harm.

    Attributes:
        members: files and directories.
        bytes: of all files together, and of what an archive decompresses to.
        ratio: what is unpacked, to what has come. Counted beyond `ratio_from` bytes, as a small model may be all zeros.
        ratio_from: see there.
        depth: directories above a file.
        name: bytes of one part of a member's name; file systems take no more.
        header: bytes of one extended header of a tar archive, which is held in memory.
    """

    members: int = 100_000
    bytes: int = 10**12
    ratio: int = 200
    ratio_from: int = 1 << 30
    depth: int = 32
    name: int = 255
    header: int = 1 << 20


def limits_of_settings() -> Limits:
    """The limits that hold where a caller gives none: `config.max_size` says how many bytes."""
    return Limits(bytes=config.max_size())


class Members:
    """Takes the members of one archive one by one: checks each against the rules and those before it, and writes it."""

    def __init__(self, into: Path, source: str, limits: Limits) -> None:
        """Prepares for one archive.

        Args:
            into: an empty directory.
            source: the archive's name in messages.
            limits: how much it may hold.
        """
        self._into = into
        self._source = source
        self._limits = limits
        self._count = 0
        self._bytes = 0
        # Each path so far, as file systems that ignore case and Unicode form see it -> (its spelling, is a directory).
        self._seen: dict[str, tuple[str, bool | None]] = {}
        self._records: dict[str, FileRecord] = {}

    @property
    def records(self) -> list[FileRecord]:
        """The files so far, in their order."""
        return list(self._records.values())

    def add_directory(self, name: str) -> None:
        """Makes a directory of the archive."""
        parts = self._checked_parts(name)
        if parts:
            self._claim(name, parts, is_directory=True)
            self._into.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def add_file(self, name: str, size: int, content: IO[bytes]) -> None:
        """Writes a file of the archive, which must give exactly `size` bytes.

        It may come again with the same content, as it does where a program adds a directory and then all that is in it.
        """
        parts = self._checked_parts(name)
        if not parts or name.endswith("/"):
            raise self.unsafe(name, "is a file without a name")
        self._claim(name, parts, is_directory=False)
        self._bytes += size
        if self._bytes > self._limits.bytes:
            raise self.unsafe(name, f"takes the archive beyond {readable(self._limits.bytes)} (REHUB_MAX_SIZE)")
        earlier = self._records.get("/".join(parts))
        if earlier is not None:
            self._require_same(earlier, name, size, content)
            return
        path = self._into.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        what = f"{name!r} of {self._source}"
        if size > _LARGE:
            disk_space.require(size, self._into, what)
        with disk_space.told(self._into, what, size), path.open("xb") as file:
            digest = self._write(name, size, content, file)
        record = FileRecord("/".join(parts), size, digest)
        self._records[record.name] = record

    def _write(self, name: str, size: int, content: IO[bytes], file: IO[bytes]) -> str:
        """Copies so many bytes in one pass; returns their sha256."""
        digest = hashlib.sha256()
        written = stored = 0
        for chunk in self._chunks(name, size, content):
            digest.update(chunk)
            file.write(chunk)
            written += len(chunk)
            if written - stored >= _LARGE:
                _begin_to_store(file, stored, written)
                stored = written
        return digest.hexdigest()

    def _require_same(self, earlier: FileRecord, name: str, size: int, content: IO[bytes]) -> None:
        digest = hashlib.sha256()
        for chunk in self._chunks(name, size, content):
            digest.update(chunk)
        if (earlier.size, earlier.sha256) != (size, digest.hexdigest()):
            raise self.unsafe(name, "is there twice, with different content")

    def _chunks(self, name: str, size: int, content: IO[bytes]) -> Iterator[bytes]:
        given = 0
        while given < size:
            chunk = content.read(min(_CHUNK, size - given))
            if not chunk:
                raise CorruptArchive(f"{self._source} ends within {name!r}: {given} of its {size} bytes are there.")
            yield chunk
            given += len(chunk)

    def unsafe(self, name: str, rule: str) -> UnsafeArchive:
        """The error for a member that breaks a rule."""
        return UnsafeArchive(
            f"{self._source} is refused, and nothing of it was kept: its member {name!r} {rule}. "
            "A model's archive holds plain files and directories. If you trust it, unpack it and give its directory."
        )

    def _checked_parts(self, name: str) -> list[str]:
        """The parts of a member's name; empty for the root, `./`."""
        self._count += 1
        if self._count > self._limits.members:
            raise self.unsafe(name, f"is one too many: the limit is {self._limits.members} members")
        if name.startswith("/") or re.match(r"[A-Za-z]:", name):
            raise self.unsafe(name, "has an absolute name")
        if "\\" in name or "\0" in name:
            raise self.unsafe(name, "has a backslash or a zero byte in its name")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self.unsafe(name, "leaves the archive's root by '..'")
        if len(parts) - 1 > self._limits.depth:
            raise self.unsafe(name, f"lies deeper than {self._limits.depth} directories")
        if any(len(part.encode("utf-8", "surrogateescape")) > self._limits.name for part in parts):
            raise self.unsafe(name, f"has a name of more than {self._limits.name} bytes")
        return parts

    def _claim(self, name: str, parts: list[str], *, is_directory: bool) -> None:
        """Notes a member and the directories above it; no two may land on one another, on any file system.

        A file that comes again is left to `_require_same`.
        """
        for end in range(1, len(parts) + 1):
            path = "/".join(parts[:end])
            wants_directory = is_directory or end < len(parts)
            spelling, was_directory = self._seen.setdefault(_folded(path), (path, None))
            if spelling != path:
                raise self.unsafe(name, f"differs from {spelling!r} only by case or Unicode form")
            if was_directory is None:
                self._seen[_folded(path)] = (path, wants_directory)
            elif was_directory != wants_directory:
                above = end < len(parts)
                raise self.unsafe(
                    name, f"lies under {path!r}, which is a file" if above else "is there as a file and as a directory"
                )


def _begin_to_store(file: IO[bytes], start: int, end: int) -> None:
    """Lets the disk work while more is to come, so that the wait for it at the end (`cache` syncs) is short.

    On Linux this advice starts to write the bytes out, and keeps those in memory that are not on the disk yet.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
