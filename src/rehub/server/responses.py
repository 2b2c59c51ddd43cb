"""Answers with a file: conditional requests, ranges, digests and caching as RFC 9110, RFC 9530 and RFC 8246 say."""

from __future__ import annotations

import base64
import re
from typing import Mapping

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from rehub.server.archives import Archive

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

# One range of bytes. A server may ignore a Range that it does not support (RFC 9110, 14.2): several ranges, other units
# and malformed ones get the whole file.
_ONE_RANGE = re.compile(r"bytes=(\d{1,18}-\d{0,18}|-\d{1,18})")


class _LargeChunks(FileResponse):
    # Of a range, which is not sent by the kernel. Each chunk is a hop to a thread; with Starlette's 64 kB these hops
    # take most of the time. Each client that resumes holds about two chunks.
    chunk_size = 1 << 18


def send_archive(
    request: Request, archive: Archive, *, is_immutable: bool, accel_prefix: str | None = None
) -> Response:
    """Return the answer with an archive.

    Args:
        request: its conditions and range are respected.
        archive: the file.
        is_immutable: whether the URL always gives these bytes, so that caches may keep them without asking.
        accel_prefix: where nginx finds the archives' directory as an internal location; nginx sends the bytes then.
    """
    etag = f'"{archive.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": IMMUTABLE if is_immutable else REVALIDATE,
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(archive.sha256)).decode()}:",
        "Accept-Ranges": "bytes",
    }
    if is_not_modified(request, etag):
        return Response(status_code=304, headers=headers)
    if accel_prefix is not None:
        place = f"{accel_prefix.rstrip('/')}/sha256/{archive.sha256[:2]}/{archive.path.name}"
        return Response(media_type="application/gzip", headers={**headers, "X-Accel-Redirect": place})
    return send_file(request, str(archive.path), "application/gzip", headers)


def send_file(request: Request, path: str, media_type: str, headers: Mapping[str, str]) -> Response:
    """Return the answer with a file, or with the range of it that the request asks for."""
    asked = request.headers.get("range")
    if asked is not None and _ONE_RANGE.fullmatch(asked.strip().replace(" ", "")) is None:
        return _WithoutRange(path, media_type=media_type, headers=dict(headers))
    return _LargeChunks(path, media_type=media_type, headers=dict(headers))


def is_not_modified(request: Request, etag: str) -> bool:
    """Whether the client has this representation already (If-None-Match, compared weakly)."""
    asked = request.headers.get("if-none-match")
    if asked is None or request.method not in ("GET", "HEAD"):
        return False
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return "*" in tags or etag in tags


class _WithoutRange(_LargeChunks):
    """The whole file: the Range of the request is ignored."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)
