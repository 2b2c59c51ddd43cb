"""Bytes from a remote into a directory: streamed, checked, and unpacked without trusting what they say.

`download_archive` asks a server for an archive and unpacks it, or tells what came instead; `unpack` does so with a
local file. It is one pass: what is received is decompressed, hashed and written at once. `ask_location` asks a server
where a model can be read without a download. For machines without a network `pack` makes an archive of a model here,
and `copy_directory` takes a directory in by the rules that archives must keep.
"""

from __future__ import annotations

from rehub.transfer.archives import unpack
from rehub.transfer.checked import unpack_checked
from rehub.transfer.directories import copy_directory, pack
from rehub.transfer.download import download_archive
from rehub.transfer.location import ask_location
from rehub.transfer.members import Limits

__all__ = [
    "Limits",
    "ask_location",
    "copy_directory",
    "download_archive",
    "pack",
    "unpack",
    "unpack_checked",
]
