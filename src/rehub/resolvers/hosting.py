"""Resolves URLs: archives, and models on servers that speak TensorFlow Hub's hosting protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, TypeVar

from rehub import config
from rehub.cache import Fetched
from rehub.errors import DownloadError, HubError, LocationUnavailable
from rehub.escaping import quote_url
from rehub.handles import Handle, Scheme, parse_handle
from rehub.hosting_protocol import COMPRESSED, add_query_item, is_allowed_location, request_uncompressed
from rehub.resolvers import object_store
from rehub.resolvers.fetching import fetch_into_cache, require_network
from rehub.transfer import download_archive, download_file, fetch_location

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """The directory of what a URL names: in the cache, where it is downloaded to when it is not there.

    With the load format UNCOMPRESSED it is the directory in an object store that the server tells, as
    `resolvers.object_store` resolves it.

    Raises:
        DownloadError: the server did not give it.
        LocationUnavailable: the server tells no place in an object store.
        HashMismatch: what came is not what the handle or the server promised.
        CorruptArchive: what came is no archive, or not a whole one.
        UnsafeArchive: the archive holds what a model's archive must not hold.
        DiskFull: there is no room for it.
    """
    if config.reads_remotely():
        return _place_in_object_store(handle, refresh=refresh)
    return fetch_into_cache(handle, lambda directory: _download(handle, directory), refresh=refresh)


def download_to_file(handle: Handle, path: Path) -> str:
    """Download the archive of a URL as it is, and return its sha256; raises `DownloadError` as `resolve` does."""
    return _first_answer(handle, lambda url: download_file(url, path, handle=handle.text))


def _download(handle: Handle, into: Path) -> Fetched:
    brought = _first_answer(handle, lambda url: download_archive(url, into, handle=handle.text, sha256=handle.sha256))
    return Fetched(brought.url, brought.files)


def _first_answer(handle: Handle, download: Callable[[str], _T]) -> _T:
    """What `download` makes of the URL that answers with the model's archive."""
    url = _asked(handle)
    try:
        return download(url)
    except DownloadError as error:
        # A server of the hosting protocol may have models whose names end like an archive's.
        if error.status != 404 or add_query_item(url, COMPRESSED) == url:
            raise
        return download(add_query_item(url, COMPRESSED))


def _place_in_object_store(handle: Handle, *, refresh: bool) -> str:
    require_network(handle)
    location = fetch_location(request_uncompressed(_asked(handle)), handle=handle.text)
    if not is_allowed_location(location):
        raise _no_place(handle, location)
    try:
        place = parse_handle(location)
    except HubError as error:
        raise _no_place(handle, location) from error
    return object_store.resolve(place, refresh=refresh)


def _asked(handle: Handle) -> str:
    """The URL that answers, at the mirror where there is one for tfhub.dev."""
    if handle.scheme is Scheme.TFHUB:
        return handle.location.replace("https://tfhub.dev", config.TFHUB_ENDPOINT.get(), 1)
    return handle.location


def _no_place(handle: Handle, location: str) -> LocationUnavailable:
    return LocationUnavailable(
        f"{handle.quoted}: with the load format UNCOMPRESSED the server must tell a place in an "
        f"object store, such as gs://bucket/model, and it told {quote_url(location, 200)}. "
        "With COMPRESSED the model is downloaded."
    )
