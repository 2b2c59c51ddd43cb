"""Find a remote model in the cache, or else fetch it, if the network is allowed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable

from rehub import config
from rehub.cache import Fetched, find_cached, get_or_fetch, refetch
from rehub.errors import NotInCache
from rehub.escaping import escape_url
from rehub.handles import Handle


def fetch_into_cache(handle: Handle, fetch: Callable[[Path], Fetched], *, refresh: bool = False) -> str:
    """Return the directory in the cache of a remote model; call `fetch` if it is missing.

    Args:
        handle: searched under each of its keys, and stored under its canonical one.
        fetch: as for `cache.get_or_fetch`.
        refresh: whether to fetch the model even if it is cached. On failure the cached one stays.

    Raises:
        NotInCache: it must be fetched, and rehub is offline.
        CacheError: the cache cannot be read or written.
    """
    found = None if refresh else find_in_cache(handle)
    if found is not None:
        return found
    require_network(handle)
    store = refetch if refresh else get_or_fetch
    return str(store(config.cache_dirs(), handle.canonical, fetch))


def find_in_cache(handle: Handle) -> str | None:
    """Return the directory in the cache of a remote model; None if it is missing."""
    found = find_cached(config.cache_dirs(), *handle.cache_keys)
    return None if found is None else str(found)


def hardlink_or_copy(file: Path, target: Path) -> None:
    """Hard-link a file of another library's cache into ours; copy it where that fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    real = os.path.realpath(str(file))
    try:
        os.link(real, str(target))
    except OSError:
        shutil.copyfile(real, str(target))


def require_network(handle: Handle) -> None:
    """Raise `NotInCache` if rehub is offline."""
    if config.OFFLINE.get():
        cache, variable = escape_url(str(config.cache_dir())), config.OFFLINE.variable_in_use
        raise NotInCache(
            f"{handle.quoted} is not in the cache {cache}, and {variable} forbids downloads. Resolve it once "
            "without that setting, or set REHUB_CACHE_DIR to a cache that has it: a cache can be copied from another "
            "machine."
        )
