"""Pin a handle: add the hash, commit or version that makes it mean the same bytes forever."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from rehub import config
from rehub.cache import Fetched, get_or_fetch, open_cache
from rehub.errors import InvalidHandle
from rehub.handles import Handle, Scheme, parse_handle
from rehub.hashing import hash_file
from rehub.redaction import redact_text
from rehub.resolvers.fetching import require_network
from rehub.resolvers.hosting import download_to_file
from rehub.resolvers.registry import resolve
from rehub.transfer.archives import unpack_verified

_COMMIT = re.compile("[0-9a-f]{40}")

# The manifest records the page of the version that a handle without a version led to.
_KAGGLE_PAGE = re.compile("/([0-9]+)$")
_HUGGING_FACE_PAGE = re.compile("/tree/([0-9a-f]{40})(?:/|$)")


def pin_handle(text: str) -> str:
    """Return the handle with its hash, commit or version. The model is in the cache afterwards.

    An archive gets `#sha256=`, a model of Hugging Face its commit, one of Kaggle its version: the latest on the server,
    not that in the cache.

    Raises:
        InvalidHandle: such a handle cannot be pinned, or holds a password; says what to do.
        HubError: it cannot be fetched, as for `resolve`.
    """
    handle = parse_handle(text)
    if redact_text(text) != text:
        raise InvalidHandle(
            f"{redact_text(text)!r} holds a password or a signature, which must not be written to a file. "
            "Give the login in ~/.netrc, and the URL without it."
        )
    if handle.sha256 is not None:
        resolve(text)
        return text
    if handle.scheme in (Scheme.URL, Scheme.TFHUB):
        return _pin_download(handle)
    if handle.scheme is Scheme.PATH:
        return _pin_file(handle)
    if handle.scheme in (Scheme.KAGGLE, Scheme.HUGGING_FACE):
        return _pin_version(handle)
    raise _cannot_pin(handle, "it is copied from an object store, file by file. Serve an archive of it over https")


def _pin_download(handle: Handle) -> str:
    require_network(handle)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "archive")
        pinned = parse_handle(f"{handle.text}#sha256={download_to_file(handle, archive)}")
        get_or_fetch(
            config.cache_dirs(),
            pinned.canonical,
            lambda into: Fetched(
                handle.canonical, unpack_verified(archive, into, name=repr(handle.text), sha256=pinned.sha256)
            ),
        )
    return pinned.text


def _pin_file(handle: Handle) -> str:
    path = os.path.expanduser(handle.location)
    if os.path.isdir(path):
        raise _cannot_pin(handle, f"it is a directory. Pack it: rehub export {handle.text} ARCHIVE.tar.gz")
    resolve(handle.text)
    with open(path, "rb") as file:
        return f"{handle.text}#sha256={hash_file(file).hexdigest()}"


def _pin_version(handle: Handle) -> str:
    is_pinned = handle.version is not None and (handle.scheme is Scheme.KAGGLE or _COMMIT.fullmatch(handle.version))
    resolve(handle.text, refresh=None if is_pinned else True)
    if is_pinned:
        return handle.text
    entries = (open_cache(root).find_entry(handle.canonical) for root in config.cache_dirs())
    page = next((entry.url for entry in entries if entry is not None and entry.url), "")
    match = (_KAGGLE_PAGE if handle.scheme is Scheme.KAGGLE else _HUGGING_FACE_PAGE).search(page)
    if match is None:
        raise _cannot_pin(handle, "the version that it led to is not known. Name a version")
    directory = f"/{handle.directory}" if handle.directory else ""
    pinned = (
        f"kaggle://{handle.location}/{match.group(1)}"
        if handle.scheme is Scheme.KAGGLE
        else f"hf://{handle.location}@{match.group(1)}{directory}"
    )
    resolve(pinned)
    return pinned


def _cannot_pin(handle: Handle, reason: str) -> InvalidHandle:
    return InvalidHandle(f"{handle.text!r} cannot be pinned: {reason}.")
