"""A cache in an object store as its owner sees it; `rehub.cache.contents` asks here."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from rehub.cache.descriptor import words_of
from rehub.cache.entry import Entry, VerifyReport
from rehub.cache.place import is_name
from rehub.cache.remote import RemotePlace, Seen, open_cache, place_of, sizes_below
from rehub.cache.storage import with_own_errors
from rehub.errors import CacheError
from rehub.escaping import escape_url, quote_url
from rehub.strict_parsing import parse_iso_date

if TYPE_CHECKING:
    from datetime import datetime


def entries(root: str) -> list[Entry]:
    """What is in the cache, in no order."""
    storage, path = open_cache(root)

    def look() -> list[Entry]:
        of_all = sizes_below(storage, path)
        found = []
        for name in {file[:40] for file in of_all if is_name(file[:40])}:
            below = {file[41:]: size for file, size in of_all.items() if file.startswith(f"{name}/")}
            place = RemotePlace(root, storage, path, name)
            seen = place.look(below)
            if seen is not None:
                found.append(_entry(place, seen))
        return found

    return with_own_errors(look, CacheError, f"the cache {escape_url(root)} cannot be read", root)


def entry_of(root: str, key: str) -> Entry | None:
    """The entry of one model; None when it is not in this cache."""
    place = place_of(root, key)
    seen = place.with_cache_errors(f"{quote_url(key)} cannot be looked up", place.look)
    return None if seen is None else _entry(place, seen)


def verify(entry: Entry, root: str, *, digests: bool) -> VerifyReport:
    """As `cache.verify`: with `digests`, all files of the model come over the network."""
    place = _place(entry, root)
    return place.with_cache_errors(
        f"{escape_url(place.url)} cannot be read", lambda: _report(entry, place, digests=digests)
    )


def _report(entry: Entry, place: RemotePlace, *, digests: bool) -> VerifyReport:
    seen = place.look()
    if seen is None:
        return VerifyReport(entry, ("it is gone",), (), has_manifest=False)
    if seen.manifest is None:
        return VerifyReport(entry, () if seen.damage is None else (seen.damage,), (), has_manifest=False)
    damages = [
        record.damage(seen.sizes.get(record.name), functools.partial(place.sha256, record.name) if digests else None)
        for record in seen.manifest.files
    ]
    unlisted = set(seen.sizes) - {record.name for record in seen.manifest.files}
    return VerifyReport(
        entry, tuple(each for each in damages if each is not None), tuple(sorted(unlisted)), has_manifest=True
    )


def sizes(entry: Entry, root: str) -> dict[str, int]:
    """The size of each of the model's files, by its name."""
    place = _place(entry, root)
    return place.with_cache_errors(
        f"{escape_url(place.url)} cannot be read",
        lambda: dict(sorted(sizes_below(place.storage, place.directory).items())),
    )


def remove(entry: Entry, root: str) -> None:
    """Deletes the model."""
    place = _place(entry, root)
    place.with_cache_errors(f"{escape_url(place.url)} cannot be deleted", place.delete)


def _place(entry: Entry, root: str) -> RemotePlace:
    return RemotePlace(root, *open_cache(root), entry.name)


def _entry(place: RemotePlace, seen: Seen) -> Entry:
    handle, url, stored = _words(seen)
    return Entry(
        root=place.root,
        name=place.name,
        directory=place.url,
        handle=handle,
        url=url,
        size=sum(seen.sizes.values()),
        files=len(seen.sizes),
        stored=stored,
        used=None,
        damage=seen.damage,
    )


def _words(seen: Seen) -> tuple[str | None, str | None, datetime | None]:
    if seen.manifest is not None:
        listed = seen.manifest
        return escape_url(listed.handle), escape_url(listed.url), parse_iso_date(listed.time)
    if seen.descriptor is None:
        return None, None, None
    handle, stored = words_of(seen.descriptor)
    return None if handle is None else escape_url(handle), None, stored
