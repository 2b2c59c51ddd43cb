"""PUT and DELETE of a version: `rehub publish` and `rehub unpublish` speak this."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import logging
import re
from http import HTTPStatus
from pathlib import Path
from typing import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from rehub.errors import DiskFull, HubError, InvalidHandle
from rehub.formatting import format_size
from rehub.server.access import Visitor
from rehub.server.names import ModelName, parse_name_to_publish
from rehub.server.publishing import VersionTaken, VersionWithdrawn
from rehub.server.service import Service
from rehub.strict_parsing import Malformed, get_field, parse_json

_log = logging.getLogger(__name__)

_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_LONGEST_REASON = 4096
_SECONDS_FOR_CHUNK = 120


class Refusal(HTTPException):
    """An upload that is refused, with the status that says why. `answer_refusal` answers with it."""


async def put_model(request: Request, service: Service, visitor: Visitor) -> Response:
    """Publish the archive in the body: 201, or 200 if the same content was published before, or an error as JSON."""
    try:
        name = _name_for(request, service, visitor)
        expected = _expected_digest(request)
        with service.hub.staging() as staging:
            archive = staging / "upload"
            await _receive_archive(request, archive, expected, service.options.max_upload)
            done = await asyncio.to_thread(
                service.hub.publish, name, archive, staging, scan_policy=service.options.scan_policy
            )
    except ClientDisconnect:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # The client has gone.
    except (HubError, OSError) as error:
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _DISK_FULL):
            _log.error("%s is not published: %s", request.url.path, error)
            raise Refusal(HTTPStatus.INSUFFICIENT_STORAGE, "The service has no room for this model.") from error
        if not isinstance(error, HubError):
            raise
        raise Refusal(_status_of(error), str(error)) from error
    stored = service.hub.tree.find(done.name)
    if stored is not None:
        with contextlib.suppress(FileNotFoundError):  # It was withdrawn meanwhile.
            await asyncio.to_thread(service.catalogue.add, stored)
    record = {"name": str(done.name), "version": done.name.version, "sha256": done.sha256, "is_new": done.is_new}
    status = HTTPStatus.CREATED if done.is_new else HTTPStatus.OK
    return JSONResponse(record, status, headers={"Location": f"/{done.name}", "Cache-Control": "no-store"})


async def delete_model(request: Request, service: Service, visitor: Visitor) -> Response:
    """Withdraw a version; the body is JSON with the `reason`."""
    try:
        name = _name_for(request, service, visitor)
        reason = await _receive_reason(request)
        await asyncio.to_thread(service.hub.unpublish, name, reason)
    except HubError as error:
        raise Refusal(HTTPStatus.NOT_FOUND, str(error)) from error
    await asyncio.to_thread(service.catalogue.remove, name)
    return JSONResponse({"name": str(name), "withdrawn": True}, headers={"Cache-Control": "no-store"})


def _name_for(request: Request, service: Service, visitor: Visitor) -> ModelName:
    if not service.options.can_publish:
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED, "Nothing can be published here: this service only reads its models."
        )
    if visitor.token is None:
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Publishing needs a token: Authorization: Bearer TOKEN.")
    name = parse_name_to_publish(request.path_params["path"])
    if not visitor.can_publish(name.publisher):
        raise Refusal(HTTPStatus.FORBIDDEN, f"This token does not allow to publish as {name.publisher}.")
    return name


def _expected_digest(request: Request) -> bytes | None:
    header = request.headers.get("content-digest")
    if header is None:
        return None
    found = _SHA256.search(header)
    if found is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, "Content-Digest must hold sha-256=:...: (RFC 9530).")
    return base64.b64decode(found[1])


async def _receive_archive(request: Request, archive: Path, expected: bytes | None, limit: int) -> None:
    digest, size = hashlib.sha256(), 0
    with archive.open("xb") as file:
        async for chunk in _iterate_body(request):
            size += len(chunk)
            if size > limit:
                raise Refusal(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"The archive has more than {format_size(limit)}, the most that this service takes.",
                )
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    if expected is not None and digest.digest() != expected:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The archive that arrived is not the one that Content-Digest names.")


async def _iterate_body(request: Request) -> AsyncIterator[bytes]:
    """Yield the pieces of the body; refuse a client that stops sending."""
    chunks = request.stream()
    while True:
        try:
            yield await asyncio.wait_for(chunks.__anext__(), _SECONDS_FOR_CHUNK)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            message = f"Nothing has arrived for {_SECONDS_FOR_CHUNK} seconds."
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, message) from None


async def _receive_reason(request: Request) -> str:
    body = b""
    async for chunk in _iterate_body(request):
        body += chunk
        if len(body) > _LONGEST_REASON:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A reason has at most {_LONGEST_REASON} bytes.")
    try:
        reason = get_field(parse_json(body), "reason", str)
    except Malformed:
        reason = None
    if reason is None or not reason.strip():
        raise Refusal(HTTPStatus.BAD_REQUEST, 'Say why: the body is JSON with a "reason".')
    return " ".join(reason.split())


def _status_of(error: HubError) -> HTTPStatus:
    if isinstance(error, VersionTaken):
        return HTTPStatus.CONFLICT
    if isinstance(error, VersionWithdrawn):
        return HTTPStatus.GONE
    if isinstance(error, InvalidHandle):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.UNPROCESSABLE_ENTITY  # Not an archive, a dangerous one, or one without a model.


async def answer_refusal(_: Request, error: Exception) -> Response:
    """Return a refusal as JSON."""
    assert isinstance(error, Refusal)
    headers = {"Cache-Control": "no-store"}
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="rehub", Basic realm="rehub"'
    return JSONResponse({"error": error.detail}, error.status_code, headers=headers)
