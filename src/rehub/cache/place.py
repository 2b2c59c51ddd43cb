"""Where one model lies in a cache, and whether it is there, whole."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Collection

from rehub.cache import manifest
from rehub.cache.regular_files import IrregularFile, Listing, list_directory

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
        return self.condition()[0]

    def condition(self) -> tuple[str | None, Listing]:
        """What is wrong with what is in the place, as `damage` says, and what was found there."""
        try:
            found = list_directory(self.directory)
        except IrregularFile as error:
            return str(error), Listing()
        except OSError as error:
            return f"it cannot be read ({error.strerror})", Listing()
        try:
            return next(manifest.read(self.manifest).damages_in(found), None), found
        except FileNotFoundError:
            return damage_to_unlisted(found.files), found
        except manifest.UnreadableManifest as error:
            return str(error), found


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
