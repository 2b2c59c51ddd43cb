"""The store on disk, or in an object store: a model is in it, whole, or it is not in it.

    <cache>/<sha1 of the key>/                  the model's directory; the key of a URL is its text
    <cache>/<sha1 of the key>.manifest.json     what is in the directory: each file with its size and sha256
    <cache>/<sha1 of the key>.descriptor.txt    whose entry it is, in words, as tensorflow_hub writes it
    <cache>/<sha1 of the key>.rehub.lock        who is bringing the model in; only while somebody is
    <cache>/<sha1 of the key>.<unique>.rehub.tmp/   the model on its way in, and ...
    <cache>/<sha1 of the key>.<unique>.rehub.lock   ... who is at it

The first names are those of `tensorflow_hub`, so that each library finds what the other has fetched. A directory comes
under its name by one rename, after all of it is on the disk. So it is whole when it is there, whoever was killed
when; what takes files away later (a cleaner of /tmp) is seen by the manifest, and the model is fetched again. What a
killed process leaves is deleted by the next one that looks for the same model. In an object store, which renames
nothing, it is the manifest that comes last, and says that the model is whole: see `remote`.

`find` and `obtain` are the way to a model, over one or several caches; `entries` and what follows it are for the owner
of a cache.
"""

from __future__ import annotations

from rehub.cache.contents import find_entry, list_entries, list_file_sizes, prune_cache, remove_entry, verify_entry
from rehub.cache.entry import Entry, VerifyReport
from rehub.cache.manifest import FileRecord, Manifest
from rehub.cache.store import Fetched, find_cached, get_or_fetch, refetch

__all__ = [
    "Entry",
    "Fetched",
    "FileRecord",
    "Manifest",
    "VerifyReport",
    "find_cached",
    "find_entry",
    "get_or_fetch",
    "list_entries",
    "list_file_sizes",
    "prune_cache",
    "refetch",
    "remove_entry",
    "verify_entry",
]
