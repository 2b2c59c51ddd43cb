"""Resolves URLs of tfhub.dev: by the hosting protocol, and with the reason where a model is gone for good."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rehub.errors import DownloadError, ModelNotFound
from rehub.resolvers import hosting

if TYPE_CHECKING:
    from rehub.handles import Handle

# What the README of github.com/tensorflow/hub lists as never moved to Kaggle, and deleted on 2024-03-18.
_DELETED = re.compile(
    r"/(inaturalist/vision/embedder/inaturalist_V2"
    r"|nvidia/unet/industrial/class_([1-9]|10)"
    r"|silero/silero-stt/(de|en|es)"
    r"|svampeatlas/vision/(classifier/fungi_mobile_V1|embedder/fungi_V2))(/\d+)?"
)


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """The directory in the cache of a model on tfhub.dev, whose server redirects to Kaggle.

    Raises:
        ModelNotFound: it was deleted when tfhub.dev moved to Kaggle.
        DownloadError: the server did not give it.
    """
    try:
        return hosting.resolve(handle, refresh=refresh)
    except DownloadError as error:
        if not _DELETED.fullmatch(urlsplit(handle.canonical).path):
            raise
        raise ModelNotFound(
            f"{handle.quoted} is gone: its publisher did not move it from tfhub.dev to Kaggle, and it was deleted on "
            "2024-03-18 (github.com/tensorflow/hub has the list). Ask the publisher, or someone who still has it in a "
            "cache of tensorflow_hub: with TFHUB_CACHE_DIR set to a copy of that, this handle resolves.\n"
            f"What the server answered: {error}"
        ) from error
