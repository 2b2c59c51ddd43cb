"""Publish to a service over HTTP, and withdraw from it. It needs no more than the library does."""

from __future__ import annotations

import base64
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit, urlunsplit

import requests

from rehub import config
from rehub.errors import HubError
from rehub.escaping import escape, quote_url
from rehub.hashing import hash_file
from rehub.server.names import parse_name_to_publish
from rehub.transfer import pack_directory, progress

if TYPE_CHECKING:
    from rehub.server.names import ModelName

_LONGEST_MESSAGE = 2000
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
        size = archive.stat().st_size
        with archive.open("rb") as file, progress.track_bytes(quote_url(url), size) as advance:
            answer = _send_request("PUT", url, headers, data=_Upload(file, size, advance))
    return RemotePublication(_with_path(url, str(answer["name"])), str(answer["sha256"]), bool(answer["is_new"]))


def unpublish_from_url(url: str, reason: str) -> None:
    """Withdraw a version from a service; the reason is shown to those who still ask for it."""
    if _name_in(url).version is None:
        raise PublishFailed(f"{quote_url(url)} names no version. A withdrawal is of one version: add /1, for example.")
    _send_request("DELETE", url, {}, json={"reason": reason})


def _name_in(url: str) -> ModelName:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise PublishFailed(
            f"{quote_url(url)} is not a place to publish to. Expected https://host/publisher/name, with /version after "
            "it if the number matters."
        )
    return parse_name_to_publish(parts.path)


def _with_path(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/" + path, "", ""))


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


def _send_request(method: str, url: str, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    token = os.environ.get(TOKEN_VARIABLE)
    if token:
        headers = {**headers, "Authorization": f"Bearer {token}"}
    try:
        # A redirect would lose the body, or send the token to another host.
        answer = requests.request(
            method,
            url,
            headers=headers,
            timeout=config.TIMEOUT.get(),
            verify=config.verify_certificates(),
            allow_redirects=False,
            auth=_no_auth if token else None,
            **body,
        )
    except requests.RequestException as error:
        raise PublishFailed(f"{quote_url(url)} cannot be reached: {escape(error, _LONGEST_MESSAGE)}") from error
    try:
        found = answer.json()
    except ValueError:
        found = {}
    if answer.status_code in (200, 201) and isinstance(found, dict) and "name" in found:
        return found
    reason = found.get("error") if isinstance(found, dict) else None
    said = escape(reason, _LONGEST_MESSAGE) if isinstance(reason, str) else "it gave no reason"
    hint = ""
    if answer.status_code == 401:
        hint = f" Set {TOKEN_VARIABLE}, or put the token as the password of this host into ~/.netrc."
    raise PublishFailed(f"{quote_url(url)}: the service answered {answer.status_code}: {said}{hint}")


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from replacing the token by a login of ~/.netrc."""
    return request
