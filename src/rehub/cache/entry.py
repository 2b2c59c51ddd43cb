"""A cached model as its owner sees it, and what a thorough look at it has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A model in a cache.

    Attributes:
        root: the cache's directory; a string is the URL of one in an object store.
        name: that of the model's directory in it.
        directory: the model's directory, or its URL.
        handle: what the model is known by, without secrets and on one line; None for one that nobody has left a word
            about.
        url: where it came from in the end; None for what `tensorflow_hub` has fetched.
        size: bytes of all of its files.
        files: how many they are.
        stored: when it came; None when nobody has noted it.
        used: the day, about, of its last use; None in an object store, where nobody notes it, and for an impossible
            one.
        damage: what is wrong with it, by the names and sizes of its files; None when it is whole.
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
    damage: str | None


@dataclass(frozen=True)
class VerifyReport:
    """What a thorough look at an entry has found.

    Attributes:
        entry: what was looked at.
        damage: each file that is missing, or is not what was stored; empty for a whole model.
        unlisted: files of the directory that did not come with the model.
        has_manifest: whether there is a list to compare with; `tensorflow_hub` keeps none.
    """

    entry: Entry
    damage: tuple[str, ...]
    unlisted: tuple[str, ...]
    has_manifest: bool
