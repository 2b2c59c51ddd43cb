"""A cache in an object store: files first, the manifest last, which makes a model of them.

A store puts one object into its place at a time, and renames nothing. So it is the manifest that says that a model is
there: it is written after all files, and where files are to be replaced it is deleted before. The descriptor is written
first of all, and says that there will be a manifest; an entry of `tensorflow_hub`, which writes none, is known by that.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterable, TypeVar

from rehub.cache.aside import aside, clean
from rehub.cache.descriptor import description, needs_manifest
from rehub.cache.lock import turn
from rehub.cache.manifest import Manifest, UnreadableManifest, parse, records_of
from rehub.cache.place import SAVED_MODEL_FILES, Place, damage_to_unlisted, name_of
from rehub.cache.storage import open_storage, scheme_of, with_own_errors
from rehub.errors import CacheError, HubError, InvalidSetting
from rehub.escaping import escape_url, quote_url
from rehub.redaction import redact_url

if TYPE_CHECKING:
    from rehub.cache.store import Fetched

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """What is in a place.

    Attributes:
        sizes: bytes of each file of the model, by its name.
        manifest: what there should be; None without one.
        descriptor: the lines about the model; None where they are not there, or there is a manifest.
        damage: what is wrong with the model, in words; None when it is whole.
    """

    sizes: dict[str, int]
    manifest: Manifest | None
    descriptor: bytes | None
    damage: str | None


@dataclass(frozen=True)
class RemotePlace:
    """One model's place in a cache in an object store.

    Attributes:
        root: the cache's URL.
        storage: fsspec's file system for it.
        path: the cache's path in that.
        name: the model's directory in the cache.
    """

    root: str
    storage: Any
    path: str
    name: str

    @property
    def url(self) -> str:
        """The model, as TensorFlow reads it."""
        return f"{self.root}/{self.name}"

    @property
    def directory(self) -> str:
        """The model, for `storage`; so are the next two."""
        return f"{self.path}/{self.name}"

    @property
    def manifest(self) -> str:
        """What says that the model is whole."""
        return f"{self.directory}.manifest.json"

    @property
    def descriptor(self) -> str:
        """A few lines for people, and the promise of a manifest."""
        return f"{self.directory}.descriptor.txt"

    def look(self, sizes: dict[str, int] | None = None) -> Seen | None:
        """What is in the place; None for nothing.

        Args:
            sizes: of the model's files, where they have been listed already.
        """
        stored = self._read(self.manifest)
        if sizes is None:
            sizes = sizes_below(self.storage, self.directory)
        if stored is not None:
            try:
                listed = parse(stored, f"{self.name}.manifest.json")
            except UnreadableManifest as error:
                return Seen(sizes, None, self._read(self.descriptor), str(error))
            damages = (record.damage(sizes.get(record.name)) for record in listed.files)
            return Seen(sizes, listed, None, next((each for each in damages if each is not None), None))
        if not sizes:
            return None
        words = self._read(self.descriptor)
        if words is not None and needs_manifest(words):
            return Seen(sizes, None, words, "it has no manifest, so it is on its way in, or was given up halfway")
        return Seen(sizes, None, words, damage_to_unlisted(sizes))

    def put(self, directory: Path, stored: Manifest) -> None:
        """Uploads a model, which is there from the last step on; an old one is until the second."""
        words = description(stored.handle, f"{self.name}.manifest.json")
        self._with_directories(self.descriptor, lambda: self.storage.pipe_file(self.descriptor, words))
        self._delete([self.manifest])
        for record in stored.files:
            target = f"{self.directory}/{record.name}"
            self._with_directories(
                target, functools.partial(self.storage.put_file, str(directory / record.name), target)
            )
        stale = set(sizes_below(self.storage, self.directory)) - {record.name for record in stored.files}
        self._delete(f"{self.directory}/{name}" for name in sorted(stale))
        self.storage.pipe_file(self.manifest, stored.to_json().encode())

    def delete(self) -> None:
        """Deletes the model; from the first step on, it does not count."""
        names = sorted(sizes_below(self.storage, self.directory), key=lambda name: name not in SAVED_MODEL_FILES)
        self._delete([self.manifest, *(f"{self.directory}/{name}" for name in names)])
        if self.storage.isdir(self.directory):  # of a file system that keeps empty ones
            self.storage.rm(self.directory, recursive=True)
        self._delete([self.descriptor])

    def sha256(self, name: str) -> str:
        """Reads a file of the model."""
        digest = hashlib.sha256()
        with self.storage.open(f"{self.directory}/{name}", "rb") as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                digest.update(chunk)
        return digest.hexdigest()

    def with_cache_errors(self, problem: str, action: Callable[[], T]) -> T:
        """Does something with the store; what its driver raises becomes a `CacheError`."""
        remedy = "\nMake it readable and writable, or name another by REHUB_CACHE_DIR."
        problem = f"{problem} in the cache {escape_url(self.root)}"
        return with_own_errors(action, CacheError, problem, self.root, remedy=remedy)

    def _read(self, path: str) -> bytes | None:
        try:
            content: bytes = self.storage.cat_file(path)
        except FileNotFoundError:
            return None
        return content

    def _with_directories(self, path: str, write: Callable[[], object]) -> None:
        """Writes, and makes the directories above first if the storage has such things."""
        try:
            write()
        except FileNotFoundError:
            parts = path.split("/")
            # Of a path without a first slash, the first part is a bucket: to make one is its owner's affair.
            for length in range(2, len(parts)):
                try:
                    self.storage.mkdir("/".join(parts[:length]), create_parents=False)
                except FileExistsError:
                    continue
            write()

    def _delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            try:
                self.storage.rm_file(path)
            except FileNotFoundError:
                continue


def open_cache(root: str) -> tuple[Any, str]:
    """The file system of a cache's URL, and the path in it.

    Raises:
        PackageMissing: its driver is not installed.
        InvalidSetting: fsspec knows no storage of this scheme.
        CacheError: the driver cannot even begin.
    """
    problem = f"the cache {escape_url(root)} cannot be reached"
    try:
        storage, path = with_own_errors(lambda: open_storage(root, root), CacheError, problem, root, ValueError)
    except ValueError:
        pass
    else:
        return storage, path.rstrip("/")
    raise InvalidSetting(
        f"the cache {escape_url(root)} is in no storage that can be used: fsspec knows no {scheme_of(root)}://. "
        "Name another by REHUB_CACHE_DIR."
    )


def place_of(root: str, key: str) -> RemotePlace:
    """The place of the model that is known by `key`; raises as `open_cache` does."""
    return RemotePlace(root, *open_cache(root), name_of(key))


def sizes_below(storage: Any, path: str) -> dict[str, int]:
    """The size of each file below a directory, by its name there; nothing where there is no directory."""
    storage.invalidate_cache()  # It remembers listings for as long as the process lives.
    try:
        listing: dict[str, Any] = storage.find(path, detail=True)
    except FileNotFoundError:
        return {}
    # What ends in a slash marks an empty directory.
    return {
        file[len(path) + 1 :]: int(info["size"])
        for file, info in listing.items()
        if file.startswith(path + "/") and not file.endswith("/")
    }


def find(root: str, keys: tuple[str, ...]) -> str | None:
    """The URL of a model in a cache in an object store; None when it is not there, whole.

    Args:
        root: the cache's URL.
        keys: as for `cache.find`.

    Raises:
        CacheError: the store cannot be read.
    """
    for key in keys:
        place = place_of(root, key)
        if _is_whole(place, key, f"{quote_url(keys[0])} cannot be looked up"):
            return place.url
    return None


def bring_in(root: str, key: str, fill: Callable[[Path], Fetched], *, anew: bool) -> str:
    """The URL of a model in a cache in an object store; `fill` brings it in when it is not there, or `anew`.

    It is filled in the directory for temporary files and uploaded from there. The processes of a user on one machine
    wait for each other; two machines do the same work, and either's result will do.

    Raises:
        CacheError: the store cannot be read or written, or there is no room for temporary files.
    """
    place = place_of(root, key)
    problem = f"{quote_url(key)} cannot be put"
    try:
        here = Place.of(_own_temporary_directory(), place.url)
        with turn(here.lock, quote_url(key)):
            if anew or not _is_whole(place, key, problem):
                clean(here)
                with aside(here) as folder:
                    filled = folder / "model"
                    filled.mkdir()
                    delivery = fill(filled)
                    files = records_of(filled) if delivery.files is None else delivery.files
                    stored = Manifest(
                        redact_url(key), redact_url(delivery.url), datetime.now(timezone.utc).isoformat(), files
                    )
                    # Another machine may have been first.
                    if anew or not _is_whole(place, key, problem):
                        place.with_cache_errors(problem, lambda: place.put(filled, stored))
    except HubError:
        raise
    except OSError as error:
        raise CacheError(
            f"{quote_url(key)} cannot be made ready for the cache {escape_url(root)}: {error}.\n"
            f"Make room in {tempfile.gettempdir()}, or name another directory for temporary files by TMPDIR."
        ) from error
    return place.url


def _is_whole(place: RemotePlace, key: str, problem: str) -> bool:
    seen = place.with_cache_errors(problem, place.look)
    if seen is not None and seen.damage is not None:
        _log.warning("The cached model %s of %s does not count: %s", escape_url(place.url), quote_url(key), seen.damage)
    return seen is not None and seen.damage is None


def _own_temporary_directory() -> Path:
    """One that nobody else can write or read: a lock's name can be foretold, and a model may be private."""
    user = os.geteuid() if hasattr(os, "geteuid") else None  # On Windows, all temporary files are the user's own.
    path = Path(tempfile.gettempdir()) / ("rehub" if user is None else f"rehub-{user}")
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    seen = os.lstat(str(path))
    if user is not None and (seen.st_uid != user or not stat.S_ISDIR(seen.st_mode) or seen.st_mode & 0o077):
        raise CacheError(
            f"{path} is not a directory of this user's alone, so no model can be made ready in it. Remove it, or name "
            "another directory for temporary files by TMPDIR."
        )
    return path
