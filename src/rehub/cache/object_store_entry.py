"""One model in a cache in an object store, as files and a manifest that is written last."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable

from rehub.cache.descriptor import find_origin, format_descriptor, requires_manifest
from rehub.cache.interface import Entry, VerifyReport
from rehub.cache.layout import SAVED_MODEL_FILES, find_missing_files
from rehub.cache.manifest import Manifest, UnreadableManifest, parse_manifest
from rehub.hashing import hash_file


@dataclass(frozen=True)
class EntryState:
    """What an object store has of an entry.

    Attributes:
        sizes: bytes of each file of the model, by its name.
        manifest: the list of its files; None without one.
        descriptor: the lines about the model; None if there are none, or there is a manifest.
        problem: the first missing or modified file, in words; None if the model is complete.
    """

    sizes: dict[str, int]
    manifest: Manifest | None
    descriptor: bytes | None
    problem: str | None


@dataclass(frozen=True)
class ObjectStoreEntry:
    """The objects of one model. What the storage's driver raises is passed on.

    Attributes:
        root: the cache's URL.
        storage: its fsspec file system.
        path: the cache's path in that.
        name: the model's directory in the cache.
    """

    root: str
    storage: Any
    path: str
    name: str

    @property
    def url(self) -> str:
        """The model's URL, which TensorFlow can read."""
        return f"{self.root}/{self.name}"

    @property
    def directory(self) -> str:
        """The model's path in `storage`, as are the next two."""
        return f"{self.path}/{self.name}"

    @property
    def manifest(self) -> str:
        """The file that marks the entry as complete."""
        return f"{self.directory}.manifest.json"

    @property
    def descriptor(self) -> str:
        """A few lines for people, which say that there will be a manifest."""
        return f"{self.directory}.descriptor.txt"

    def read_state(self, sizes: dict[str, int] | None = None) -> EntryState | None:
        """Return what is stored of the entry; None if nothing is.

        Args:
            sizes: of the model's files, if they are already listed.
        """
        manifest = self._read_file(self.manifest)
        if sizes is None:
            sizes = list_sizes(self.storage, self.directory)
        if manifest is not None:
            try:
                parsed = parse_manifest(manifest, f"{self.name}.manifest.json")
            except UnreadableManifest as error:
                return EntryState(sizes, None, self._read_file(self.descriptor), str(error))
            problems = (record.find_problem(sizes.get(record.name)) for record in parsed.files)
            return EntryState(sizes, parsed, None, next((each for each in problems if each is not None), None))
        if not sizes:
            return None
        descriptor = self._read_file(self.descriptor)
        if descriptor is not None and requires_manifest(descriptor):
            return EntryState(sizes, None, descriptor, "it has no manifest, so its upload is running or was given up")
        return EntryState(sizes, None, descriptor, find_missing_files(sizes))

    def read_entry(self, sizes: dict[str, int] | None = None) -> Entry | None:
        """Return the entry, complete or not; None if there is none. `sizes` is as for `read_state`."""
        state = self.read_state(sizes)
        if state is None:
            return None
        handle, url, stored = find_origin(state.manifest, state.descriptor)
        size, files = sum(state.sizes.values()), len(state.sizes)
        return Entry(self.root, self.name, self.url, handle, url, size, files, stored, None, state.problem)

    def verify(self, entry: Entry, *, digests: bool) -> VerifyReport:
        """Compare the files with the manifest; with `digests`, all of them are downloaded."""
        state = self.read_state()
        if state is None:
            return VerifyReport(entry, ("it was removed",), has_manifest=False)
        if state.manifest is None:
            return VerifyReport(entry, () if state.problem is None else (state.problem,), has_manifest=False)
        problems = (
            record.find_problem(
                state.sizes.get(record.name), functools.partial(self._hash_file, record.name) if digests else None
            )
            for record in state.manifest.files
        )
        unexpected = set(state.sizes) - {record.name for record in state.manifest.files}
        return VerifyReport(entry, tuple(each for each in problems if each is not None), tuple(sorted(unexpected)))

    def put(self, directory: Path, manifest: Manifest) -> None:
        """Upload a model. It is complete after the last step; the model that it replaces is so until the second."""
        descriptor = format_descriptor(manifest.handle, f"{self.name}.manifest.json")
        self._make_parents_for(self.descriptor, lambda: self.storage.pipe_file(self.descriptor, descriptor))
        self._delete_files([self.manifest])
        for record in manifest.files:
            target = f"{self.directory}/{record.name}"
            self._make_parents_for(
                target, functools.partial(self.storage.put_file, str(directory / record.name), target)
            )
        stale = set(list_sizes(self.storage, self.directory)) - {record.name for record in manifest.files}
        self._delete_files(f"{self.directory}/{name}" for name in sorted(stale))
        self.storage.pipe_file(self.manifest, manifest.to_json().encode())

    def delete(self) -> None:
        """Delete the model, which is incomplete after the first step."""
        names = sorted(list_sizes(self.storage, self.directory), key=lambda name: name not in SAVED_MODEL_FILES)
        self._delete_files([self.manifest, *(f"{self.directory}/{name}" for name in names)])
        if self.storage.isdir(self.directory):  # Some file systems keep empty directories.
            self.storage.rm(self.directory, recursive=True)
        self._delete_files([self.descriptor])

    def _hash_file(self, name: str) -> str:
        with self.storage.open(f"{self.directory}/{name}", "rb") as file:
            return str(hash_file(file).hexdigest())

    def _read_file(self, path: str) -> bytes | None:
        try:
            content: bytes = self.storage.cat_file(path)
        except FileNotFoundError:
            return None
        return content

    def _make_parents_for(self, path: str, write: Callable[[], object]) -> None:
        """Call `write`; if directories are missing for it, make them first."""
        try:
            write()
        except FileNotFoundError:
            parts = path.split("/")
            # The first part of a path without a leading slash is a bucket, which only its owner should make.
            for length in range(2, len(parts)):
                try:
                    self.storage.mkdir("/".join(parts[:length]), create_parents=False)
                except FileExistsError:
                    continue
            write()

    def _delete_files(self, paths: Iterable[str]) -> None:
        for path in paths:
            try:
                self.storage.rm_file(path)
            except FileNotFoundError:
                continue


def list_sizes(storage: Any, path: str) -> dict[str, int]:
    """Return the size of each file below a directory, by its name there; nothing if there is no directory."""
    storage.invalidate_cache()  # fsspec caches listings for as long as the process lives.
    try:
        listing: dict[str, Any] = storage.find(path, detail=True)
    except FileNotFoundError:
        return {}
    # A name that ends in a slash marks an empty directory.
    return {
        file[len(path) + 1 :]: int(info["size"])
        for file, info in listing.items()
        if file.startswith(path + "/") and not file.endswith("/")
    }
