"""The list of a cached model's files, by which later damage is noticed."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, NoReturn

from rehub.cache.regular_files import Listing, list_directory, open_regular, read_regular
from rehub.errors import UnsafeArchive
from rehub.escaping import escape
from rehub.strict_parsing import Malformed, get_field, parse_json

# Enough for a model with 100,000 files, the maximum of an archive.
_MAX_BYTES = 64 << 20
_SHA256 = re.compile("[0-9a-f]{64}")

# A later format may add keys, but keeps the names and sizes of the files, so that this code can read it.
FORMAT = 1


class UnreadableManifest(Exception):
    """The file is not a valid manifest; never reaches a user."""


@dataclass(frozen=True)
class FileRecord:
    """One file of a model: its name relative to the model's directory, with `/`, its size in bytes and its sha256."""

    name: str
    size: int
    sha256: str

    def find_problem(self, size: int | None, sha256: Callable[[], str] | None = None) -> str | None:
        """Return how the file of this name differs from the record, in words; None if it does not.

        Args:
            size: that of the file; None if it is missing.
            sha256: returns that of the file; None compares sizes only.
        """
        name = escape(self.name)
        if size is None:
            return f"{name} is missing"
        if size != self.size:
            return f"{name} has {size} bytes instead of {self.size}"
        if sha256 is not None and sha256() != self.sha256:
            return f"{name} was modified after the download: its sha256 is not {self.sha256}"
        return None


@dataclass(frozen=True)
class Manifest:
    """The files of an entry and their origin.

    Attributes:
        handle: the entry's key, without its secrets.
        url: the address that the model came from, after redirects; a path for a local archive.
        time: when it was stored, in UTC, as ISO 8601.
        files: every file.
    """

    handle: str
    url: str
    time: str
    files: tuple[FileRecord, ...]

    def find_problems(self, found: Listing, directory: Path | None = None) -> Iterator[str]:
        """Yield each missing or modified file, in words.

        A name is only looked up in the listing: no path is made of what a manifest says.

        Args:
            found: the files of the model's directory.
            directory: the model's directory, to compare the contents too; None compares sizes only.
        """
        others = set(found.others)
        for record in self.files:
            size = found.files.get(record.name)
            if size is None:
                yield f"{escape(record.name)} is missing{_explain_missing(record.name, found.files, others)}"
                continue
            sha256 = None if directory is None else functools.partial(_hash_file, directory / record.name, record.size)
            problem = record.find_problem(size, sha256)
            if problem is not None:
                yield problem

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def _explain_missing(name: str, files: dict[str, int], others: set[str]) -> str:
    """Return why a file is not found, if something else has its name or that of its directory."""
    if name in others:
        return ": its name belongs to a link, or to something else that is not a regular file"
    parts = name.split("/")
    for parent in ("/".join(parts[:length]) for length in range(1, min(len(parts), 64))):
        if parent in files:
            return ": its directory is now a file"
        if parent in others:
            return ": its directory is a link, or cannot be read"
    return ""


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        FileNotFoundError: it does not exist.
        UnreadableManifest: it cannot be read or parsed.
    """
    try:
        content = read_regular(path, _MAX_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableManifest(f"{path.name} cannot be read ({error})") from error
    return parse_manifest(content, path.name)


def parse_manifest(content: bytes, name: str) -> Manifest:
    """Parse the content of the file `name`; raise `UnreadableManifest` if it is not a manifest."""
    try:
        stored = parse_json(content)
        files = tuple(_parse_record(each) for each in get_field(stored, "files", list))
        if not files:
            _raise_unreadable(name, "it lists no file")
        handle, url, time = (get_field(stored, key, str) for key in ("handle", "url", "time"))
    except Malformed as error:
        _raise_unreadable(name, str(error))
    return Manifest(handle, url, time, files)


def _raise_unreadable(name: str, reason: str) -> NoReturn:
    raise UnreadableManifest(f"{name} is not a manifest: {reason}")


def _parse_record(stored: Any) -> FileRecord:
    name, sha256 = (get_field(stored, key, str) for key in ("name", "sha256"))
    size = get_field(stored, "size", int)
    if size < 0 or not _SHA256.fullmatch(sha256):
        raise Malformed("a size is negative, or a sha256 is malformed")
    return FileRecord(name, size, sha256)


def hash_files(directory: Path) -> tuple[FileRecord, ...]:
    """Read every file below a directory and return their records.

    Raises:
        UnsafeArchive: it holds a link, or something else that is not a regular file.
    """
    found = list_directory(directory)
    if found.others:
        raise UnsafeArchive(
            f"{escape(found.others[0])!r} is a link, or something else that is neither a file nor a directory, "
            "which a model in the cache must not hold."
        )
    return tuple(
        FileRecord(name, size, _hash_file(directory / name, size)) for name, size in sorted(found.files.items())
    )


def _hash_file(path: Path, size: int) -> str:
    """Return the sha256 of a file, of which at most `size + 1` bytes are read."""
    digest = hashlib.sha256()
    with os.fdopen(open_regular(path), "rb") as file:
        left = size + 1
        while left:
            chunk = file.read(min(left, 1 << 20))
            if not chunk:
                break
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()
