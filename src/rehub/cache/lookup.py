"""Find a model in one of several caches, or fetch it into the first that is writable."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable

from rehub.cache import freshness
from rehub.cache.interface import Cache, Fetched
from rehub.cache.local import LocalCache


def open_cache(root: Path | str) -> Cache:
    """Return the cache in a directory, or at the URL of an object store."""
    if isinstance(root, Path):
        return LocalCache(root)
    from rehub.cache.object_store import ObjectStoreCache  # Few users need it.

    return ObjectStoreCache(root)


def find_cached(roots: tuple[Path | str, ...], *keys: str) -> Path | str | None:
    """Return the directory of a cached model, or its URL; None if no cache has a complete one.

    Args:
        roots: the caches' directories, and URLs of those in object stores; see `rehub.config.cache_dirs`.
        keys: the model's key, and others under which it may be stored, such as that of `tensorflow_hub`.

    Raises:
        CacheError: a cache cannot be read.
    """
    fresh = freshness.lookup(roots, keys[0])
    if fresh is not None:
        return fresh
    checked = time.time()
    for root in roots:
        found = open_cache(root).find(keys)
        if found is not None:
            if found.directories:
                freshness.record(roots, keys[0], Path(found.location), found.directories, checked)
            return found.location
    return None


def get_or_fetch(roots: tuple[Path | str, ...], key: str, fetch: Callable[[Path], Fetched]) -> Path | str:
    """Return the directory of a cached model, or its URL; call `fetch` if no cache has it.

    One thread of one process fetches a model at a time, and the others wait. If `fetch` raises, nothing is stored.

    Args:
        roots: as for `find_cached`. The first writable one gets the model, and is created if it is missing; one in an
            object store is taken for writable.
        key: the model's key.
        fetch: called with an empty directory to write the model to. It may write files of its own beside it.

    Raises:
        CacheError: a cache cannot be read, or none can be written.
    """
    return find_cached(roots, key) or _open_writable(roots).get_or_fetch(key, fetch, force=False)


def refetch(roots: tuple[Path | str, ...], key: str, fetch: Callable[[Path], Fetched]) -> Path | str:
    """Fetch a model even if it is cached, and replace the cached one.

    The arguments are those of `get_or_fetch`. If `fetch` fails, the cached model stays; if an upload to an object store
    fails, it is lost.

    Raises:
        CacheError: no cache can be written.
    """
    return _open_writable(roots).get_or_fetch(key, fetch, force=True)


def _open_writable(roots: tuple[Path | str, ...]) -> Cache:
    """Return the first writable cache; the first of all if none is, for the error of the operating system."""
    caches = [open_cache(root) for root in roots]
    return next((cache for cache in caches if cache.is_writable()), caches[0])
