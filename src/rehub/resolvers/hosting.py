"""Resolve URLs: archives, and models on servers that speak the hosting protocol of TensorFlow Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, TypeVar

from rehub import config
from rehub.cache import Fetched
from rehub.errors import DownloadError, HubError, LocationUnavailable
from rehub.escaping import quote_url
from rehub.handles import Handle, Scheme, parse_handle
from rehub.hosting_protocol import COMPRESSED, add_query_item, is_allowed_location, request_uncompressed
from rehub.resolvers import object_store
from rehub.resolvers.fetching import fetch_into_cache, require_network
from rehub.transfer.download import download_archive, download_file
from rehub.transfer.location import fetch_location

_T = TypeVar("_T")


def resolve(handle: Handle, *, refresh: bool = False) -> str:
    """Return the directory of a model at a URL: in the cache, to which it is downloaded if necessary.

    With the load format UNCOMPRESSED it is the directory in an object store that the server names, as
    `resolvers.object_store` resolves it.

    Raises:
        DownloadError: the download failed.
        LocationUnavailable: the server names no location in an object store.
        HashMismatch: the download does not have the digest given by the handle or the server.
        CorruptArchive: the download is not an archive, or incomplete.
        UnsafeArchive: the archive holds something that a model's archive must not hold.
        DiskFull: there is no room for it.
    """
    if config.reads_remotely():
        return _resolve_remotely(handle, refresh=refresh)
    return fetch_into_cache(handle, lambda directory: _download_archive(handle, directory), refresh=refresh)


def download_to_file(handle: Handle, path: Path) -> str:
    """Download the archive of a URL as it is, and return its sha256; raise `DownloadError` as `resolve` does."""
    return _try_urls(handle, lambda url: download_file(url, path, handle=handle.text))


def _download_archive(handle: Handle, into: Path) -> Fetched:
    return _try_urls(handle, lambda url: download_archive(url, into, handle=handle.text, sha256=handle.sha256))


def _try_urls(handle: Handle, download: Callable[[str], _T]) -> _T:
    """Return the result of `download` for the first URL that answers with the model's archive."""
    url = _request_url(handle)
    try:
        return download(url)
    except DownloadError as error:
        # A server of the hosting protocol may have models whose names end like those of archives.
        if error.status != 404 or add_query_item(url, COMPRESSED) == url:
            raise
        return download(add_query_item(url, COMPRESSED))


def _resolve_remotely(handle: Handle, *, refresh: bool) -> str:
    require_network(handle)
    location = fetch_location(request_uncompressed(_request_url(handle)), handle=handle.text)
    if not is_allowed_location(location):
        raise _invalid_location(handle, location)
    try:
        parsed = parse_handle(location)
    except HubError as error:
        raise _invalid_location(handle, location) from error
    return object_store.resolve(parsed, refresh=refresh)


def _request_url(handle: Handle) -> str:
    """Return the URL to request, which for tfhub.dev may be that of a mirror."""
    if handle.scheme is Scheme.TFHUB:
        return handle.location.replace("https://tfhub.dev", config.TFHUB_ENDPOINT.get(), 1)
    return handle.location


def _invalid_location(handle: Handle, location: str) -> LocationUnavailable:
    return LocationUnavailable(
        f"{handle.quoted}: with the load format UNCOMPRESSED the server must answer with a location in an "
        f"object store, such as gs://bucket/model. It answered: {quote_url(location, 200)}. "
        "With COMPRESSED the model is downloaded."
    )
