"""The store on disk: a model is in it, whole, or it is not in it.

    <cache>/<sha1 of the key>/                  the model's directory; the key of a URL is its text
    <cache>/<sha1 of the key>.manifest.json     what is in the directory: each file with its size and sha256
    <cache>/<sha1 of the key>.descriptor.txt    whose entry it is, in words, as tensorflow_hub writes it
    <cache>/<sha1 of the key>.<unique>.tmp/     a model on its way in; nobody reads it

The names are those of `tensorflow_hub`, so that each library finds what the other has fetched. A directory comes
under its name by one rename, after all of it is on the disk. So it is whole when it is there, whoever was killed
when; what takes files away later (a cleaner of /tmp) is seen by the manifest, and the model is fetched again.
"""

from __future__ import annotations

from rehub.cache.entry import Entry
from rehub.cache.manifest import FileRecord, Manifest
from rehub.cache.store import Delivery, find, obtain

__all__ = ["Delivery", "Entry", "FileRecord", "Manifest", "find", "obtain"]
