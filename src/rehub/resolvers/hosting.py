"""Resolves URLs: archives, and models on servers that speak TensorFlow Hub's hosting protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub import config
from rehub.cache import Delivery, obtain
from rehub.transfer import open_url, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from rehub.handles import Handle


def resolve(handle: Handle) -> str:
    """The directory in the cache of what a URL names; downloaded when it is not there.

    Raises:
        DownloadError: the server did not give it.
        CorruptArchive: what came is no archive, or not a whole one.
        UnsafeArchive: the archive holds what a model's archive must not hold.
    """
    config.model_load_format()  # COMPRESSED is the one way yet; another is an error here.

    def fill(directory: Path) -> Delivery:
        with open_url(handle.location, handle=handle.text) as body:
            return Delivery(body.url, unpack(body.stream, directory, name=repr(handle.text)))

    return str(obtain(config.cache_dir(), handle.text, fill))
