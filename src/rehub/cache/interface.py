"""What every cache does, and the values that travel to and from it."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Callable, Sequence

from rehub.cache.manifest import FileRecord


@dataclass(frozen=True)
class Fetched:
    """What a fetch wrote into the directory that it was given.

    Attributes:
        url: the address that the model came from, after redirects.
        files: every file, if the fetch has hashed them; None if the cache must read them again.
    """

    url: str
    files: tuple[FileRecord, ...] | None = None


@dataclass(frozen=True)
class Found:
    """A complete model in a cache.

    Attributes:
        location: its directory, or its URL in an object store.
        directories: the local directory and every one below it, by which later changes are noticed.
    """

    location: Path | str
    directories: Sequence[str] = ()


@dataclass(frozen=True)
class Entry:
    """A model in a cache, complete or not.

    Attributes:
        root: the cache's directory; a string is the URL of one in an object store.
        name: that of the model's directory in it.
        directory: the model's directory, or its URL.
        handle: the model's key, without secrets and on one line; None if no file records it.
        url: the address that it came from; None for an entry of `tensorflow_hub`.
        size: bytes of all of its files.
        files: how many they are.
        stored: when it was stored; None if no file records it.
        used: the approximate day of its last use; None if it is not recorded, as in an object store.
        problem: the first missing or modified file, by names and sizes; None if the model is complete.
    """

    root: Path | str
    name: str
    directory: Path | str
    handle: str | None
    url: str | None
    size: int
    files: int
    stored: datetime | None
    used: datetime | None
    problem: str | None


@dataclass(frozen=True)
class VerifyReport:
    """The missing, modified and unexpected files of an entry.

    Attributes:
        entry: the verified entry.
        problems: each file that is missing or modified; empty for a complete model.
        unexpected: files of the directory that the manifest does not list.
        has_manifest: whether there is a manifest to compare with; `tensorflow_hub` writes none.
    """

    entry: Entry
    problems: tuple[str, ...]
    unexpected: tuple[str, ...] = ()
    has_manifest: bool = True


class Cache(abc.ABC):
    """A cache. All of its methods raise `CacheError` if it cannot be read or written."""

    root: Path | str

    @abc.abstractmethod
    def find(self, keys: Sequence[str]) -> Found | None:
        """Return the model that has one of these keys; None if there is no complete one."""

    @abc.abstractmethod
    def is_writable(self) -> bool:
        """Return whether models can be stored here."""

    @abc.abstractmethod
    def get_or_fetch(self, key: str, fetch: Callable[[Path], Fetched], *, force: bool) -> Path | str:
        """Return the location of a model; if it is missing, or `force` is true, call `fetch` and store its result."""

    @abc.abstractmethod
    def list_entries(self) -> list[Entry]:
        """Return all entries in any order."""

    @abc.abstractmethod
    def find_entry(self, key: str) -> Entry | None:
        """Return the entry with this key, complete or not; None if there is none."""

    @abc.abstractmethod
    def verify_entry(self, entry: Entry, *, digests: bool = True) -> VerifyReport:
        """Find the missing, modified and unexpected files of an entry; without `digests` by names and sizes alone."""

    @abc.abstractmethod
    def list_file_sizes(self, entry: Entry) -> dict[str, int]:
        """Return the size of each file by its name."""

    @abc.abstractmethod
    def remove_entry(self, entry: Entry) -> None:
        """Delete an entry. A local one disappears in one step, after a running fetch of the same model."""
