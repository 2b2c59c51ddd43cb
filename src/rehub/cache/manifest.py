"""The list of what a cached model consists of, by which later damage is noticed."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Callable, Iterator

if TYPE_CHECKING:
    from pathlib import Path

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
        if size is None:
            return f"{self.name} is missing"
        if size != self.size:
            return f"{self.name} has {size} bytes and must have {self.size}"
        if sha256 is not None and sha256() != self.sha256:
            return f"{self.name} has other content than was downloaded: its sha256 is not {self.sha256}"
        return None


@dataclass(frozen=True)
class Manifest:
    """What was put into an entry.

    Attributes:
        handle: the entry's key.
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
        """
        for record in self.files:
            path = directory / record.name
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                damage = record.damage(None)
            except NotADirectoryError:
                damage = f"{record.name} is missing: a file stands where its directory was"
            else:
                damage = record.damage(size, functools.partial(_sha256, path) if digests else None)
            if damage is not None:
                yield damage

    def to_json(self) -> str:
        """The manifest's text on the disk."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def read(path: Path) -> Manifest:
    """Reads a manifest back; raises `UnreadableManifest` with the reason when it is none."""
    return parse(path.read_bytes(), path.name)


def parse(content: bytes, name: str) -> Manifest:
    """Makes a manifest of the content of the file `name`; raises `UnreadableManifest` with the reason."""
    try:
        stored = json.loads(content.decode("utf-8"))
        files = tuple(FileRecord(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in stored["files"])
        return Manifest(str(stored["handle"]), str(stored["url"]), str(stored["time"]), files)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableManifest(f"{name} is no manifest ({type(error).__name__}: {error})") from error


def records_of(directory: Path) -> tuple[FileRecord, ...]:
    """Reads every file below a directory; for models that came in without being hashed on the way."""
    return tuple(
        FileRecord(path.relative_to(directory).as_posix(), path.stat().st_size, _sha256(path))
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()
