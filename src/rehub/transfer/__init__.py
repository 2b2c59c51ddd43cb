"""Download models, and pack and unpack their archives without trusting the bytes.

`download_archive` downloads an archive and unpacks it in one pass: bytes are decompressed, hashed and written as they
arrive. `unpack_archive` does the same for a local file or a stream. `fetch_location` asks a server where a model can be
read without a download. `pack_directory` and `copy_directory` move models to and from machines without a network.

Each name is imported on first use, because most programs need few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rehub.transfer.archives import Limits as Limits
    from rehub.transfer.archives import copy_directory as copy_directory
    from rehub.transfer.archives import pack_directory as pack_directory
    from rehub.transfer.archives import unpack_archive as unpack_archive
    from rehub.transfer.archives import unpack_verified as unpack_verified
    from rehub.transfer.download import download_archive as download_archive
    from rehub.transfer.download import download_file as download_file
    from rehub.transfer.location import fetch_location as fetch_location

_HOME_OF = {
    "Limits": "archives",
    "copy_directory": "archives",
    "download_archive": "download",
    "download_file": "download",
    "fetch_location": "location",
    "pack_directory": "archives",
    "unpack_archive": "archives",
    "unpack_verified": "archives",
}

__all__ = [
    "Limits",
    "copy_directory",
    "download_archive",
    "download_file",
    "fetch_location",
    "pack_directory",
    "unpack_archive",
    "unpack_verified",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
