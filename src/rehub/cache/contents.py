"""The cache as its owner sees it: what is in it, whether it is sound, and making room."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timezone
from pathlib import Path

from rehub.cache import descriptor, manifest, remote_contents
from rehub.cache.aside import aside, clean, clean_all
from rehub.cache.entry import Entry, VerifyReport
from rehub.cache.lock import turn
from rehub.cache.place import Place, is_name
from rehub.cache.regular_files import IrregularFile, list_directory, read_regular
from rehub.errors import CacheError
from rehub.escaping import escape, escape_url
from rehub.strict_parsing import parse_iso_date, parse_timestamp

_log = logging.getLogger(__name__)


def list_entries(root: Path | str) -> list[Entry]:
    """What is in a cache, those of `tensorflow_hub` included; by handle. A cache that is not there is empty.

    Args:
        root: the cache's directory, or the URL of one in an object store; here, and in what follows.

    Raises:
        CacheError: it cannot be read.
    """
    if isinstance(root, str):
        return _sorted(remote_contents.entries(root))
    try:
        names = [each.name for each in os.scandir(str(root)) if is_name(each.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CacheError(f"the cache {escape(root, 300)} cannot be read: {error.strerror}.") from error
    found = [entry for entry in (_entry(Place(root, name)) for name in names) if entry is not None]
    return _sorted(found)


def find_entry(root: Path | str, key: str) -> Entry | None:
    """The entry of one model, whole or damaged; None when it is not in this cache."""
    if isinstance(root, str):
        return remote_contents.entry_of(root, key)
    return _entry(Place.of(root, key))


def verify_entry(entry: Entry, *, digests: bool = True) -> VerifyReport:
    """Looks for what is missing from an entry, what has changed, and what is there too much. Writes nothing.

    Args:
        entry: the entry.
        digests: reads each file and compares its sha256. Without, it is the names and sizes only.

    Raises:
        CacheError: it cannot be read.
    """
    if isinstance(entry.root, str):
        return remote_contents.verify(entry, entry.root, digests=digests)
    place = Place(entry.root, entry.name)
    try:
        stored = manifest.read(place.manifest)
        found = list_directory(place.directory)
        damage = tuple(stored.damages_in(found, place.directory if digests else None))
        listed = {record.name for record in stored.files}
        unlisted = tuple(name for name in sorted([*found.files, *found.others]) if name not in listed)
    except FileNotFoundError:
        if not place.is_there():
            return VerifyReport(entry, ("it is gone",), (), has_manifest=False)
        problem, found = place.condition()
        return VerifyReport(
            entry, () if problem is None else (problem,), tuple(sorted(found.others)), has_manifest=False
        )
    except (manifest.UnreadableManifest, IrregularFile) as error:
        return VerifyReport(entry, (str(error),), (), has_manifest=False)
    except OSError as error:
        raise CacheError(f"the cached model {place.directory} cannot be read: {error}.") from error
    return VerifyReport(entry, damage, unlisted, has_manifest=True)


def list_file_sizes(entry: Entry) -> dict[str, int]:
    """The size of each of an entry's files, by its name.

    Raises:
        CacheError: it cannot be read.
    """
    if isinstance(entry.root, str):
        return remote_contents.sizes(entry, entry.root)
    place = Place(entry.root, entry.name)
    try:
        return dict(sorted(list_directory(place.directory).files.items()))
    except IrregularFile:
        return {}
    except OSError as error:
        raise CacheError(f"the cached model {place.directory} cannot be read: {error}.") from error


def remove_entry(entry: Entry) -> None:
    """Deletes an entry, in one step for those who read it. Waits for whoever is just bringing it in.

    Raises:
        CacheError: it cannot be deleted.
    """
    if isinstance(entry.root, str):
        remote_contents.remove(entry, entry.root)
        return
    place = Place(entry.root, entry.name)
    try:
        with turn(place.lock, str(place.directory)):
            clean(place)
            with aside(place) as folder:
                for path in (place.directory, place.manifest, place.descriptor):
                    try:
                        path.rename(folder / path.name)
                    except FileNotFoundError:
                        continue
    except OSError as error:
        raise CacheError(f"the cached model {place.directory} cannot be deleted: {error}.") from error


def prune_cache(root: Path, keep_bytes: int, *, dry_run: bool = False) -> list[Entry]:
    """Deletes damaged entries, and then those whose last use is the longest ago, until the rest fits.

    What dead processes have left behind goes as well.

    Args:
        root: the cache's directory; in an object store nobody notes what is used.
        keep_bytes: how much the models may take together.
        dry_run: deletes nothing.

    Returns:
        The entries that are gone; with `dry_run`, those that would be.

    Raises:
        CacheError: one cannot be deleted.
    """
    there = list_entries(root)
    if root.is_dir() and not dry_run:
        try:
            clean_all(root)
        except OSError as error:
            raise CacheError(f"the cache {root} cannot be cleaned: {error}.") from error
    remaining = sum(entry.size for entry in there)
    gone = []
    for entry in sorted(there, key=lambda entry: (entry.damage is None, entry.used or _NEVER)):
        if entry.damage is None and remaining <= keep_bytes:
            break
        if not dry_run:
            remove_entry(entry)
        remaining -= entry.size
        gone.append(entry)
    return gone


_NEVER = datetime.min.replace(tzinfo=timezone.utc)


def _sorted(found: list[Entry]) -> list[Entry]:
    return sorted(found, key=lambda entry: (entry.handle or "", entry.name))


def _entry(place: Place) -> Entry | None:
    """What is in a place; None for nothing. Whatever is wrong with it is its damage."""
    if not place.is_there():
        return None
    damage, found = place.condition()
    if damage is not None and not place.is_there():  # Removed while we looked.
        return None
    handle, url, stored = _words(place)
    size, files = sum(found.files.values()), len(found.files)
    return Entry(place.root, place.name, place.directory, handle, url, size, files, stored, _time_of_use(place), damage)


def _words(place: Place) -> tuple[str | None, str | None, datetime | None]:
    """What the files beside a model say of its handle, its origin and when it came."""
    try:
        stored = manifest.read(place.manifest)
        return escape_url(stored.handle), escape_url(stored.url), parse_iso_date(stored.time)
    except (FileNotFoundError, manifest.UnreadableManifest):
        pass
    try:
        handle, came = descriptor.words_of(read_regular(place.descriptor, descriptor.LONGEST))
    except OSError:
        return None, None, None
    return None if handle is None else escape_url(handle), None, came


def _time_of_use(place: Place) -> datetime | None:
    """The time of the file that `find` touches; see `rehub.cache.store`."""
    for path in (place.manifest, place.descriptor, place.directory):
        try:
            return parse_timestamp(os.lstat(str(path)).st_mtime)
        except OSError:
            continue
    return None
