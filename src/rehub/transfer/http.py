"""One GET request over http(s), with a log of its redirects for error messages."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping, cast
from urllib.parse import urljoin, urlsplit

from rehub.errors import DownloadError
from rehub.escaping import escape, escape_url, quote, quote_url
from rehub.redaction import is_signed, redact_secrets_of, redact_url
from rehub.strict_parsing import parse_count
from rehub.transfer.retries import TransientError, parse_retry_after

if TYPE_CHECKING:
    import requests

    from rehub.transfer.connections import Session

_MAX_HOPS = 20
_MAX_QUOTED = 200
_SECONDS_FOR_ERROR_BODY = 5.0

_HINTS = {
    401: "The server requires a login.",
    403: "The server refuses it: it may require a login, a consent on its web page, or a link that has not expired.",
    404: "The server does not have it: check the spelling and the version.",
    407: "The proxy requires a login: give it in HTTPS_PROXY.",
    410: "Its publisher has deleted it.",
    429: "The server asks to slow down: try again later.",
}
_TRANSIENT_STATUSES = (408, 425, 429, 500, 502, 503, 504)


@dataclass
class RequestLog:
    """The requested URL and the responses so far, for error messages.

    Attributes:
        handle: what the user asked for.
        url: the requested URL.
        hops: each response, as text without secrets.
        final_url: the last URL that has responded and is not signed, as a signed URL expires: it names the version of
            a handle without one.
    """

    handle: str
    url: str
    hops: list[str] = field(default_factory=list)
    final_url: str = ""

    def add_response(self, response: requests.Response) -> None:
        """Add a response."""
        url = response.url or ""
        self.hops.append(
            f"{response.status_code} {escape(response.reason or '', 60)} from {escape_url(url, _MAX_QUOTED)}"
        )
        if not self.final_url or not is_signed(url):
            self.final_url = redact_url(url)

    def format_error(self, reason: str) -> str:
        """Return the message of an error, without passwords and signatures."""
        hops = "".join(f"\n  answer: {hop}" for hop in self.hops)
        return f"{self.format_headline(reason)}\n  asked:  {escape_url(self.url)}{hops}"

    def format_headline(self, reason: str) -> str:
        """Return the first line of an error, which is enough if no server has answered."""
        return f"{quote_url(self.handle)} cannot be downloaded: {reason}"

    def make_error(self, reason: str, status: int | None = None) -> DownloadError:
        """Return an error that another attempt would not avoid."""
        error = DownloadError(self.format_error(reason))
        error.status = status
        return error


def get_response(
    session: Session,
    log: RequestLog,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    expected: tuple[int, ...] = (200,),
) -> requests.Response:
    """Request a URL and return the response with its body unread.

    Redirects are followed to http and https only, and never from https to http. Their bodies are not read.

    Args:
        session: from `transfer.connections`.
        log: has the URL, and records each response.
        seconds: the time limit for the connection, and then for the headers of each response.
        headers: sent with each request.
        expected: the statuses to return. A redirect that is among them is not followed.

    Raises:
        DownloadError: there is no response, its status is another one, or a redirect is refused; a `TransientError` if
            another attempt, from the start, may help.
    """
    log.hops, log.final_url = [], ""
    url = log.url
    for _ in range(_MAX_HOPS):
        result = _try_get(session, url, seconds, headers)
        if isinstance(result, Exception):
            # Raised here, without a context: errors of `requests` and urllib3 hold the URL with its secrets.
            raise _connection_error(result, log, seconds, url)
        response = result
        log.add_response(response)
        if response.status_code in expected:
            return response
        with response:
            if not response.is_redirect:
                raise _status_error(session, response, log)
            url = _redirect_target(url, response, log)
    raise log.make_error(f"there are more than {_MAX_HOPS} redirects.")


def _try_get(
    session: Session, url: str, seconds: float, headers: Mapping[str, str] | None
) -> requests.Response | Exception:
    """Return the response to a request, or the error."""
    import requests

    session.deadline.start(seconds)
    try:
        # Given here, as `requests` would look into .netrc first: before 2.32.4 by a part of the URL that is not always
        # the host (CVE-2024-47081), so that the redirect of one server could send it the password of another.
        login = requests.utils.get_auth_from_url(url)
        return session.get(
            url,
            stream=True,
            allow_redirects=False,
            timeout=(seconds, seconds),
            headers=dict(headers or {}),
            auth=login if any(login) else None,
        )
    except list_http_errors() as error:
        return error


def list_http_errors() -> tuple[type[Exception], ...]:
    """Return the errors that `requests` and the libraries below it raise for failed or malformed responses."""
    import requests
    import urllib3

    return (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
        OverflowError,
    )


def _redirect_target(url: str, response: requests.Response, log: RequestLog) -> str:
    """Return the URL of a redirect."""
    # Header fields are Latin-1 on the wire; servers that send more mean UTF-8.
    location = response.headers["Location"].encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
        is_same_server = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
    except ValueError:
        target = ""
    if not target:  # Raised here, without a context: the error quotes a part of the URL.
        raise log.make_error(f"it redirects to {quote_url(location, _MAX_QUOTED)}, which is not a URL.")
    if new.scheme not in ("http", "https") or not new.hostname:
        raise log.make_error(
            f"it redirects to {quote_url(target, _MAX_QUOTED)}. Redirects are followed to http and https only."
        )
    if old.scheme == "https" and new.scheme == "http":
        raise log.make_error(
            f"it redirects from https to {quote_url(target, _MAX_QUOTED)}, which could send another model."
        )
    if "@" in old.netloc and "@" not in new.netloc and is_same_server:
        # A login is for one server only.
        return new._replace(netloc=f"{old.netloc.rpartition('@')[0]}@{new.netloc}").geturl()
    return target


def _connection_error(error: Exception, log: RequestLog, seconds: float, url: str) -> DownloadError:
    import requests
    import urllib3

    if isinstance(error, (requests.Timeout, socket.timeout)):
        reason = f"the server did not answer within {seconds:g} seconds (REHUB_TIMEOUT sets how long to wait)."
        return TransientError(log.format_error(reason), once=True)
    cause = describe_root_cause(error, url)
    if isinstance(error, requests.exceptions.SSLError):
        return log.make_error(
            f"the connection is not secure: {cause}.\n"
            "Behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to the file with its certificates."
        )
    if isinstance(error, (ValueError, OverflowError, urllib3.exceptions.LocationParseError)):
        # Its text quotes a part of the URL, which may be a part of a password.
        return log.make_error(f"the URL or the server's answer is malformed ({type(error).__name__}).")
    if isinstance(error, (requests.ConnectionError, http.client.HTTPException, OSError)):
        if _is_caused_by(error, socket.gaierror):
            return log.make_error(f"{cause}. Is the host's name right, and is there a network?")
        if _is_caused_by(error, ConnectionRefusedError):
            parts = urlsplit(url)
            at = escape(f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
            reason = f"nothing answers at {at} (connection refused). Is the server running, and is the port right?"
            return TransientError(log.format_error(reason) if log.hops else log.format_headline(reason), once=True)
        return TransientError(log.format_error(f"{cause}."), once=True)
    return log.make_error(f"{cause}.")


def describe_root_cause(error: BaseException, url: str) -> str:
    """Return the innermost error of a chain as text: the outer ones repeat it and the URL."""
    root = error
    while (root.__cause__ or root.__context__) is not None:
        root = cast("BaseException", root.__cause__ or root.__context__)
    text = redact_secrets_of(url, str(root).strip())
    return escape(f"{type(root).__name__}: {text}" if text else type(root).__name__, 2 * _MAX_QUOTED)


def _is_caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Return whether an error of this type is in the chain of causes of `error`."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _status_error(session: Session, response: requests.Response, log: RequestLog) -> DownloadError:
    status = response.status_code
    hint = _HINTS.get(status)
    if hint is None:
        hint = "The server has a fault: try again later." if status >= 500 else "Expected status 200."
    start, problem = read_start(session, response, _MAX_QUOTED)
    body = quote_start(start) + problem
    reason = f"the server answered {status} {escape(response.reason or '', 60)}. {hint}\n  it says: {body}"
    if status in _TRANSIENT_STATUSES:
        pause = parse_retry_after(response.headers)
        return TransientError(log.format_error(reason), status=status, pause=pause)
    if status == 403 and len(log.hops) > 1:
        # tensorflow/hub#932: the target of the redirect is a signed URL, which expires. The first URL gives a new one.
        return TransientError(log.format_error(reason), status=status, once=True)
    return log.make_error(reason, status)


def read_start(session: Session, response: requests.Response, size: int) -> tuple[bytes, str]:
    """Return at most `size` bytes of a body, as many as arrive within seconds, and why there are no more."""
    start = b""
    read = make_reader(response)
    session.deadline.start(_SECONDS_FOR_ERROR_BODY)
    try:
        while len(start) < size:
            chunk = read(size - len(start))
            if not chunk:
                break
            start += chunk
    except list_http_errors() as error:
        return start, f" (unreadable: {describe_root_cause(error, response.url or '')})"
    return start, ""


def make_reader(response: requests.Response) -> Callable[[int], bytes]:
    """Return a function that reads at most `size` bytes of a body, as soon as there are any."""
    raw: Any = response.raw
    if hasattr(raw, "read1"):
        return lambda size: cast("bytes", raw.read1(size, decode_content=False))
    left = get_content_length(response)

    # urllib3 has read1 since 2.1, for Python 3.8; its `read` waits for all bytes. The `read1` of the standard library
    # does not know where the body ends in Python 3.7.
    def read_some(size: int) -> bytes:
        nonlocal left
        chunk: bytes = raw._fp.read1(size if left is None else min(size, left))  # noqa: SLF001
        left = None if left is None else left - len(chunk)
        return chunk

    return read_some


def get_content_length(response: requests.Response) -> int | None:
    """Return the length of a body; None if the server does not give it."""
    if "Transfer-Encoding" in response.headers:
        return None
    return parse_count(response.headers.get("Content-Length"))


def quote_start(start: bytes) -> str:
    """Return the start of a body on one line, in quotes."""
    return quote(" ".join(start[:_MAX_QUOTED].decode("utf-8", "replace").split()))
