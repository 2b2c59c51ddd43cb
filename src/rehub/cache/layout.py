"""The file names of an entry in a cache directory, and whether the entry is complete."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Collection

from rehub.cache.manifest import UnreadableManifest, read_manifest
from rehub.cache.regular_files import IrregularFile, Listing, list_directory

# Every SavedModel has one of them.
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")

_SHARD = re.compile(r"variables/variables\.data-\d{5}-of-(\d{5})")


def entry_name(key: str) -> str:
    """Return the name of a model's directory: that of `tensorflow_hub`, see its resolver.py."""
    return hashlib.sha1(key.encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - a name, not a secret


def is_entry_name(text: str) -> bool:
    """Return whether a text may be the name of a model's directory."""
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None


@dataclass(frozen=True)
class EntryPaths:
    """The paths of one entry.

    Attributes:
        root: the cache's directory.
        name: the model's directory in it.
    """

    root: Path
    name: str

    @classmethod
    def for_key(cls, root: Path, key: str) -> EntryPaths:
        """Return the paths of the model with this key."""
        return cls(root, entry_name(key))

    @property
    def directory(self) -> Path:
        """The model."""
        return self.root / self.name

    @property
    def manifest(self) -> Path:
        """The list of its files; `tensorflow_hub` writes none."""
        return self.root / f"{self.name}.manifest.json"

    @property
    def descriptor(self) -> Path:
        """A few lines for people who look into the cache."""
        return self.root / f"{self.name}.descriptor.txt"

    @property
    def lock(self) -> Path:
        """The lock of a fetch. That of `tensorflow_hub`, `<name>.lock`, outlives its process."""
        return self.root / f"{self.name}.rehub.lock"

    def exists(self) -> bool:
        """Return whether there is an entry, complete or not."""
        return os.path.lexists(str(self.directory))

    def is_complete(self) -> bool:
        """Return whether the model has all of its files. Writes nothing, so it works in a read-only cache."""
        return self.exists() and self.first_problem() is None

    def first_problem(self) -> str | None:
        """Return the first missing or modified file, in words; None if the model is complete."""
        return self.check_files()[0]

    def check_files(self) -> tuple[str | None, Listing]:
        """Return the first problem, as `first_problem` does, and the files of the directory."""
        try:
            listing = list_directory(self.directory)
        except IrregularFile as error:
            return str(error), Listing()
        except OSError as error:
            return f"it cannot be read ({error.strerror})", Listing()
        try:
            return next(read_manifest(self.manifest).find_problems(listing), None), listing
        except FileNotFoundError:
            return find_missing_files(listing.files), listing
        except UnreadableManifest as error:
            return str(error), listing


def find_missing_files(names: Collection[str]) -> str | None:
    """Return what a SavedModel without a manifest lacks, by the names of its files; None if nothing."""
    if not any(name in names for name in SAVED_MODEL_FILES):
        return f"it has no {' or '.join(SAVED_MODEL_FILES)}"
    has_index = "variables/variables.index" in names
    shards = [name for name in names if _SHARD.fullmatch(name)]
    if not shards:
        return "variables/ has an index and no data" if has_index else None
    if not has_index:
        return "variables/variables.index is missing"
    expected = int(shards[0][-5:])
    return None if len(shards) == expected else f"variables/ has {len(shards)} of {expected} shards"
