"""One question to a server over http(s), and the hops by which the answer came."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping, cast
from urllib.parse import urljoin, urlsplit

from rehub import config
from rehub.errors import DownloadError
from rehub.redaction import without_secrets
from rehub.transfer.retries import PassingFailure, retry_after
from rehub.version import __version__

if TYPE_CHECKING:
    import requests

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
        hops: each answer, in words.
        page: the last of the addresses that answered and have no signature, which soon means nothing: it names the
            version of a handle that names none.
    """

    handle: str
    url: str
    hops: list[str] = field(default_factory=list)
    page: str = ""

    def note(self, response: requests.Response) -> None:
        """Adds a hop."""
        self.hops.append(f"{response.status_code} {response.reason} from {response.url}")
        if not self.page or without_secrets(response.url) == response.url:
            self.page = without_secrets(response.url)

    def message(self, reason: str) -> str:
        """The text of an error, without passwords and signatures."""
        hops = "".join(f"\n  answer: {hop}" for hop in self.hops)
        return without_secrets(f"{self.headline(reason)}\n  asked:  {self.url}{hops}")

    def headline(self, reason: str) -> str:
        """The first line of an error, which is enough where no server has answered."""
        return without_secrets(f"{self.handle!r} cannot be downloaded: {reason}")

    def failure(self, reason: str, status: int | None = None) -> DownloadError:
        """An error that no further attempt would help."""
        error = DownloadError(self.message(reason))
        error.status = status
        return error


@contextlib.contextmanager
def connections() -> Iterator[requests.Session]:
    """A session whose requests are of rehub, ask for files as they lie on the server, and share their connections.

    Proxies, CA bundles and .netrc are those that `requests` finds in the environment.
    """
    import requests

    with requests.Session() as session:
        # `requests` would undo a Content-Encoding while it reads, and what is asked for is compressed already.
        session.headers.update({"User-Agent": f"rehub/{__version__}", "Accept-Encoding": "identity"})
        session.verify = config.verify_certificates()
        # It would read the body of a redirect to its end, even where it is not to follow it.
        session.get_redirect_target = lambda _: None  # type: ignore[method-assign, assignment]
        yield session


def ask(
    session: requests.Session,
    trace: Trace,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    expected: tuple[int, ...] = (200,),
) -> requests.Response:
    """Asks for the trace's URL, and returns the answer with its body unread.

    Redirects are followed, to http and https only, and never from https to http. Their bodies are not read.

    Args:
        session: of `connections`.
        trace: says what to ask for; what answers is noted there.
        seconds: that the server may be silent.
        headers: of each request.
        expected: the statuses to return. A redirect that is among them is not followed.

    Raises:
        DownloadError: no answer, a redirect that is not followed, or another status; a `PassingFailure` when asking
            again, from the start, may help.
    """
    import requests
    import urllib3

    trace.hops, trace.page = [], ""
    url = trace.url
    for _ in range(_MAX_HOPS):
        try:
            response = session.get(
                url, stream=True, allow_redirects=False, timeout=(seconds, seconds), headers=dict(headers or {})
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise _no_answer(error, trace, seconds) from error
        trace.note(response)
        if response.status_code in expected:
            return response
        with response:
            if not response.is_redirect:
                raise _refusal(response, trace)
            url = _target(url, response, trace)
    raise trace.failure(f"there are more than {_MAX_HOPS} redirects.")


def _target(url: str, response: requests.Response, trace: Trace) -> str:
    """Where a redirect leads."""
    # Header fields are Latin-1 on the wire; servers that send more mean UTF-8.
    location = response.headers["Location"].encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
        old_place, new_place = (old.hostname, old.port), (new.hostname, new.port)
    except ValueError as error:
        raise trace.failure(f"it redirects to {location!r}, which is no URL ({error}).") from error
    if new.scheme not in ("http", "https") or not new.hostname:
        raise trace.failure(f"it redirects to {target!r}. Redirects are followed to http and https only.")
    if old.scheme == "https" and new.scheme == "http":
        raise trace.failure(f"it redirects from https to {target!r}, where anyone on the way could replace the model.")
    if "@" in old.netloc and "@" not in new.netloc and (old.scheme, *old_place) == (new.scheme, *new_place):
        # A login is for its server and for no other.
        return new._replace(netloc=f"{old.netloc.rpartition('@')[0]}@{new.netloc}").geturl()
    return target


def _no_answer(error: Exception, trace: Trace, seconds: float) -> DownloadError:
    import requests

    if isinstance(error, requests.Timeout):
        reason = f"the server did not answer within {seconds:g} seconds (REHUB_TIMEOUT sets how long to wait)."
        return PassingFailure(trace.message(reason), once=True)
    if isinstance(error, requests.exceptions.SSLError):
        return trace.failure(
            f"the connection is not secure: {error}.\n"
            "Behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to the file with its certificates."
        )
    if isinstance(error, requests.ConnectionError):
        if _came_from(error, socket.gaierror):
            return trace.failure(f"{error}. Is the host's name right, and is there a network?")
        if _came_from(error, ConnectionRefusedError):
            place = urlsplit(trace.url)
            at = f"{place.hostname}:{place.port or (443 if place.scheme == 'https' else 80)}"
            reason = f"nothing answers at {at} (connection refused). Is the server running, and is the port right?"
            return PassingFailure(trace.message(reason) if trace.hops else trace.headline(reason), once=True)
        return PassingFailure(trace.message(f"{error}."), once=True)
    return trace.failure(f"{error}.")


def _came_from(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error of this kind stands at the start of what led to `error`."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _refusal(response: requests.Response, trace: Trace) -> DownloadError:
    status = response.status_code
    hint = _HINTS.get(status)
    if hint is None:
        hint = "The server has a fault: try again later." if status >= 500 else "An archive comes with 200."
    reason = f"the server answered {status} {response.reason}. {hint}\n  it says: {shown(start_of(response, _SHOWN))}"
    if status in _PASSING_STATUSES:
        pause = retry_after(response.headers.get("Retry-After"))
        return PassingFailure(trace.message(reason), status=status, pause=pause)
    if status == 403 and len(trace.hops) > 1:
        # hub#932: what it was redirected to is a signed URL, which expires; a fresh one comes from the start.
        return PassingFailure(trace.message(reason), status=status, once=True)
    return trace.failure(reason, status)


def start_of(response: requests.Response, size: int) -> bytes:
    """The start of a body, as far as it comes soon; at most so many bytes of it are ever read."""
    import urllib3

    start = b""
    deadline = time.monotonic() + _SECONDS_FOR_A_REASON
    read = reader(response)
    try:
        while len(start) < size and time.monotonic() < deadline:
            chunk = read(size - len(start))
            if not chunk:
                break
            start += chunk
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        start += f" (unreadable: {error})".encode()
    return start


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
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Transfer-Encoding" not in response.headers else None


def shown(start: bytes) -> str:
    """The start of an answer, on one line."""
    return repr(" ".join(start[:_SHOWN].decode("utf-8", "replace").split()))
