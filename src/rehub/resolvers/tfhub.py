"""Resolve URLs of tfhub.dev by the hosting protocol. Explain which models were deleted, and which was meant."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from rehub.errors import DownloadError, ModelNotFound
from rehub.handles import Handle
from rehub.resolvers import hosting
from rehub.resolvers.tfhub_models import suggest_model

# Not moved to Kaggle and deleted on 2024-03-18, according to the README of github.com/tensorflow/hub.
_DELETED = re.compile(
    r"/(inaturalist/vision/embedder/inaturalist_V2"
    r"|nvidia/unet/industrial/class_([1-9]|10)"
    r"|silero/silero-stt/(de|en|es)"
    r"|svampeatlas/vision/(classifier/fungi_mobile_V1|embedder/fungi_V2))(/\d+)?"
)


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """Return the directory in the cache of a model on tfhub.dev, whose server redirects to Kaggle.

    Raises:
        ModelNotFound: it was deleted when tfhub.dev moved to Kaggle.
        DownloadError: the download failed. If tfhub.dev never had the model, the message names a similar one.
    """
    try:
        return hosting.resolve(handle, refresh=refresh)
    except DownloadError as error:
        path = urlsplit(handle.canonical).path
        hint = suggest_model(path.strip("/")) if error.status == HTTPStatus.NOT_FOUND else ""
        if hint:
            with_hint = DownloadError(f"{error}\n{hint.strip()}")
            with_hint.status = error.status
            raise with_hint from error
        if not _DELETED.fullmatch(path):
            raise
        raise ModelNotFound(
            f"{handle.quoted} was deleted on 2024-03-18, because its publisher did not move it from tfhub.dev to "
            "Kaggle (github.com/tensorflow/hub has the list). Ask the publisher, or someone with a cache of "
            "tensorflow_hub that still has it: with TFHUB_CACHE_DIR set to a copy of that, this handle resolves.\n"
            f"The server answered: {error}"
        ) from error
