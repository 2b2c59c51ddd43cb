"""What all remote kinds of handle share: the cache first, then the network, where that is allowed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Callable

from rehub import config
from rehub.cache import Fetched, find_cached, get_or_fetch, refetch
from rehub.errors import NotInCache
from rehub.escaping import escape_url

if TYPE_CHECKING:
    from pathlib import Path

    from rehub.handles import Handle


def fetch_into_cache(handle: Handle, fill: Callable[[Path], Fetched], *, refresh: bool = False) -> str:
    """The directory in the cache of a remote model; `fill` brings it in when it is not there.

    Args:
        handle: looked for under each of its keys, and put under its canonical one.
        fill: as for `cache.obtain`.
        refresh: brings it in although it may be there. When that fails, what is there stays.

    Raises:
        NotInCache: it would have to be fetched, and rehub is offline.
        CacheError: the cache cannot be read or written.
    """
    found = None if refresh else find_in_cache(handle)
    if found is not None:
        return found
    require_network(handle)
    bring_in = refetch if refresh else get_or_fetch
    return str(bring_in(config.cache_dirs(), handle.canonical, fill))


def find_in_cache(handle: Handle) -> str | None:
    """The directory in the cache of a remote model, or None when it is not there."""
    found = find_cached(config.cache_dirs(), *handle.cache_keys)
    return None if found is None else str(found)


def hardlink_or_copy(file: Path, target: Path) -> None:
    """Gives a file of another library's cache a second name in ours; where no link can be made, a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    real = os.path.realpath(str(file))
    try:
        os.link(real, str(target))
    except OSError:
        shutil.copyfile(real, str(target))


def require_network(handle: Handle) -> None:
    """Raises `NotInCache` when rehub is offline."""
    if config.OFFLINE.get():
        cache, variable = escape_url(str(config.cache_dir())), config.OFFLINE.variable_in_use
        raise NotInCache(
            f"{handle.quoted} is not in the cache {cache}, and {variable} forbids to fetch it. Resolve it once "
            "without that setting, or point REHUB_CACHE_DIR to a cache that has it: a cache can be copied from another "
            "machine as it is."
        )
