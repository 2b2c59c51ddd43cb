"""List, verify, remove and prune the entries of a cache."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from rehub.cache.interface import Entry, VerifyReport
from rehub.cache.lookup import open_cache
from rehub.cache.staging import remove_all_stale_staging
from rehub.errors import CacheError

_NEVER = datetime.min.replace(tzinfo=timezone.utc)


def list_entries(root: Path | str) -> list[Entry]:
    """Return the entries of a cache, those of `tensorflow_hub` included, sorted by handle. A missing cache is empty.

    Args:
        root: the cache's directory, or the URL of one in an object store.

    Raises:
        CacheError: it cannot be read.
    """
    return sorted(open_cache(root).list_entries(), key=lambda entry: (entry.handle or "", entry.name))


def find_entry(root: Path | str, key: str) -> Entry | None:
    """Return the entry of one model, complete or not; None if this cache has none."""
    return open_cache(root).find_entry(key)


def verify_entry(entry: Entry, *, digests: bool = True) -> VerifyReport:
    """Find the missing, modified and unexpected files of an entry. Nothing is written.

    Args:
        entry: the entry.
        digests: whether to read each file and compare its sha256. If False, only names and sizes are compared.

    Raises:
        CacheError: it cannot be read.
    """
    return open_cache(entry.root).verify_entry(entry, digests=digests)


def list_file_sizes(entry: Entry) -> dict[str, int]:
    """Return the size of each file of an entry by its name.

    Raises:
        CacheError: it cannot be read.
    """
    return open_cache(entry.root).list_file_sizes(entry)


def remove_entry(entry: Entry) -> None:
    """Delete an entry. A local one disappears in one step, after a running fetch of the same model.

    Raises:
        CacheError: it cannot be deleted.
    """
    open_cache(entry.root).remove_entry(entry)


def prune_cache(root: Path, keep_bytes: int, *, dry_run: bool = False) -> list[Entry]:
    """Delete incomplete entries, then the least recently used ones until the rest fits, and all stale staging.

    Args:
        root: the cache's directory. An object store does not record when a model was used.
        keep_bytes: how much the models may take together.
        dry_run: whether to delete nothing.

    Returns:
        The deleted entries; with `dry_run`, those that would be deleted.

    Raises:
        CacheError: one cannot be deleted.
    """
    entries = list_entries(root)
    if root.is_dir() and not dry_run:
        try:
            remove_all_stale_staging(root)
        except OSError as error:
            raise CacheError(f"the cache {root} cannot be cleaned: {error}.") from error
    remaining = sum(entry.size for entry in entries)
    deleted = []
    for entry in sorted(entries, key=lambda entry: (entry.problem is None, entry.used or _NEVER)):
        if entry.problem is None and remaining <= keep_bytes:
            break
        if not dry_run:
            remove_entry(entry)
        remaining -= entry.size
        deleted.append(entry)
    return deleted
