"""The cache, in a directory or in an object store: a model is in it completely or not at all.

    <cache>/<sha1 of the key>/                  the model's directory; the key of a URL is its text
    <cache>/<sha1 of the key>.manifest.json     each file of the model with its size and sha256
    <cache>/<sha1 of the key>.descriptor.txt    the model's handle and origin for people, as tensorflow_hub writes it
    <cache>/<sha1 of the key>.rehub.lock        held while a process fetches the model
    <cache>/<sha1 of the key>.<unique>.rehub.tmp/   staging directory of a fetch, and ...
    <cache>/<sha1 of the key>.<unique>.rehub.lock   ... its lock

The first two names are those of `tensorflow_hub`, so that each library finds what the other has fetched. A staging
directory is renamed to its final name after it is on the disk, so a process killed at any moment leaves either a
complete entry or none. The manifest shows later damage, such as files deleted by a cleaner of /tmp; the model is then
fetched again. The next process that looks for a model deletes the staging directories of killed ones. In an object
store, which has no renames, the manifest is written last and marks the entry as complete: see `object_store`.

`find_cached`, `get_or_fetch` and `refetch` work on a list of caches. `open_cache` gives one of them, to look up, verify
and remove its entries; `list_entries` and `prune_cache` work on all entries of one.
"""

from __future__ import annotations

from rehub.cache.admin import list_entries as list_entries
from rehub.cache.admin import prune_cache as prune_cache
from rehub.cache.interface import Entry as Entry
from rehub.cache.interface import Fetched as Fetched
from rehub.cache.interface import VerifyReport as VerifyReport
from rehub.cache.lookup import find_cached as find_cached
from rehub.cache.lookup import get_or_fetch as get_or_fetch
from rehub.cache.lookup import open_cache as open_cache
from rehub.cache.lookup import refetch as refetch
from rehub.cache.manifest import FileRecord as FileRecord
from rehub.cache.manifest import Manifest as Manifest
