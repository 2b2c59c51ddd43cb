"""Publish to a service over HTTP, and withdraw from it. It needs no more than the library does."""

from __future__ import annotations

import base64
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable
from urllib.parse import urlsplit

import requests
from requests.exceptions import SSLError

from rehub import config
from rehub.errors import DownloadError, HubError
from rehub.escaping import escape, quote_url
from rehub.hashing import hash_file
from rehub.server.names import ModelName, parse_name_to_publish
from rehub.transfer import progress
from rehub.transfer.archives import pack_directory
from rehub.transfer.connections import Session, open_session
from rehub.transfer.http import describe_root_cause, list_http_errors
from rehub.transfer.retries import RetryPolicy, TransientError, parse_retry_after

_LONGEST_MESSAGE = 2000
_BYTES_CHECKED_PER_SECOND = 1e6
TOKEN_VARIABLE = "REHUB_PUBLISH_TOKEN"  # noqa: S105 (the name of a variable)


class PublishFailed(HubError, OSError):
    """A service did not take a version, or did not withdraw it."""


@dataclass(frozen=True)
class RemotePublication:
    """What a service said of a version.

    Attributes:
        url: by which it is loaded.
        sha256: of the archive that the service gives.
        is_new: False if the same content was there before.
    """

    url: str
    sha256: str
    is_new: bool


def publish_to_url(directory: Path, url: str) -> RemotePublication:
    """Publish a model's directory, or an archive of one, to a service.

    Args:
        directory: the model's directory, or a `.tar.gz` of it.
        url: `https://host/publisher/name[/version]`; without a version the service takes the next number.

    Raises:
        PublishFailed: the service refused it, or cannot be reached; says why.
        InvalidHandle: the URL names no model that can be published.
    """
    _name_in(url)
    with tempfile.TemporaryDirectory() as scratch:
        archive = directory
        if directory.is_dir():
            archive = Path(scratch, "model.tar.gz")
            pack_directory(directory, archive)
        with archive.open("rb") as file:
            digest = hash_file(file).digest()
        headers = {
            "Content-Type": "application/gzip",
            "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
        }
        answer = _publish_archive(url, archive, headers)
    published = urlsplit(url)._replace(path=f"/{answer['name']}").geturl()
    return RemotePublication(published, str(answer["sha256"]), bool(answer["is_new"]))


def unpublish_from_url(url: str, reason: str) -> None:
    """Withdraw a version from a service; the reason is shown to those who still ask for it."""
    if _name_in(url).version is None:
        raise PublishFailed(f"{quote_url(url)} names no version. A withdrawal is of one version: add /1, for example.")
    _run_request(
        url, lambda session: _send_request(session, "DELETE", url, {}, config.TIMEOUT.get(), json={"reason": reason})
    )


def _publish_archive(url: str, archive: Path, headers: dict[str, str]) -> dict[str, Any]:
    size = archive.stat().st_size
    # The service answers when it has unpacked and scanned the model.
    seconds = config.TIMEOUT.get() + size / _BYTES_CHECKED_PER_SECOND

    def send_archive(session: Session) -> dict[str, Any]:
        with archive.open("rb") as file, progress.track_bytes(quote_url(url), size) as advance:
            return _send_request(session, "PUT", url, headers, seconds, data=_Upload(file, size, advance))

    return _run_request(url, send_archive)


def _name_in(url: str) -> ModelName:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise PublishFailed(
            f"{quote_url(url)} is not a place to publish to. Expected https://host/publisher/name, with /version after "
            "it if the number matters."
        )
    return parse_name_to_publish(parts.path)


class _Upload:
    """A file that requests sends with its Content-Length, and whose progress is shown."""

    def __init__(self, file: IO[bytes], size: int, advance: Callable[[int], object]) -> None:
        self._file = file
        self._size = size
        self._advance = advance

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._advance(len(chunk))
        return chunk


def _run_request(url: str, send: Callable[[Session], dict[str, Any]]) -> dict[str, Any]:
    """Return what the service answers, after retries of transient failures."""
    policy = RetryPolicy(config.RETRIES.get(), quote_url(url))
    if config.OFFLINE.get():
        raise PublishFailed(f"{quote_url(url)} is not asked: REHUB_OFFLINE forbids the network.")
    try:
        with open_session() as session:
            return policy.run(lambda: send(session))
    except DownloadError as error:
        raise PublishFailed(str(error)) from error


def _send_request(
    session: Session, method: str, url: str, headers: dict[str, str], seconds: float, **body: Any
) -> dict[str, Any]:
    """Send a request once; raise a `TransientError` if another attempt may help and cannot publish twice."""
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        headers = {**headers, "Authorization": f"Bearer {token}"}
    session.deadline.start(seconds)
    try:
        # A redirect would lose the body, or send the token to another host.
        answer = session.request(
            method,
            url,
            headers=headers,
            timeout=(config.TIMEOUT.get(), seconds),
            allow_redirects=False,
            auth=_no_auth if token else None,
            **body,
        )
        found = _parse_answer(answer)
    except list_http_errors() as error:
        message = f"{quote_url(url)} cannot be reached: {describe_root_cause(error, url)}"
        # Without a version, the same archive again would be the next version.
        can_retry = _name_in(url).version is not None and not isinstance(error, (SSLError, ValueError))
        failure: HubError = TransientError(message) if can_retry else PublishFailed(message)
    else:
        if answer.status_code in (200, 201) and "name" in found:
            return found
        failure = _explain_refusal(url, answer, found)
    # Raised here, without a context: errors of `requests` hold the URL with its secrets.
    raise failure


def _parse_answer(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _explain_refusal(url: str, answer: requests.Response, found: dict[str, Any]) -> HubError:
    reason = found.get("error")
    said = escape(reason, _LONGEST_MESSAGE) if isinstance(reason, str) else "it gave no reason"
    message = f"{quote_url(url)}: the service answered {answer.status_code}: {said}"
    if answer.status_code in (429, 503):
        return TransientError(message, pause=parse_retry_after(answer.headers))
    if answer.status_code == 401:
        message += f" Set {TOKEN_VARIABLE}, or put the token as the password of this host into ~/.netrc."
    if answer.status_code == 413 and not isinstance(reason, str):
        message += ". A proxy in front of the service limits the size of requests (nginx: client_max_body_size)."
    return PublishFailed(message)


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from replacing the token by a login of ~/.netrc."""
    return request
