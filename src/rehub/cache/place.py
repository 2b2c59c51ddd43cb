"""Where one model lies in a cache, and whether it is there, whole."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Collection

from rehub.cache import manifest

# One of them is in every SavedModel.
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")

_SHARD = re.compile(r"variables/variables\.data-\d{5}-of-(\d{5})")


def name_of(key: str) -> str:
    """What a model's directory is called: as `tensorflow_hub` calls it, see its resolver.py."""
    return hashlib.sha1(key.encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - a name, no secret


def is_name(text: str) -> bool:
    """Whether a model's directory may be called so."""
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None


@dataclass(frozen=True)
class Place:
    """One model's place in a cache.

    Attributes:
        root: the cache's directory.
        name: the model's directory in it.
    """

    root: Path
    name: str

    @classmethod
    def of(cls, root: Path, key: str) -> Place:
        """The place of the model that is known by `key`."""
        return cls(root, name_of(key))

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
        """Who brings it in; `tensorflow_hub` calls its own `<name>.lock`, which outlives its owner."""
        return self.root / f"{self.name}.rehub.lock"

    def is_there(self) -> bool:
        """Whether anything is in the place, whole or not."""
        return os.path.lexists(str(self.directory))

    def is_whole(self) -> bool:
        """Whether the model is there with all of its files. Writes nothing, so a read-only cache will do."""
        return self.is_there() and self.damage() is None

    def damage(self) -> str | None:
        """What is wrong with what is in the place, in words; None when the model is whole."""
        if not self.directory.is_dir():
            return "it is no directory"
        try:
            return manifest.read(self.manifest).damage(self.directory)
        except FileNotFoundError:
            return damage_to_unlisted(_telling_names(self.directory))
        except manifest.UnreadableManifest as error:
            return str(error)


def damage_to_unlisted(names: Collection[str]) -> str | None:
    """What a SavedModel lacks that came without a manifest: what every one has, and what its own files promise.

    Args:
        names: its files; those at the top and those of `variables/` are looked at.
    """
    if not any(name in names for name in SAVED_MODEL_FILES):
        return f"it has no {' or '.join(SAVED_MODEL_FILES)}"
    has_index = "variables/variables.index" in names
    shards = [name for name in names if _SHARD.fullmatch(name)]
    if not shards:
        return "variables/ has an index and no data" if has_index else None
    if not has_index:
        return "variables/variables.index is missing"
    promised = int(shards[0][-5:])
    return None if len(shards) == promised else f"variables/ has {len(shards)} of {promised} shards"


def _telling_names(directory: Path) -> set[str]:
    """The files of a model that tell whether it is whole."""
    names = {name for name in SAVED_MODEL_FILES if (directory / name).is_file()}
    try:
        return names.union(f"variables/{name}" for name in os.listdir(str(directory / "variables")))
    except (FileNotFoundError, NotADirectoryError):
        return names
