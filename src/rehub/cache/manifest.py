"""The list of what a cached model consists of, by which later damage is noticed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Iterator

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
                yield f"{record.name} is missing"
            except NotADirectoryError:
                yield f"{record.name} is missing: a file stands where its directory was"
            else:
                if size != record.size:
                    yield f"{record.name} has {size} bytes and must have {record.size}"
                elif digests and _sha256(path) != record.sha256:
                    yield f"{record.name} has other content than was downloaded: its sha256 is not {record.sha256}"

    def to_json(self) -> str:
        """The manifest's text on the disk."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def read(path: Path) -> Manifest:
    """Reads a manifest back; raises `UnreadableManifest` with the reason when it is none."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(FileRecord(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in stored["files"])
        return Manifest(str(stored["handle"]), str(stored["url"]), str(stored["time"]), files)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableManifest(f"{path.name} is no manifest ({type(error).__name__}: {error})") from error


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
