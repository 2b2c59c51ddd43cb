"""Models in the cache, found by what a person types, and as they are printed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Sequence

from rehub import config
from rehub.cache import find_entry, list_entries
from rehub.errors import NotInCache
from rehub.escaping import escape_url
from rehub.formatting import did_you_mean, format_time
from rehub.handles import Scheme, parse_handle
from rehub.redaction import redact_location

if TYPE_CHECKING:
    from rehub.cache import Entry

HELP = "a handle, or the name of the model's directory in the cache"


def all_entries() -> list[Entry]:
    """Every model, in all directories of the cache."""
    return [entry for root in config.cache_dirs() for entry in list_entries(root)]


def entries_of(handles: Sequence[str]) -> list[Entry]:
    """The models of these handles, each once, in all directories of the cache.

    Raises:
        NotInCache: there is none for one of them.
    """
    return list(dict.fromkeys(entry for handle in handles for entry in _entries_of(handle)))


def name_of(entry: Entry) -> str:
    """What a person calls the model, and can type to mean it."""
    return entry.name if entry.handle is None else entry.handle


def record_of(entry: Entry) -> dict[str, Any]:
    """A model as JSON has it."""
    return {
        "handle": entry.handle,
        "directory": redact_location(str(entry.directory)),
        "url": entry.url,
        "size": entry.size,
        "files": entry.files,
        "stored": None if entry.stored is None else format_time(entry.stored),
        "used": None if entry.used is None else format_time(entry.used),
        "damage": entry.damage,
    }


def _entries_of(text: str) -> list[Entry]:
    handle = parse_handle(text)
    keyed = [find_entry(root, key) for root in config.cache_dirs() for key in dict.fromkeys((*handle.cache_keys, text))]
    found = [entry for entry in keyed if entry is not None]
    if not found:
        # The name of a directory, or a handle as the commands print it: without its secrets.
        names = {text, escape_url(text), *map(escape_url, handle.cache_keys)}
        found = [entry for entry in all_entries() if entry.name == text or entry.handle in names]
    if not found and handle.scheme is Scheme.PATH:
        # An archive of this machine is known by its size and time, too.
        archive = escape_url(_absolute(handle.location) + "?size=")
        found = [entry for entry in all_entries() if (entry.handle or "").startswith(archive.rstrip("*"))]
    if not found:
        looked_in = ", ".join(redact_location(str(root)) for root in config.cache_dirs())
        hint = did_you_mean(escape_url(text), [entry.handle for entry in all_entries() if entry.handle])
        raise NotInCache(f"{handle.quoted} is not in the cache ({looked_in}).{hint} `rehub cache ls` lists what is.")
    return found


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(os.path.expanduser(path))
    except OSError:  # The working directory has been deleted.
        return path
