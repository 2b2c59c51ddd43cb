"""The rules for what an archive may hold, whatever its kind, and the writing of its members."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator

from rehub import config
from rehub.cache import FileRecord
from rehub.errors import CorruptArchive, UnsafeArchive
from rehub.escaping import quote
from rehub.formatting import format_size
from rehub.transfer import disk_space

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 18

# Of such a file it is worth to know before whether there is room, and to begin with the disk before its end.
_LARGE = 16 << 20

# What a system says of a name that its file system does not take.
_IMPOSSIBLE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to. Far above any model, far below what fills a disk or a directory for harm.

    Attributes:
        members: files and directories.
        directories: those that members are for, and those above others.
        bytes: of all files together, and of what an archive decompresses to.
        ratio: what is unpacked, to what has come. Counted beyond `ratio_from` bytes, as a small model may be all zeros.
        ratio_from: see there.
        depth: directories above a file.
        name: bytes of one part of a member's name; file systems take no more.
        path: characters of a member's whole name.
        paths: characters of all names together, directories included, which are held in memory.
        header: bytes of one extended header of a tar archive, which is held in memory.
        headers: bytes of all extended headers of a tar archive, or of the directory of a zip archive.
        records: what all extended headers say, line by line.
    """

    members: int = 100_000
    directories: int = 10_000
    bytes: int = 10**12
    ratio: int = 200
    ratio_from: int = 1 << 30
    depth: int = 32
    name: int = 255
    path: int = 2048
    paths: int = 64 << 20
    header: int = 1 << 20
    headers: int = 64 << 20
    records: int = 1_000_000


def limits_of_settings() -> Limits:
    """The limits that hold where a caller gives none: `config.MAX_SIZE` says how many bytes."""
    return Limits(bytes=config.MAX_SIZE.get())


class Members:
    """Takes the members of one archive one by one: checks each against the rules and those before it, and writes it."""

    def __init__(self, into: Path, source: str, limits: Limits) -> None:
        """Prepares for one archive.

        Args:
            into: an empty directory.
            source: the archive's name in messages.
            limits: how much it may hold.
        """
        self.limits = limits
        self._into = into
        self._source = source
        self._count = 0
        self._characters = 0
        self._bytes = 0
        # Each path so far, as file systems that ignore case and Unicode form see it -> (its spelling, is a directory).
        self._seen: dict[str, tuple[str, bool | None]] = {}
        self._directories: set[str] = set()
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
            with self._writing(name, 0):
                os.makedirs(str(self._into.joinpath(*parts)), exist_ok=True)

    def add_file(self, name: str, size: int, content: IO[bytes]) -> None:
        """Writes a file of the archive, which must give exactly `size` bytes.

        It may come again with the same content, as it does where a program adds a directory and then all that is in it.
        """
        parts = self._checked_parts(name)
        if not parts or name.endswith("/"):
            raise self.unsafe(name, "is a file without a name")
        self._claim(name, parts, is_directory=False)
        self._bytes += size
        if self._bytes > self.limits.bytes:
            raise self.unsafe(name, f"takes the archive beyond {format_size(self.limits.bytes)} (REHUB_MAX_SIZE)")
        earlier = self._records.get("/".join(parts))
        if earlier is not None:
            self._require_same(earlier, name, size, content)
            return
        path = self._into.joinpath(*parts)
        if size > _LARGE:
            disk_space.require(size, self._into, self._what(name))
        with self._writing(name, size):
            os.makedirs(str(path.parent), exist_ok=True)
            with path.open("xb") as file:
                digest = self._write(name, size, content, file)
        record = FileRecord("/".join(parts), size, digest)
        self._records[record.name] = record

    @contextlib.contextmanager
    def _writing(self, name: str, size: int) -> Iterator[None]:
        """Makes rehub's errors of what the disk says while a member is written."""
        try:
            with disk_space.told(self._into, self._what(name), size):
                yield
        except OSError as error:
            if error.errno not in _IMPOSSIBLE_NAME:
                raise
            raise self.unsafe(name, f"has a name that the file system does not take ({error.strerror})") from error

    def _what(self, name: str) -> str:
        return f"{quote(name)} of {self._source}"

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
                raise CorruptArchive(
                    f"{self._source} ends within {quote(name)}: {given} of its {size} bytes are there."
                )
            yield chunk
            given += len(chunk)

    def unsafe(self, name: str, rule: str) -> UnsafeArchive:
        """The error for a member that breaks a rule."""
        return UnsafeArchive(
            f"{self._source} is refused, and nothing of it was kept: its member {quote(name)} {rule}. "
            "A model's archive holds plain files and directories. If you trust it, unpack it and give its directory."
        )

    def _checked_parts(self, name: str) -> list[str]:
        """The parts of a member's name; empty for the root, `./`."""
        self._count += 1
        if self._count > self.limits.members:
            raise self.unsafe(name, f"is one too many: the limit is {self.limits.members} members")
        if name.startswith("/") or re.match(r"[A-Za-z]:", name):
            raise self.unsafe(name, "has an absolute name")
        if "\\" in name or "\0" in name:
            raise self.unsafe(name, "has a backslash or a zero byte in its name")
        if len(name) > self.limits.path:
            raise self.unsafe(name, f"has a name of more than {self.limits.path} characters")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self.unsafe(name, "leaves the archive's root by '..'")
        if len(parts) - 1 > self.limits.depth:
            raise self.unsafe(name, f"lies deeper than {self.limits.depth} directories")
        if any(len(part.encode("utf-8", "surrogateescape")) > self.limits.name for part in parts):
            raise self.unsafe(name, f"has a name of more than {self.limits.name} bytes")
        return parts

    def _claim(self, name: str, parts: list[str], *, is_directory: bool) -> None:
        """Notes a member and the directories above it; no two may land on one another, on any file system.

        A file that comes again is left to `_require_same`.
        """
        is_known = "/".join(parts[:-1]) in self._directories
        for end in range(len(parts) if is_known else 1, len(parts) + 1):
            path = "/".join(parts[:end])
            wants_directory = is_directory or end < len(parts)
            folded = _folded(path)
            spelling, was_directory = self._seen.get(folded, (path, None))
            if spelling != path:
                raise self.unsafe(name, f"differs from {quote(spelling)} only by case or Unicode form")
            if was_directory is None:
                if wants_directory:
                    self._directories.add(path)
                self._count_path(name, path)
                self._seen[folded] = (path, wants_directory)
            elif was_directory != wants_directory:
                above = end < len(parts)
                raise self.unsafe(
                    name,
                    f"lies under {quote(path)}, which is a file" if above else "is there as a file and as a directory",
                )

    def _count_path(self, name: str, path: str) -> None:
        """Counts a path before it is made."""
        self._characters += len(path)
        if len(self._directories) > self.limits.directories:
            raise self.unsafe(name, f"is one too many: the limit is {self.limits.directories} directories")
        if self._characters > self.limits.paths:
            raise self.unsafe(name, f"is one too many: the names take more than {format_size(self.limits.paths)}")


def _begin_to_store(file: IO[bytes], start: int, end: int) -> None:
    """Lets the disk work while more is to come, so that the wait for it at the end (`cache` syncs) is short.

    On Linux this advice starts to write the bytes out, and keeps those in memory that are not on the disk yet.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
