"""Publish and withdraw versions of models in a directory. A version is complete or absent, and never changes.

An archive is unpacked in a staging directory under the rules for archives of others, inspected and scanned, synced, and
renamed to its version in one step. The rename fails if the version exists, so of several publishers one wins. A process
that is killed leaves a staging directory, which `remove_stale_staging` deletes, and no part of a version.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterator

from rehub.cache.regular_files import seconds_since
from rehub.errors import HubError, UntrustedModel
from rehub.escaping import quote
from rehub.inspection import inspect
from rehub.scanning import scan
from rehub.server.archives import ArchiveStore
from rehub.server.names import ModelName, is_version
from rehub.server.tree import ModelTree, StoredModel, is_model, read_tombstone, tombstone_path
from rehub.staging import fsync_path, fsync_tree, rename_if_absent, write_atomically
from rehub.transfer.archives import unpack_archive

_SECONDS_UNTIL_STALE = 24 * 3600
# The last is read by TensorFlow Serving, and by nothing that could scan it.
_MODEL_FILES_OF_TENSORFLOW = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


class VersionTaken(HubError, FileExistsError):
    """The version exists with another content."""


class VersionWithdrawn(HubError, ValueError):
    """The version was withdrawn; its number is not used again."""


class ModelRefused(HubError, ValueError):
    """The archive holds no model that can be read."""


@dataclass(frozen=True)
class Publication:
    """What `publish` did.

    Attributes:
        name: with the version.
        sha256: of the archive that the server gives.
        is_new: False if the same content was published before.
    """

    name: ModelName
    sha256: str
    is_new: bool


class HubDirectory:
    """A directory that models are served from and published into.

    Attributes:
        root: has `models/`, `blobs/` and `staging/`; or holds the models itself, and nothing can be published then.
        tree: the models.
        archives: their archives.
    """

    def __init__(self, root: Path, archives: Path | None = None) -> None:
        """Open a directory.

        Args:
            root: the directory.
            archives: where to keep archives; by default `blobs/` in a directory that has `models/`.
        """
        self.root = root
        self.is_managed = (root / "models").is_dir()
        self.tree = ModelTree(root / "models" if self.is_managed else root)
        self.archives = ArchiveStore(archives if archives is not None else root / "blobs", self.tree)

    @classmethod
    def create(cls, root: Path) -> HubDirectory:
        """Open a directory to publish into; make `models/` in it if it is empty or new.

        Raises:
            HubError: it holds something else.
        """
        if root.is_dir() and not (root / "models").is_dir() and any(root.iterdir()):
            raise HubError(
                f"{quote(root)} is not a directory to publish into: it holds files, and no directory models/. Name a "
                "new or empty directory, or one that has models/."
            )
        (root / "models").mkdir(parents=True, exist_ok=True)
        return cls(root)

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Give an empty directory on the same file system, deleted afterwards."""
        path = self.root / "staging" / uuid.uuid4().hex
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(str(path), ignore_errors=True)

    def remove_stale_staging(self) -> None:
        """Delete what publishers that were killed left behind, after a day."""
        staging = self.root / "staging"
        if not staging.is_dir():
            return
        for path in staging.iterdir():
            if seconds_since(path.stat().st_mtime) > _SECONDS_UNTIL_STALE:
                shutil.rmtree(str(path), ignore_errors=True)

    def publish(self, name: ModelName, archive: Path, staging: Path, *, scan_policy: str = "refuse") -> Publication:
        """Publish an archive as a version.

        Args:
            name: with a version, or without one for the highest version plus one.
            archive: the model's archive.
            staging: a directory that `staging()` gave.
            scan_policy: "refuse" models in which `hub.scan` finds dangers, or "record" what it finds.

        Raises:
            VersionTaken: the version has another content.
            VersionWithdrawn: the version was there once.
            UntrustedModel: the scan found a danger.
            ModelRefused: the archive holds no model that can be read.
            HubError: it is not an archive, or holds what it must not.
        """
        if name.version is not None:
            self._refuse_withdrawn(name)
        model = staging / "model"
        model.mkdir()
        unpack_archive(archive, model, name=str(name))
        try:
            _check_model(model, str(name), scan_policy)
        except UntrustedModel:
            raise
        except HubError as error:
            # The publisher may not know where the service keeps its models.
            raise ModelRefused(str(error).replace(str(model), str(name))) from error
        # One model has one archive: the bytes that `rehub export` makes, also if the publisher used another program.
        kept = self.archives.pack(model)
        fsync_tree(model)
        place = self.tree.place_of(name)
        place.mkdir(parents=True, exist_ok=True)
        while True:
            target = name if name.version is not None else name.with_version(self._next_version(name))
            directory = place / str(target.version)
            if rename_if_absent(model, directory):
                break
            existing = self.tree.find(target)
            if name.version is not None:
                if existing is not None and self.archives.pack_now(existing).sha256 == kept.sha256:
                    return Publication(target, kept.sha256, is_new=False)
                raise VersionTaken(
                    f"{target} is published already, with another content. A version never changes: publish this as "
                    f"{name.path}/{self._next_version(name)}, or without a version."
                )
        fsync_path(place)
        # Withdrawn between the check above and the rename: the tombstone is written before the directory goes.
        if read_tombstone(tombstone_path(place, int(directory.name))) is not None:
            self._delete_version(directory)
            self._refuse_withdrawn(target)
        self.archives.record(StoredModel(target, directory), kept)
        return Publication(target, kept.sha256, is_new=True)

    def unpublish(self, name: ModelName, reason: str) -> None:
        """Withdraw a version: a tombstone with the reason takes its place for good.

        Raises:
            HubError: there is no such version, or the name has none.
        """
        if name.version is None:
            raise HubError(f"{name}: name the version to withdraw, such as {name.path}/1.")
        directory = self.tree.place_of(name) / str(name.version)
        tombstone = tombstone_path(directory.parent, name.version)
        if self.tree.find(name) is None and not tombstone.exists():
            raise HubError(f"There is no {name} to withdraw.")
        if not tombstone.exists():
            date = datetime.now(timezone.utc).isoformat(timespec="seconds")
            with write_atomically(tombstone) as path:
                path.write_text(json.dumps({"reason": reason, "date": date}), encoding="utf-8")
            fsync_path(tombstone.parent)
        if directory.is_dir():
            self._delete_version(directory)

    def _delete_version(self, directory: Path) -> None:
        with self.staging() as staging, contextlib.suppress(FileNotFoundError):
            directory.rename(staging / "withdrawn")
            fsync_path(directory.parent)

    def _next_version(self, name: ModelName) -> int:
        place = self.tree.place_of(name)
        used = [0]
        for path in place.iterdir() if place.is_dir() else ():
            number = path.name.partition(".")[0]
            if number.isascii() and number.isdigit():
                used.append(int(number))
        if not is_version(str(max(used) + 1)):
            raise HubError(f"{name.path} has no version number left: {max(used)} is the largest.")
        return max(used) + 1

    def _refuse_withdrawn(self, name: ModelName) -> None:
        found = self.tree.tombstone(name)
        if found is not None:
            raise VersionWithdrawn(
                f"{name} was withdrawn{f' ({found.reason})' if found.reason else ''}, and the number of a withdrawn "
                f"version is not used again. Publish as {name.path}/{self._next_version(name)}, or without a version."
            )


def _check_model(model: Path, label: str, scan_policy: str) -> None:
    """Refuse what is not a model, or a dangerous one."""
    if not any((model / name).is_file() for name in _MODEL_FILES_OF_TENSORFLOW) and is_model(model):
        return  # TensorFlow.js or TFLite: no graph that could be inspected.
    inspect(str(model))
    if scan_policy == "refuse":
        report = scan(str(model))
        if not report.is_clean:
            found = "; ".join(dict.fromkeys(f"{each.op or each.what}: {each.reason}" for each in report.dangers[:5]))
            raise UntrustedModel(
                f"{label} is not published: {found} This service refuses models with such findings; `rehub scan` shows "
                "them all."
            )
