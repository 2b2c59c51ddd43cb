"""Downloads an archive as it is into a file, and tells its sha256."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from rehub import config
from rehub.escaping import escape_url, quote_url
from rehub.transfer import progress
from rehub.transfer.body import Body
from rehub.transfer.connections import connections
from rehub.transfer.hops import Trace, ask
from rehub.transfer.retries import PassingFailure, Patience

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 20


def download_file(url: str, path: Path, *, handle: str) -> str:
    """Download what a URL answers with, and return its sha256 in hex.

    Args:
        url: where the archive is.
        path: the file to write; replaced when a download starts again.
        handle: what the user asked for, for messages.

    Raises:
        DownloadError: no connection, or a status other than 200, after as many attempts as the settings allow.
    """
    seconds = config.TIMEOUT.get()
    patience = Patience(config.RETRIES.get(), quote_url(handle))
    trace = Trace(handle, url)
    with connections() as session:
        while True:
            digest = hashlib.sha256()
            try:
                response = ask(session, trace, seconds=seconds)
                with response, contextlib.closing(Body(session, response, trace, patience, seconds)) as body:
                    _copy(body, path, digest, escape_url(handle))
                return digest.hexdigest()
            except PassingFailure as failure:
                patience.wait(failure)


def _copy(body: Body, path: Path, digest: Any, label: str) -> None:
    with path.open("wb") as file, progress.track_bytes(label, body.length) as advance:
        for chunk in iter(lambda: body.read(_CHUNK), b""):
            digest.update(chunk)
            file.write(chunk)
            advance(len(chunk))
