"""Find cached models by what a user types, and describe them."""

from __future__ import annotations

import os
from typing import Any, Sequence

from rehub import config
from rehub.cache import Entry, list_entries, open_cache
from rehub.errors import NotInCache
from rehub.escaping import escape_url
from rehub.formatting import did_you_mean, format_time
from rehub.handles import Scheme, parse_handle
from rehub.redaction import redact_location

HELP = "a handle, or the name of the model's directory in the cache"


def list_all_entries() -> list[Entry]:
    """Return every model, in all directories of the cache."""
    return [entry for root in config.cache_dirs() for entry in list_entries(root)]


def find_entries(handles: Sequence[str]) -> list[Entry]:
    """Return the models of these handles, each once, from all directories of the cache.

    Raises:
        NotInCache: a handle has no model.
    """
    return list(dict.fromkeys(entry for handle in handles for entry in _find_by_text(handle)))


def display_name(entry: Entry) -> str:
    """Return the handle of the model, or its directory name: what a user types to name it."""
    return entry.name if entry.handle is None else entry.handle


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """Return a model for JSON."""
    return {
        "handle": entry.handle,
        "directory": redact_location(str(entry.directory)),
        "url": entry.url,
        "size": entry.size,
        "files": entry.files,
        "stored": None if entry.stored is None else format_time(entry.stored),
        "used": None if entry.used is None else format_time(entry.used),
        "damage": entry.problem,
    }


def _find_by_text(text: str) -> list[Entry]:
    handle = parse_handle(text)
    keyed = [
        cache.find_entry(key)
        for cache in map(open_cache, config.cache_dirs())
        for key in dict.fromkeys((*handle.cache_keys, text))
    ]
    found = [entry for entry in keyed if entry is not None]
    if not found:
        # The name of a directory, or a handle as the commands print it: without secrets.
        names = {text, escape_url(text), *map(escape_url, handle.cache_keys)}
        found = [entry for entry in list_all_entries() if entry.name == text or entry.handle in names]
    if not found and handle.scheme is Scheme.PATH:
        from rehub.resolvers.local import make_absolute  # Most commands of the cache need no resolver.

        # The key of a local archive contains its size and time, too.
        archive = escape_url(make_absolute(os.path.expanduser(handle.location)) + "?size=")
        found = [entry for entry in list_all_entries() if (entry.handle or "").startswith(archive.rstrip("*"))]
    if not found:
        looked_in = ", ".join(redact_location(str(root)) for root in config.cache_dirs())
        hint = did_you_mean(escape_url(text), [entry.handle for entry in list_all_entries() if entry.handle])
        raise NotInCache(f"{handle.quoted} is not in the cache ({looked_in}).{hint} `rehub cache ls` lists what is.")
    return found
