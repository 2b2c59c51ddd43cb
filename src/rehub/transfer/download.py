"""Fetches an archive over http(s), and tells what came when it was none."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Callable, Iterator

from rehub import config
from rehub.errors import CorruptArchive, DownloadError
from rehub.transfer import progress
from rehub.transfer.archives import HEAD, kind_of
from rehub.version import __version__

if TYPE_CHECKING:
    import requests

_BUFFER = 1 << 20
_SHOWN = 200

_HINTS = {
    401: "The server wants a login.",
    403: "The server refuses it: it may want a login, a consent given on its web page, or a link that has not expired.",
    404: "The server does not have it: check the spelling and the version.",
    407: "The proxy wants a login: give it in HTTPS_PROXY.",
    410: "Its publisher has deleted it.",
    429: "The server asks to slow down: try again later.",
}


@dataclass(frozen=True)
class Body:
    """The body of an answer.

    Attributes:
        url: where it came from, after all redirects.
        stream: its bytes as they were sent. Reading raises `DownloadError` where the server breaks off.
    """

    url: str
    stream: IO[bytes]


@contextlib.contextmanager
def open_url(url: str, *, handle: str, timeout: float | None = None) -> Iterator[Body]:
    """Opens an archive on a server.

    Proxies, CA bundles and .netrc are those that `requests` finds in the environment. Redirects are followed, to http
    and https only.

    Args:
        url: where the archive is.
        handle: what the user asked for; it stands in every message.
        timeout: seconds that the server may be silent; see `config.timeout`.

    Raises:
        DownloadError: no connection, a status other than 200, a page instead of an archive, or a body that ends
            before its end; with every hop, the status and the start of what came.
        CorruptArchive: the body is neither an archive nor text.
    """
    import requests

    seconds = config.timeout(timeout)
    verify = config.verify_certificates()
    trace = _Trace(handle, url)
    with requests.Session() as session:
        # The archive is asked for as it lies on the server. `requests` would undo a Content-Encoding while it reads.
        session.headers.update({"User-Agent": f"rehub/{__version__}", "Accept-Encoding": "identity"})
        session.hooks["response"].append(trace.note)
        try:
            response = session.get(url, stream=True, timeout=(seconds, seconds), verify=verify)
        except requests.RequestException as error:
            raise DownloadError(trace.message(_reason(error, seconds))) from error
        with response:
            if response.status_code != 200:
                raise DownloadError(trace.message(_refusal(response)))
            length = _content_length(response)
            with progress.shown(handle, length) as advance:
                stream = io.BufferedReader(_BodyStream(response, length, advance, trace), _BUFFER)
                _check_is_archive(stream.peek(HEAD)[:HEAD], response, trace)
                yield Body(response.url, stream)


@dataclass
class _Trace:
    """What was asked, and by which hops the answer came; for messages."""

    handle: str
    url: str
    hops: list[str] = field(default_factory=list)

    def note(self, response: requests.Response, **_: object) -> None:
        self.hops.append(f"{response.status_code} {response.reason} from {response.url}")

    def message(self, reason: str) -> str:
        hops = "".join(f"\n  answer: {hop}" for hop in self.hops)
        return f"{self.handle!r} cannot be downloaded: {reason}\n  asked:  {self.url}{hops}"


class _BodyStream(io.RawIOBase):
    """The bytes of an answer as they come over the wire; an early end is an error."""

    def __init__(
        self, response: requests.Response, length: int | None, advance: Callable[[int], object], trace: _Trace
    ) -> None:
        self._response = response
        self._length = length
        self._advance = advance
        self._trace = trace
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        import urllib3

        try:
            chunk = self._response.raw.read(len(buffer), decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._broken_off(f" ({error})") from error
        if not chunk and self._length is not None and self._received < self._length:
            raise self._broken_off("")
        self._received += len(chunk)
        self._advance(len(chunk))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _broken_off(self, detail: str) -> DownloadError:
        promised = "" if self._length is None else f" of the {self._length} that it promised"
        return DownloadError(
            self._trace.message(f"the server broke off after {self._received} bytes{promised}{detail}. Try again.")
        )


def _reason(error: requests.RequestException, seconds: float) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return f"the server did not answer within {seconds:g} seconds (REHUB_TIMEOUT sets how long to wait)."
    if isinstance(error, requests.exceptions.SSLError):
        return (
            f"the connection is not secure: {error}.\n"
            "Behind a proxy that opens TLS, set REQUESTS_CA_BUNDLE to the file with its certificates."
        )
    if isinstance(error, requests.exceptions.InvalidSchema):
        return f"{error}. (Redirects are followed to http and https only.)"
    return f"{error}."


def _refusal(response: requests.Response) -> str:
    import urllib3

    try:
        start = response.raw.read(_SHOWN, decode_content=True)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        start = f"(unreadable: {error})".encode()
    hint = _HINTS.get(response.status_code)
    if hint is None:
        hint = (
            "The server has a fault: try again later." if response.status_code >= 500 else "An archive comes with 200."
        )
    return f"the server answered {response.status_code} {response.reason}. {hint}\n  it says: {_shown(start)}"


def _check_is_archive(head: bytes, response: requests.Response, trace: _Trace) -> None:
    if kind_of(head) is not None:
        return
    sent_as = response.headers.get("Content-Type", "no Content-Type")
    if not head:
        raise DownloadError(trace.message("the answer is empty."))
    start = f"It was sent as {sent_as} and starts with: {_shown(head)}"
    if head.lstrip()[:1] in (b"<", b"{", b"[") or sent_as.startswith(("text/", "application/json")):
        raise DownloadError(
            trace.message(
                "a page came instead of an archive: the login page of a network or proxy, a page of the model's site, "
                f"or the server does not speak the hosting protocol.\n  {start}"
            )
        )
    raise CorruptArchive(
        trace.message(f"what came is no archive (tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip). {start}")
    )


def _shown(start: bytes) -> str:
    """The start of an answer, on one line."""
    return repr(" ".join(start[:_SHOWN].decode("utf-8", "replace").split()))


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Transfer-Encoding" not in response.headers else None
