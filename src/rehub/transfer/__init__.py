"""Bytes from a remote into a directory: streamed, checked, and unpacked without trusting what they say.

`download_archive` asks a server for an archive and unpacks it, or tells what came instead; `unpack` does so with a
local file. It is one pass: what is received is decompressed, hashed and written at once. `ask_location` asks a server
where a model can be read without a download. For machines without a network `pack` makes an archive of a model here,
and `copy_directory` takes a directory in by the rules that archives must keep.

Each is imported when it is first used: whoever prints a size needs nothing of the network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rehub.transfer.archive_file import download_file as download_file
    from rehub.transfer.archives import unpack as unpack
    from rehub.transfer.checked import unpack_checked as unpack_checked
    from rehub.transfer.directories import copy_directory as copy_directory
    from rehub.transfer.directories import pack as pack
    from rehub.transfer.download import download_archive as download_archive
    from rehub.transfer.location import ask_location as ask_location
    from rehub.transfer.members import Limits as Limits

_HOME_OF = {
    "Limits": "members",
    "ask_location": "location",
    "copy_directory": "directories",
    "download_archive": "download",
    "download_file": "archive_file",
    "pack": "directories",
    "unpack": "archives",
    "unpack_checked": "checked",
}

__all__ = [
    "Limits",
    "ask_location",
    "copy_directory",
    "download_archive",
    "download_file",
    "pack",
    "unpack",
    "unpack_checked",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
