"""Models on disk: `<root>/<publisher>/<name...>/<version>/saved_model.pb`.

The tree is the truth: copying it copies the service. A version that was withdrawn leaves a tombstone beside the place
where it was, `<version>.tombstone`, a JSON file with the reason and the date.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from rehub.server.names import TOMBSTONE as _TOMBSTONE
from rehub.server.names import ModelName, is_version, parse_name
from rehub.strict_parsing import Malformed, parse_json

_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "tfhub_module.pb", "model.json")
CARD_FILE = "card.md"
_TFLITE = ".tflite"
_DEEPEST = 16


@dataclass(frozen=True)
class Tombstone:
    """A version that was withdrawn.

    Attributes:
        reason: why, for people who still ask for it.
        date: when, as ISO 8601; "" where that is not recorded.
    """

    reason: str
    date: str = ""


@dataclass(frozen=True)
class StoredModel:
    """A version of a model in the tree.

    Attributes:
        name: with the version; without one for a model whose directory holds its files directly.
        directory: where its files are.
    """

    name: ModelName
    directory: Path

    @property
    def is_versioned(self) -> bool:
        """Whether its content never changes."""
        return self.name.version is not None


class ModelTree:
    """The models below one directory. Nothing outside of it is found, also not through links."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real_root = os.path.realpath(str(root))

    def find(self, name: ModelName) -> StoredModel | None:
        """Return the version that is asked for, or else the latest; None if there is none."""
        directory = self._find_directory(name)
        if directory is None:
            return None
        if name.version is not None:
            return self._model_at(name, directory / str(name.version))
        for version in reversed(self.versions(name)):
            return self._model_at(name.with_version(version), directory / str(version))
        return self._model_at(name, directory)

    def versions(self, name: ModelName) -> list[int]:
        """Return the versions of a model, lowest first."""
        directory = self._find_directory(name)
        if directory is None:
            return []
        found = (each for each in directory.iterdir() if is_version(each.name))
        return sorted(
            int(each.name) for each in found if self._model_at(name.with_version(int(each.name)), each) is not None
        )

    def tombstone(self, name: ModelName) -> Tombstone | None:
        """Return why this version was withdrawn; for a model without a version, why its last one was."""
        directory = self._find_directory(name)
        if directory is None:
            return None
        version = name.version
        if version is None:
            withdrawn = self.withdrawn_versions(name)
            if not withdrawn:
                return None
            version = withdrawn[-1]
        return read_tombstone(tombstone_path(directory, version))

    def withdrawn_versions(self, name: ModelName) -> list[int]:
        """Return the versions that have a tombstone, lowest first."""
        directory = self._find_directory(name)
        if directory is None:
            return []
        names = (each.name for each in directory.iterdir() if each.name.endswith(_TOMBSTONE))
        return sorted(int(each[: -len(_TOMBSTONE)]) for each in names if is_version(each[: -len(_TOMBSTONE)]))

    def models(self) -> Iterator[StoredModel]:
        """Yield each version of each model, in the order of their names."""
        yield from self._models_below(self.root, (), 0)

    def holds(self, path: Path) -> bool:
        """Whether a path, with its links followed, is inside of the tree."""
        real = os.path.realpath(str(path))
        return real == self._real_root or real.startswith(self._real_root.rstrip(os.sep) + os.sep)

    @property
    def docs(self) -> Path:
        """Where tfhub.dev's layout has the cards: `assets/docs` beside the directory of the models."""
        return self.root.parent / "assets" / "docs"

    def place_of(self, name: ModelName) -> Path:
        """Return the directory of a model's versions, whether it exists or not."""
        return self.root.joinpath(name.publisher, *(name.name.split("/") if name.name else ()))

    def _find_directory(self, name: ModelName) -> Path | None:
        place = self.place_of(name)
        return place if place.is_dir() and self.holds(place) else None

    def _model_at(self, name: ModelName, directory: Path) -> StoredModel | None:
        if not directory.is_dir() or not self.holds(directory) or not is_model(directory):
            return None
        return StoredModel(name, directory)

    def _models_below(self, directory: Path, segments: tuple[str, ...], depth: int) -> Iterator[StoredModel]:
        if depth > _DEEPEST or not self.holds(directory):
            return
        try:
            children = sorted((each for each in directory.iterdir() if each.is_dir()), key=_sort_key)
        except (PermissionError, FileNotFoundError):  # Or withdrawn meanwhile.
            return
        name = parse_name("/".join(segments)) if segments else None
        if name is not None and name.version is None and is_model(directory):
            yield StoredModel(name, directory)
            return
        for child in children:
            if child.name.startswith("."):
                continue
            if name is not None and is_version(child.name):
                found = self._model_at(name.with_version(int(child.name)), child)
                if found is not None:
                    yield found
                    continue
            yield from self._models_below(child, (*segments, child.name), depth + 1)


def is_model(directory: Path) -> bool:
    """Whether a directory holds a model of one of the kinds that the hosting protocol serves."""
    return any((directory / name).is_file() for name in _MODEL_FILES) or tflite_file(directory) is not None


def tflite_file(directory: Path) -> Path | None:
    """Return the one TFLite file of a directory; None if there is none, or several."""
    try:
        found = [each for each in directory.iterdir() if each.name.endswith(_TFLITE) and each.is_file()]
    except FileNotFoundError:  # Withdrawn meanwhile.
        return None
    return found[0] if len(found) == 1 else None


def tombstone_path(directory: Path, version: int) -> Path:
    """Return where the tombstone of a version is."""
    return directory / f"{version}{_TOMBSTONE}"


def read_tombstone(path: Path) -> Tombstone | None:
    """Return what a tombstone says; None if there is none. One that cannot be read still withdraws the version."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    try:
        found = parse_json(content)
        return Tombstone(str(found.get("reason", "")), str(found.get("date", "")))
    except (Malformed, AttributeError):
        return Tombstone(content.decode("utf-8", "replace").strip())


def _sort_key(path: Path) -> tuple[int, str]:
    return (int(path.name), "") if is_version(path.name) else (-1, path.name)
