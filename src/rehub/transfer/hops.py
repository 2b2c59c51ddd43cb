"""One question to a server over http(s), and the hops by which the answer came."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Tuple, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from rehub.errors import DownloadError
from rehub.escaping import escape, escape_url, quote, quote_url
from rehub.redaction import is_signed, redact_secrets_of, redact_url
from rehub.strict_parsing import parse_count
from rehub.transfer.retries import PassingFailure, retry_after

if TYPE_CHECKING:
    import requests

    from rehub.transfer.connections import Session

_MAX_HOPS = 20
_SHOWN = 200
_SECONDS_FOR_A_REASON = 5.0

_HINTS = {
    401: "The server wants a login.",
    403: "The server refuses it: it may want a login, a consent given on its web page, or a link that has not expired.",
    404: "The server does not have it: check the spelling and the version.",
    407: "The proxy wants a login: give it in HTTPS_PROXY.",
    410: "Its publisher has deleted it.",
    429: "The server asks to slow down: try again later.",
}
_PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)


@dataclass
class Trace:
    """What was asked, and by which hops the answer came.

    Attributes:
        handle: what the user asked for.
        url: what the server was asked for.
        hops: each answer, in words that may be shown.
        page: the last of the addresses that answered and have no signature, which soon means nothing: it names the
            version of a handle that names none.
    """

    handle: str
    url: str
    hops: list[str] = field(default_factory=list)
    page: str = ""

    def note(self, response: requests.Response) -> None:
        """Adds a hop."""
        url = response.url or ""
        self.hops.append(f"{response.status_code} {escape(response.reason or '', 60)} from {escape_url(url, _SHOWN)}")
        if not self.page or not is_signed(url):
            self.page = redact_url(url)

    def message(self, reason: str) -> str:
        """The text of an error, without passwords and signatures."""
        hops = "".join(f"\n  answer: {hop}" for hop in self.hops)
        return f"{self.headline(reason)}\n  asked:  {escape_url(self.url)}{hops}"

    def headline(self, reason: str) -> str:
        """The first line of an error, which is enough where no server has answered."""
        return f"{quote_url(self.handle)} cannot be downloaded: {reason}"

    def failure(self, reason: str, status: int | None = None) -> DownloadError:
        """An error that no further attempt would help."""
        error = DownloadError(self.message(reason))
        error.status = status
        return error


def ask(
    session: Session,
    trace: Trace,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    expected: tuple[int, ...] = (200,),
) -> requests.Response:
    """Asks for the trace's URL, and returns the answer with its body unread.

    Redirects are followed, to http and https only, and never from https to http. Their bodies are not read.

    Args:
        session: of `transfer.connections`.
        trace: says what to ask for; what answers is noted there.
        seconds: until a connection must be there, and then until the head of each answer must be.
        headers: of each request.
        expected: the statuses to return. A redirect that is among them is not followed.

    Raises:
        DownloadError: no answer, a redirect that is not followed, or another status; a `PassingFailure` when asking
            again, from the start, may help.
    """
    trace.hops, trace.page = [], ""
    url = trace.url
    for _ in range(_MAX_HOPS):
        answer = _get(session, url, seconds, headers)
        if isinstance(answer, Exception):
            # Raised here, where it has no context: what `requests` and urllib3 raise holds the URL with its secrets.
            raise _no_answer(answer, trace, seconds, url)
        response = answer
        trace.note(response)
        if response.status_code in expected:
            return response
        with response:
            if not response.is_redirect:
                raise _refusal(session, response, trace)
            url = _target(url, response, trace)
    raise trace.failure(f"there are more than {_MAX_HOPS} redirects.")


def _get(
    session: Session, url: str, seconds: float, headers: Mapping[str, str] | None
) -> requests.Response | Exception:
    """The answer to a request, or what was raised over it."""
    session.deadline.start(seconds)
    try:
        return session.get(
            url, stream=True, allow_redirects=False, timeout=(seconds, seconds), headers=dict(headers or {})
        )
    except answer_errors() as error:
        return error


def answer_errors() -> tuple[type[Exception], ...]:
    """What is raised by `requests`, and by what it stands on, over answers that are none."""
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


def _target(url: str, response: requests.Response, trace: Trace) -> str:
    """Where a redirect leads."""
    # Header fields are Latin-1 on the wire; servers that send more mean UTF-8.
    location = response.headers["Location"].encode("latin-1", "replace").decode("utf-8", "replace")
    places = _places(url, location)
    if places is None:
        raise trace.failure(f"it redirects to {quote_url(location, _SHOWN)}, which is not a URL.")
    target, old, old_place, new, new_place = places
    if new.scheme not in ("http", "https") or not new.hostname:
        raise trace.failure(
            f"it redirects to {quote_url(target, _SHOWN)}. Redirects are followed to http and https only."
        )
    if old.scheme == "https" and new.scheme == "http":
        raise trace.failure(
            f"it redirects from https to {quote_url(target, _SHOWN)}, where anyone on the way could replace the model."
        )
    if "@" in old.netloc and "@" not in new.netloc and (old.scheme, *old_place) == (new.scheme, *new_place):
        # A login is for its server and for no other.
        return new._replace(netloc=f"{old.netloc.rpartition('@')[0]}@{new.netloc}").geturl()
    return target


_Place = Tuple[Optional[str], Optional[int]]


def _places(url: str, location: str) -> tuple[str, SplitResult, _Place, SplitResult, _Place] | None:
    """Where a redirect leads, and the parts, hosts and ports of where it comes from and where it leads."""
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
        places = target, old, (old.hostname, old.port), new, (new.hostname, new.port)
    except ValueError:
        return None
    return places


def _no_answer(error: Exception, trace: Trace, seconds: float, url: str) -> DownloadError:
    import requests
    import urllib3

    if isinstance(error, (requests.Timeout, socket.timeout)):
        reason = f"the server did not answer within {seconds:g} seconds (REHUB_TIMEOUT sets how long to wait)."
        return PassingFailure(trace.message(reason), once=True)
    said = root_cause(error, url)
    if isinstance(error, requests.exceptions.SSLError):
        return trace.failure(
            f"the connection is not secure: {said}.\n"
            "Behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to the file with its certificates."
        )
    if isinstance(error, (ValueError, OverflowError, urllib3.exceptions.LocationParseError)):
        # It quotes the part of the URL that it stumbled over, which may be a part of a password.
        return trace.failure(f"the URL, or what the server answered, is malformed ({type(error).__name__}).")
    if isinstance(error, (requests.ConnectionError, http.client.HTTPException, OSError)):
        if _came_from(error, socket.gaierror):
            return trace.failure(f"{said}. Is the host's name right, and is there a network?")
        if _came_from(error, ConnectionRefusedError):
            place = urlsplit(url)
            at = escape(f"{place.hostname}:{place.port or (443 if place.scheme == 'https' else 80)}")
            reason = f"nothing answers at {at} (connection refused). Is the server running, and is the port right?"
            return PassingFailure(trace.message(reason) if trace.hops else trace.headline(reason), once=True)
        return PassingFailure(trace.message(f"{said}."), once=True)
    return trace.failure(f"{said}.")


def root_cause(error: BaseException, url: str) -> str:
    """What stands at the start of what led to an error, in its own words: those above it repeat it and the URL."""
    root = error
    while (root.__cause__ or root.__context__) is not None:
        root = cast("BaseException", root.__cause__ or root.__context__)
    said = redact_secrets_of(url, str(root).strip())
    return escape(f"{type(root).__name__}: {said}" if said else type(root).__name__, 2 * _SHOWN)


def _came_from(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error of this kind stands at the start of what led to `error`."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _refusal(session: Session, response: requests.Response, trace: Trace) -> DownloadError:
    status = response.status_code
    hint = _HINTS.get(status)
    if hint is None:
        hint = "The server has a fault: try again later." if status >= 500 else "An archive comes with 200."
    start, problem = start_of(session, response, _SHOWN)
    said = shown(start) + problem
    reason = f"the server answered {status} {escape(response.reason or '', 60)}. {hint}\n  it says: {said}"
    if status in _PASSING_STATUSES:
        pause = retry_after(response.headers.get("Retry-After"))
        return PassingFailure(trace.message(reason), status=status, pause=pause)
    if status == 403 and len(trace.hops) > 1:
        # hub#932: what it was redirected to is a signed URL, which expires; a fresh one comes from the start.
        return PassingFailure(trace.message(reason), status=status, once=True)
    return trace.failure(reason, status)


def start_of(session: Session, response: requests.Response, size: int) -> tuple[bytes, str]:
    """The start of a body, as far as it comes soon, and why no more came; at most so many bytes are ever read."""
    start = b""
    read = reader(response)
    session.deadline.start(_SECONDS_FOR_A_REASON)
    try:
        while len(start) < size:
            chunk = read(size - len(start))
            if not chunk:
                break
            start += chunk
    except answer_errors() as error:
        return start, f" (unreadable: {root_cause(error, response.url or '')})"
    return start, ""


def reader(response: requests.Response) -> Callable[[int], bytes]:
    """Gives a function that returns the next bytes of a body as soon as there are some, at most so many."""
    raw: Any = response.raw
    if hasattr(raw, "read1"):
        return lambda size: cast("bytes", raw.read1(size, decode_content=False))
    left = content_length(response)

    # urllib3 has read1 since 2.1, for Python 3.8; its `read` waits until all is there. That of the standard library
    # does not know in Python 3.7 where the body ends.
    def read_some(size: int) -> bytes:
        nonlocal left
        chunk: bytes = raw._fp.read1(size if left is None else min(size, left))  # noqa: SLF001
        left = None if left is None else left - len(chunk)
        return chunk

    return read_some


def content_length(response: requests.Response) -> int | None:
    """How long a body is, when the server says so."""
    if "Transfer-Encoding" in response.headers:
        return None
    return parse_count(response.headers.get("Content-Length"))


def shown(start: bytes) -> str:
    """The start of an answer, on one line."""
    return quote(" ".join(start[:_SHOWN].decode("utf-8", "replace").split()))
