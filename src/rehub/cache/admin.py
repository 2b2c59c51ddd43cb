"""List and prune the entries of a cache."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from rehub.cache.interface import Entry
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
    entries, cache = list_entries(root), open_cache(root)
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
            cache.remove_entry(entry)
        remaining -= entry.size
        deleted.append(entry)
    return deleted
