"""The list of what a cached model consists of, by which later damage is noticed."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterator, NoReturn

from rehub.cache.regular_files import Listing, list_directory, open_regular, read_regular
from rehub.errors import UnsafeArchive
from rehub.escaping import escape
from rehub.strict_parsing import Malformed, get_field, parse_json

if TYPE_CHECKING:
    from pathlib import Path

# Of a model with 100,000 files, the most that an archive may have.
_LONGEST = 64 << 20
_SHA256 = re.compile("[0-9a-f]{64}")

# A later format may add keys; the names and sizes of the files stay where they are, so that this code reads it too.
FORMAT = 1


class UnreadableManifest(Exception):
    """The file is no manifest; it never reaches a user."""


@dataclass(frozen=True)
class FileRecord:
    """One file of a model: its name below the model's directory, with `/`, its size in bytes and its sha256 in hex."""

    name: str
    size: int
    sha256: str

    def damage(self, size: int | None, sha256: Callable[[], str] | None = None) -> str | None:
        """What is wrong with the file that has this name, in words; None when nothing is.

        Args:
            size: the file's; None for one that is not there.
            sha256: reads the file; unset, it is not read.
        """
        name = escape(self.name)
        if size is None:
            return f"{name} is missing"
        if size != self.size:
            return f"{name} has {size} bytes and must have {self.size}"
        if sha256 is not None and sha256() != self.sha256:
            return f"{name} has other content than was downloaded: its sha256 is not {self.sha256}"
        return None


@dataclass(frozen=True)
class Manifest:
    """What was put into an entry.

    Attributes:
        handle: the entry's key, without its secrets.
        url: where the bytes came from in the end, after all redirects; a path for a local archive.
        time: when, in UTC, as ISO 8601.
        files: every file.
    """

    handle: str
    url: str
    time: str
    files: tuple[FileRecord, ...]

    def damage(self, directory: Path) -> str | None:
        """The first file that is missing from `directory` or has another size, in words; None when all are there."""
        return next(self.damages(directory), None)

    def damages(self, directory: Path, *, digests: bool = False) -> Iterator[str]:
        """Each file that is missing from `directory` or has another size, in words.

        Args:
            directory: the model.
            digests: reads every file and compares its sha256, too.

        Raises:
            IrregularFile: it is not a directory.
            OSError: it cannot be read.
        """
        yield from self.damages_in(list_directory(directory), directory if digests else None)

    def damages_in(self, found: Listing, directory: Path | None = None) -> Iterator[str]:
        """As `damages`, of a listing; the files are read if the directory is given.

        A name is only ever looked up among those that were found: no path is made of what a manifest says.
        """
        others = set(found.others)
        for record in self.files:
            size = found.files.get(record.name)
            if size is None:
                yield f"{escape(record.name)} is missing{_reason(record.name, found.files, others)}"
                continue
            sha256 = None if directory is None else functools.partial(_sha256, directory / record.name, record.size)
            damage = record.damage(size, sha256)
            if damage is not None:
                yield damage

    def to_json(self) -> str:
        """The manifest's text on the disk."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def _reason(name: str, files: dict[str, int], others: set[str]) -> str:
    """Why a file is not found, where something stands in its way."""
    if name in others:
        return ": what has its name is a link, or another thing that is not a plain file"
    parts = name.split("/")
    for above in ("/".join(parts[:length]) for length in range(1, min(len(parts), 64))):
        if above in files:
            return ": a file stands where its directory was"
        if above in others:
            return ": its directory is a link, or cannot be read"
    return ""


def read(path: Path) -> Manifest:
    """Reads a manifest back; raises `UnreadableManifest` with the reason when it is none.

    Raises:
        FileNotFoundError: it is not there.
    """
    try:
        content = read_regular(path, _LONGEST)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableManifest(f"{path.name} cannot be read ({error})") from error
    return parse(content, path.name)


def parse(content: bytes, name: str) -> Manifest:
    """Makes a manifest of the content of the file `name`; raises `UnreadableManifest` with the reason."""
    try:
        stored = parse_json(content)
        files = tuple(_record(each) for each in get_field(stored, "files", list))
        if not files:
            _refuse(name, "it lists no file")
        handle, url, time = (get_field(stored, key, str) for key in ("handle", "url", "time"))
    except Malformed as error:
        _refuse(name, str(error))
    return Manifest(handle, url, time, files)


def _refuse(name: str, reason: str) -> NoReturn:
    raise UnreadableManifest(f"{name} is no manifest: {reason}")


def _record(stored: Any) -> FileRecord:
    name, size, sha256 = (
        get_field(stored, "name", str),
        get_field(stored, "size", int),
        get_field(stored, "sha256", str),
    )
    if size < 0 or not _SHA256.fullmatch(sha256):
        raise Malformed("a size is negative, or a sha256 is not one")
    return FileRecord(name, size, sha256)


def records_of(directory: Path) -> tuple[FileRecord, ...]:
    """Reads every file below a directory; for models that came in without being hashed on the way.

    Raises:
        UnsafeArchive: it holds a link, or what else is not a plain file.
    """
    found = list_directory(directory)
    if found.others:
        raise UnsafeArchive(
            f"{escape(found.others[0])!r} is a link, or another thing that is neither a file nor a directory. "
            "A model in the cache holds none."
        )
    return tuple(FileRecord(name, size, _sha256(directory / name, size)) for name, size in sorted(found.files.items()))


def _sha256(path: Path, size: int) -> str:
    """The hash of a file, which is read no further than a byte beyond its size."""
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
