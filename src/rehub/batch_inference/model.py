"""The model of a run: resolved once by the driver, found again by each worker."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehub.errors import LocationUnreadable, ModelNotFound
from rehub.hashing import hash_file
from rehub.redaction import label_model
from rehub.resolvers import resolve


@dataclass(frozen=True)
class PinnedModel:
    """The files of a model, by which every worker computes the same.

    Attributes:
        handle: what the user typed, without secrets.
        path: its directory on the driver's machine.
        files: triples of relative path, size and sha256.
    """

    handle: str
    path: str
    files: tuple[tuple[str, int, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the model as a JSON value, without its path, which is another one in another cache."""
        return {"handle": self.handle, "files": [list(file) for file in self.files]}

    def find(self) -> str:
        """Return the model's directory on this machine.

        Raises:
            ModelNotFound: it is not there, or the files are not those of the driver.
        """
        if self._has_files(self.path, verify=False):
            return self.path
        try:
            path = str(resolve(self.handle))
        except Exception as error:
            raise ModelNotFound(
                f"{self.handle!r} is not on this machine, and cannot be fetched. The driver has it in {self.path!r}: "
                f"use a directory that all machines share, or a handle that each can fetch. ({error})"
            ) from error
        if self._has_files(path, verify=True):
            return path
        raise ModelNotFound(
            f"{self.handle!r} has other files on this machine, in {path!r}, than on the driver's. "
            "Pin the handle to a version or hash."
        )

    def _has_files(self, directory: str, *, verify: bool) -> bool:
        for name, size, digest in self.files:
            file = Path(directory, name)
            try:
                if file.stat().st_size != size or (verify and hash_path(file) != digest):
                    return False
            except OSError:
                return False
        return True


def pin_model(handle: Any) -> PinnedModel:
    """Resolve a handle, and hash the model's files.

    Raises:
        LocationUnreadable: the model stays in an object store.
        HubError: it cannot be resolved, as for `hub.resolve`.
    """
    path = str(resolve(handle))
    label = label_model(handle, handle)
    if "://" in path:
        raise LocationUnreadable(
            f"{label!r} is read from an object store. Workers load a model from their own disks: "
            "unset TFHUB_MODEL_LOAD_FORMAT, and install the driver of the store (docs/handles.md)."
        )
    path = os.path.abspath(path)
    if "://" not in label:
        label = path
    return PinnedModel(label, path, tuple(_list_files(Path(path))))


def _list_files(directory: Path) -> list[tuple[str, int, str]]:
    found = []
    for folder, folders, names in os.walk(str(directory)):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            found.append((file.relative_to(directory).as_posix(), file.stat().st_size, hash_path(file)))
    return found


def hash_path(path: Path) -> str:
    """Return the sha256 of a file, as hex digits."""
    with path.open("rb") as file:
        return str(hash_file(file).hexdigest())
