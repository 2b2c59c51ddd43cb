"""Check the members of an archive against the rules, and write them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator

from rehub import config
from rehub.cache import FileRecord
from rehub.errors import CorruptArchive, UnsafeArchive
from rehub.escaping import quote
from rehub.formatting import format_size
from rehub.transfer.disk_space import convert_disk_full, require_space

_CHUNK = 1 << 18

# For files of this size, free space is checked first, and writing to the disk starts early.
_LARGE_FILE = 16 << 20

# The errors of systems for a name that the file system does not accept.
_IMPOSSIBLE_NAME_ERRORS = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold: far more than any model, and too little to fill a disk or a directory.

    Attributes:
        members: number of files and directories.
        directories: number of directories, explicit or parents of members.
        bytes: of all files together, and of the decompressed archive.
        ratio: decompressed to compressed bytes, beyond `ratio_from` bytes, as a small model may be all zeros.
        ratio_from: see `ratio`.
        depth: directories above a file.
        name: bytes of one part of a member's name, as in file systems.
        path: characters of a member's whole name.
        paths: characters of all names together, directories included, which are held in memory.
        header: bytes of one extended header of a tar archive, which is held in memory.
        headers: bytes of all extended headers of a tar archive, or of the central directory of a zip archive.
        records: number of records in all extended headers.
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


def default_limits() -> Limits:
    """Return the default limits, with the bytes of `config.MAX_SIZE`."""
    return Limits(bytes=config.MAX_SIZE.get())


class SafeExtractor:
    """Extracts the members of one archive: checks each against the rules and the earlier ones, and writes it."""

    def __init__(self, into: Path, source: str, limits: Limits) -> None:
        """Start to extract into an empty directory; messages call the archive `source`."""
        self.limits = limits
        self._into = into
        self._source = source
        self._count = 0
        self._characters = 0
        self._bytes = 0
        # Each path so far without case and Unicode form, as on some file systems -> (its spelling, is a directory).
        self._seen: dict[str, tuple[str, bool | None]] = {}
        self._directories: set[str] = set()
        self._records: dict[str, FileRecord] = {}

    @property
    def records(self) -> list[FileRecord]:
        """The files so far, in order."""
        return list(self._records.values())

    def make_directory(self, name: str) -> None:
        """Make a directory of the archive."""
        parts = self._split_name(name)
        if parts:
            self._reserve_path(name, parts, is_directory=True)
            with self._convert_errors(name, 0):
                os.makedirs(str(self._into.joinpath(*parts)), exist_ok=True)

    def extract_file(self, name: str, size: int, content: IO[bytes]) -> None:
        """Write a file of the archive, whose content must have exactly `size` bytes.

        The file may be repeated with the same content, as by programs that add a directory and then each file in it.
        """
        parts = self._split_name(name)
        if not parts or name.endswith("/"):
            raise self.unsafe(name, "is a file without a name")
        self._reserve_path(name, parts, is_directory=False)
        self._bytes += size
        if self._bytes > self.limits.bytes:
            raise self.unsafe(name, f"takes the archive beyond {format_size(self.limits.bytes)} (REHUB_MAX_SIZE)")
        earlier = self._records.get("/".join(parts))
        if earlier is not None:
            self._require_same(earlier, name, size, content)
            return
        path = self._into.joinpath(*parts)
        if size > _LARGE_FILE:
            require_space(size, self._into, self._describe_member(name))
        with self._convert_errors(name, size):
            os.makedirs(str(path.parent), exist_ok=True)
            with path.open("xb") as file:
                digest = self._write_content(name, size, content, file)
        record = FileRecord("/".join(parts), size, digest)
        self._records[record.name] = record

    @contextlib.contextmanager
    def _convert_errors(self, name: str, size: int) -> Iterator[None]:
        """Turn errors of the disk while a member is written into those of rehub."""
        try:
            with convert_disk_full(self._into, self._describe_member(name), size):
                yield
        except OSError as error:
            if error.errno not in _IMPOSSIBLE_NAME_ERRORS:
                raise
            raise self.unsafe(name, f"has a name that the file system does not accept ({error.strerror})") from error

    def _describe_member(self, name: str) -> str:
        return f"{quote(name)} of {self._source}"

    def _write_content(self, name: str, size: int, content: IO[bytes], file: IO[bytes]) -> str:
        """Copy `size` bytes in one pass; return their sha256."""
        digest = hashlib.sha256()
        written = flushed = 0
        for chunk in self._iter_chunks(name, size, content):
            digest.update(chunk)
            file.write(chunk)
            written += len(chunk)
            if written - flushed >= _LARGE_FILE:
                _start_writeback(file, flushed, written)
                flushed = written
        return digest.hexdigest()

    def _require_same(self, earlier: FileRecord, name: str, size: int, content: IO[bytes]) -> None:
        digest = hashlib.sha256()
        for chunk in self._iter_chunks(name, size, content):
            digest.update(chunk)
        if (earlier.size, earlier.sha256) != (size, digest.hexdigest()):
            raise self.unsafe(name, "is repeated with different content")

    def _iter_chunks(self, name: str, size: int, content: IO[bytes]) -> Iterator[bytes]:
        received = 0
        while received < size:
            chunk = content.read(min(_CHUNK, size - received))
            if not chunk:
                raise CorruptArchive(f"{self._source} ends within {quote(name)}: it has {received} of {size} bytes.")
            yield chunk
            received += len(chunk)

    def unsafe(self, name: str, rule: str) -> UnsafeArchive:
        """Return the error for a member that breaks a rule."""
        return UnsafeArchive(
            f"{self._source} is refused, and nothing of it was kept: its member {quote(name)} {rule}. "
            "A model's archive holds regular files and directories only. If you trust it, unpack it and give its "
            "directory."
        )

    def _split_name(self, name: str) -> list[str]:
        """Check a member's name and return its parts; none for the root, `./`."""
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
            raise self.unsafe(name, f"is nested more than {self.limits.depth} directories deep")
        if any(len(part.encode("utf-8", "surrogateescape")) > self.limits.name for part in parts):
            raise self.unsafe(name, f"has a name of more than {self.limits.name} bytes")
        return parts

    def _reserve_path(self, name: str, parts: list[str], *, is_directory: bool) -> None:
        """Record the paths of a member and of its parents; no two may collide on any file system.

        A repeated file is checked by `_require_same`.
        """
        is_known = "/".join(parts[:-1]) in self._directories
        for end in range(len(parts) if is_known else 1, len(parts) + 1):
            path = "/".join(parts[:end])
            wants_directory = is_directory or end < len(parts)
            folded = _fold_path(path)
            spelling, was_directory = self._seen.get(folded, (path, None))
            if spelling != path:
                raise self.unsafe(name, f"differs from {quote(spelling)} only by case or Unicode form")
            if was_directory is None:
                if wants_directory:
                    self._directories.add(path)
                self._count_path(name, path)
                self._seen[folded] = (path, wants_directory)
            elif was_directory != wants_directory:
                is_parent = end < len(parts)
                raise self.unsafe(
                    name,
                    f"is below {quote(path)}, which is a file" if is_parent else "is a file and a directory",
                )

    def _count_path(self, name: str, path: str) -> None:
        """Count a path before it is made."""
        self._characters += len(path)
        if len(self._directories) > self.limits.directories:
            raise self.unsafe(name, f"is one too many: the limit is {self.limits.directories} directories")
        if self._characters > self.limits.paths:
            raise self.unsafe(name, f"is one too many: the names take more than {format_size(self.limits.paths)}")


def _start_writeback(file: IO[bytes], start: int, end: int) -> None:
    """Let the disk write while more bytes arrive, so that the final sync is short.

    On Linux this advice starts writing the bytes out, and keeps those in memory that are not on the disk yet.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def _fold_path(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
