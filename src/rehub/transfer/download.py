"""Downloads a model's archive over http(s) and unpacks it on the way; tells what came when it was none."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from rehub import config
from rehub.errors import CorruptArchive
from rehub.escaping import escape_url, quote_url
from rehub.transfer import disk_space, integrity, progress
from rehub.transfer.archives import kind_of, peeked, unpack_archive
from rehub.transfer.body import Body
from rehub.transfer.connections import connections
from rehub.transfer.hops import Trace, ask, shown
from rehub.transfer.retries import PassingFailure, Patience

if TYPE_CHECKING:
    from pathlib import Path

    from rehub.cache import FileRecord
    from rehub.transfer.members import Limits


@dataclass(frozen=True)
class Download:
    """What a download has brought.

    Attributes:
        url: where it came from: the last of the redirects that is no signed URL, which soon means nothing.
        files: every file that was written.
    """

    url: str
    files: tuple[FileRecord, ...]


def download_archive(
    url: str,
    into: Path,
    *,
    handle: str,
    sha256: str | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    limits: Limits | None = None,
) -> Download:
    """Downloads an archive and unpacks it, in one pass and in bounded memory.

    Where the server breaks off, it is asked for the rest, if it can give that, or again from the start. A server that
    is silent, or gives next to nothing, for the time of the timeout has broken off.

    Args:
        url: where the archive is.
        into: an empty directory. On any error it is empty again.
        handle: what the user asked for; it stands in every message.
        sha256: what the archive must hash to, in hex.
        timeout: seconds that the server may be silent; see `config.TIMEOUT`.
        retries: how often to try again; see `config.RETRIES`.
        limits: how much the archive may hold; else what the settings say.

    Raises:
        DownloadError: no connection, a status other than 200, a page instead of an archive, or a body that ends
            before its end; with every hop, the status and the start of what came.
        HashMismatch: the bytes are others than the user or the server promised.
        CorruptArchive: the body is neither an archive nor text, or no whole archive.
        UnsafeArchive: the archive holds what a model's archive must not hold.
        DiskFull: there is no room for it.
    """
    seconds = config.TIMEOUT.get(timeout)
    name = quote_url(handle)
    patience = Patience(config.RETRIES.get(retries), name)
    trace = Trace(handle, url)
    with connections() as session:
        while True:
            try:
                response = ask(session, trace, seconds=seconds)
                with response, contextlib.closing(Body(session, response, trace, patience, seconds)) as body:
                    promises = integrity.of_user(sha256) + integrity.of_server(response.headers)
                    files = _unpack(body, into, name, integrity.Check(promises, name), trace, limits)
                return Download(trace.page, files)
            except PassingFailure as failure:
                patience.wait(failure)


def _unpack(
    body: Body, into: Path, name: str, check: integrity.Check, trace: Trace, limits: Limits | None
) -> tuple[FileRecord, ...]:
    if body.length is not None:
        disk_space.require(body.length, into, f"{name}, as an archive,")
    with progress.track_bytes(escape_url(trace.handle), body.length) as advance:
        head, stream = peeked(_Watched(body, check, advance))
        _check_is_archive(head, body.content_type, trace)
        return unpack_archive(stream, into, name=name, limits=limits)


class _Watched:
    """A body whose bytes are counted for the progress, and hashed; its end is reached only when the hash is right."""

    def __init__(self, body: Body, check: integrity.Check, advance: Callable[[int], object]) -> None:
        self._body = body
        self._check = check
        self._advance = advance

    def read(self, size: int) -> bytes:
        chunk = self._body.read(size)
        self._advance(len(chunk))
        self._check.update(chunk)
        if size and not chunk:
            self._check.finish()
        return chunk


def _check_is_archive(head: bytes, sent_as: str, trace: Trace) -> None:
    if kind_of(head) is not None:
        return
    if not head:
        raise trace.failure("the answer is empty.")
    start = f"It was sent as {sent_as} and starts with: {shown(head)}"
    if head.lstrip()[:1] in (b"<", b"{", b"[") or sent_as.startswith(("text/", "application/json")):
        raise trace.failure(
            "a page came instead of an archive: the login page of a network or proxy, a page of the model's site, "
            f"or the server does not speak the hosting protocol.\n  {start}"
        )
    raise CorruptArchive(
        trace.message(f"what came is no archive (tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip). {start}")
    )
