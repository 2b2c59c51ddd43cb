"""The archive of each model, packed once and kept by its sha256: `<root>/sha256/ab/abcd....tar.gz`.

Beside the archives, `<root>/packed/<model>.json` says which archive belongs to which model, and to which state of its
files. All of it can be deleted: the next request packs again, and gets the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from rehub.errors import UnsafeArchive
from rehub.escaping import quote
from rehub.hashing import hash_file
from rehub.server.names import ModelName
from rehub.server.single_flight import SingleFlight
from rehub.server.tree import CARD_FILE, ModelTree, StoredModel
from rehub.staging import staging_path, write_atomically
from rehub.transfer.archives import pack_directory

# A card can be mended after a version was published; the archive of a version never changes.
_NOT_PACKED = (CARD_FILE,)


@dataclass(frozen=True)
class Archive:
    """A packed model.

    Attributes:
        path: the `.tar.gz`.
        sha256: of its bytes, in hex.
        size: in bytes.
    """

    path: Path
    sha256: str
    size: int


class ArchiveStore:
    """Archives below one directory, which this process may write to."""

    def __init__(self, root: Path, tree: ModelTree) -> None:
        self.root = root
        self._tree = tree
        self._packing: SingleFlight[Archive] = SingleFlight()

    async def archive_of(self, model: StoredModel) -> Archive:
        """Return the archive of a model, packed if it is not there yet; requests at the same time wait for one packing.

        Raises:
            UnsafeArchive: a file of the model cannot be packed, or is a link that leaves the tree.
        """
        return await self._packing.run(str(model.directory), self.pack_now, model)

    def pack_now(self, model: StoredModel) -> Archive:
        """Return the archive of a model as `archive_of` does; blocks."""
        state = self._state_of_files(model)
        found = self._lookup_record(model.name, state)
        if found is None:
            found = self.pack(model.directory)
            # Of the files as they were before: those that change meanwhile are packed again.
            self._write_record(model.name, found, state)
        return found

    def lookup(self, model: StoredModel) -> Archive | None:
        """Return the archive of a model if it is packed already."""
        return self._lookup_record(model.name, self._state_of_files(model))

    def pack(self, directory: Path) -> Archive:
        """Pack a model's directory, and keep the archive under its sha256."""
        self.root.mkdir(parents=True, exist_ok=True)
        with staging_path(self.root / ".packing") as staging:
            pack_directory(directory, Path(staging), leave_out=_NOT_PACKED)
            with open(staging, "rb") as file:
                sha256 = hash_file(file).hexdigest()
            target = self.path_of(sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            Path(staging).replace(target)
        return Archive(target, sha256, target.stat().st_size)

    def record(self, model: StoredModel, archive: Archive) -> None:
        """Remember that this is the archive of a model."""
        self._write_record(model.name, archive, self._state_of_files(model))

    def path_of(self, sha256: str) -> Path:
        """Return where the archive with this sha256 is, whether it exists or not."""
        return self.root / "sha256" / sha256[:2] / f"{sha256}.tar.gz"

    def _write_record(self, name: ModelName, archive: Archive, state: str) -> None:
        record = self._record_path(name)
        record.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(record) as path:
            path.write_text(json.dumps({"sha256": archive.sha256, "state": state}), encoding="utf-8")

    def _lookup_record(self, name: ModelName, state: str) -> Archive | None:
        try:
            record = json.loads(self._record_path(name).read_bytes())
            sha256 = str(record["sha256"])
            if record["state"] != state or len(sha256) != 64 or not sha256.isalnum():
                return None
            path = self.path_of(sha256)
            return Archive(path, sha256, path.stat().st_size)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _record_path(self, name: ModelName) -> Path:
        return self.root / "packed" / f"{name}.json"

    def _state_of_files(self, model: StoredModel) -> str:
        """A digest of the names, sizes and times of the model's files, by which a change on disk is noticed."""
        digest = hashlib.sha256()
        for directory, directories, files in os.walk(str(model.directory), followlinks=True):
            directories.sort()
            for name in sorted([*files, *directories]):
                path = Path(directory, name)
                if path == model.directory / CARD_FILE:
                    continue
                if path.is_symlink() and not self._tree.holds(path):
                    raise UnsafeArchive(f"{quote(path)} is a link that leaves {quote(self._tree.root)}: not served.")
                found = path.stat()
                size = 0 if name in directories else found.st_size
                time = 0 if name in directories else found.st_mtime_ns
                digest.update(json.dumps([os.path.relpath(str(path), str(model.directory)), size, time]).encode())
        return digest.hexdigest()
