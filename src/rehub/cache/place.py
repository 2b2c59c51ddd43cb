"""Where an entry of the cache lies, and whether it is there."""

from __future__ import annotations

import hashlib
import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehub.cache import manifest

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

# One of them is in every SavedModel.
_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


@dataclass(frozen=True)
class Entry:
    """One model's place in a cache.

    Attributes:
        root: the cache's directory.
        key: what the model is known by; for a URL, the text that the user typed.
    """

    root: Path
    key: str

    @property
    def name(self) -> str:
        """The name under which `tensorflow_hub` keeps the same model: its resolver.py, `_module_dir`."""
        return hashlib.sha1(self.key.encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - a name, no secret

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

    def unique(self) -> Path:
        """A name in the same directory that nobody else has, for what is on its way in or out."""
        return self.root / f"{self.name}.{uuid.uuid4().hex}.tmp"

    def is_whole(self) -> bool:
        """Whether the model is there with all of its files. Writes nothing, so a read-only cache will do."""
        if not self.directory.is_dir():
            return False
        if not self.manifest.is_file():
            return any((self.directory / name).is_file() for name in _SAVED_MODEL_FILES)
        try:
            damage = manifest.read(self.manifest).damage(self.directory)
        except manifest.UnreadableManifest as error:
            damage = str(error)
        if damage is not None:
            _log.warning(
                "The cached model %s of %r is damaged and is fetched again: %s", self.directory, self.key, damage
            )
        return damage is None
