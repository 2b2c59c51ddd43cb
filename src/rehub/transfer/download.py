"""Download a model's archive over http(s): into a file, or unpacked as it arrives."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Callable, TypeVar

from rehub import config
from rehub.cache import Fetched
from rehub.errors import CorruptArchive
from rehub.escaping import escape_url, quote_url
from rehub.transfer import digests, progress
from rehub.transfer.archives import Limits, detect_format, peek, unpack_archive
from rehub.transfer.connections import open_session
from rehub.transfer.disk_space import require_space
from rehub.transfer.http import RequestLog, get_response, quote_start
from rehub.transfer.resume import ResumableBody
from rehub.transfer.retries import RetryPolicy

if TYPE_CHECKING:
    import requests


T = TypeVar("T")

_CHUNK = 1 << 20


def download_archive(
    url: str,
    into: Path,
    *,
    handle: str,
    sha256: str | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    limits: Limits | None = None,
) -> Fetched:
    """Download an archive and unpack it, in one pass and in bounded memory.

    If the server breaks off, the rest is requested, or all of it again if the server cannot send parts. A server that
    is silent, or sends next to nothing, for the time of the timeout has broken off.

    Args:
        url: the archive's URL.
        into: an empty directory. Empty again after an error.
        handle: what the user typed, for messages.
        sha256: the digest that the archive must have, in hex.
        timeout: seconds that the server may be silent; see `config.TIMEOUT`.
        retries: how often to try again; see `config.RETRIES`.
        limits: how much the archive may hold; None takes those of the settings.

    Raises:
        DownloadError: there is no connection, a status other than 200, a page instead of an archive, or an incomplete
            body; with every redirect, the status and the start of the body.
        HashMismatch: the bytes do not have the digest given by the user or the server.
        CorruptArchive: the body is neither an archive nor text, or an incomplete archive.
        UnsafeArchive: the archive holds something that a model's archive must not hold.
        DiskFull: there is no room for it.
    """
    name = quote_url(handle)

    def unpack_body(body: ResumableBody, response: requests.Response, log: RequestLog) -> Fetched:
        expected = digests.expect_from_handle(sha256) + digests.expect_from_headers(response.headers)
        verifier = digests.DigestVerifier(expected, name)
        if body.length is not None:
            require_space(body.length, into, f"{name}, as an archive,")
        with progress.track_bytes(escape_url(handle), body.length) as advance:
            head, stream = peek(_VerifiedBody(body, verifier, advance))
            _require_archive(head, body.content_type, log)
            return Fetched(log.final_url, unpack_archive(stream, into, name=name, limits=limits))

    return _consume_body(url, handle, unpack_body, timeout, retries)


def download_file(url: str, path: Path, *, handle: str) -> str:
    """Download a file as it is, and return its sha256 in hex.

    Args:
        url: the file's URL.
        path: the file to write; replaced if the download starts again.
        handle: what the user typed, for messages.

    Raises:
        DownloadError: there is no connection, or a status other than 200, after all retries.
    """

    def write_body(body: ResumableBody, *_: object) -> str:
        digest = hashlib.sha256()
        with path.open("wb") as file, progress.track_bytes(escape_url(handle), body.length) as advance:
            for chunk in iter(lambda: body.read(_CHUNK), b""):
                digest.update(chunk)
                file.write(chunk)
                advance(len(chunk))
        return digest.hexdigest()

    return _consume_body(url, handle, write_body)


def _consume_body(
    url: str,
    handle: str,
    consume: Callable[[ResumableBody, requests.Response, RequestLog], T],
    timeout: float | None = None,
    retries: int | None = None,
) -> T:
    """Request a URL, and call `consume` with the body; try again after transient failures of either."""
    seconds = config.TIMEOUT.get(timeout)
    policy = RetryPolicy(config.RETRIES.get(retries), quote_url(handle))
    log = RequestLog(handle, url)
    with open_session() as session:

        def attempt() -> T:
            response = get_response(session, log, seconds=seconds)
            with response, contextlib.closing(ResumableBody(session, response, log, policy, seconds)) as body:
                return consume(body, response, log)

        return policy.run(attempt)


class _VerifiedBody:
    """A body whose bytes are counted for the progress and hashed. Its end is reached only if the digest is right."""

    def __init__(self, body: ResumableBody, verifier: digests.DigestVerifier, advance: Callable[[int], object]) -> None:
        self._body = body
        self._verifier = verifier
        self._advance = advance

    def read(self, size: int) -> bytes:
        chunk = self._body.read(size)
        self._advance(len(chunk))
        self._verifier.update(chunk)
        if size and not chunk:
            self._verifier.verify()
        return chunk


def _require_archive(head: bytes, content_type: str, log: RequestLog) -> None:
    if detect_format(head) is not None:
        return
    if not head:
        raise log.make_error("the answer is empty.")
    start = f"It was sent as {content_type} and starts with: {quote_start(head)}"
    if head.lstrip()[:1] in (b"<", b"{", b"[") or content_type.startswith(("text/", "application/json")):
        raise log.make_error(
            "a page came instead of an archive: the login page of a network or proxy, a page of the model's site, "
            f"or the server does not speak the hosting protocol.\n  {start}"
        )
    raise CorruptArchive(
        log.format_error(f"the download is not an archive (tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip). {start}")
    )
