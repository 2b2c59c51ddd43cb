"""Connections to servers with a deadline for every step of a response.

The timeout of a socket is for each single `recv`. So a server that sends a byte now and then, or one `100 Continue`
after the other, or endless trailers, could hold a download forever. Here the status line and headers of a response must
arrive within one deadline, and so must each next piece of its body, with its chunk frame and trailers.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import io
import logging
import socket
import time
from typing import TYPE_CHECKING, Any, Iterator, cast

from rehub import config
from rehub.redaction import redact_url
from rehub.version import __version__

if TYPE_CHECKING:
    from typing import Protocol

    import requests
else:  # Python 3.7 has none.
    Protocol = object


class Session(Protocol):
    """A session of `requests` with one deadline for all of its connections."""

    deadline: Deadline

    def get(self, url: str, **options: Any) -> requests.Response:
        """Send a request."""

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Send a request by any method."""


class Deadline:
    """The time by which the current step must be done; each step sets it again."""

    def __init__(self) -> None:
        self._end = float("inf")
        self._seconds = float("inf")

    def start(self, seconds: float) -> None:
        """Start a step that may take `seconds`."""
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Start a step that may take as long as the last one."""
        self._end = time.monotonic() + self._seconds

    def seconds_left(self) -> float:
        """Return the seconds that are left for the step.

        Raises:
            TimeoutError: the time is up; it is `socket.timeout`, which is the same from Python 3.10 on.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise socket.timeout(f"not done within {self._seconds:g} seconds")
        return left


@contextlib.contextmanager
def open_session() -> Iterator[Session]:
    """Open a session that identifies as rehub, requests files as stored on the server, and shares connections.

    Proxies, CA bundles and .netrc are those that `requests` finds in the environment.
    """
    import requests

    deadline = Deadline()
    # urllib3 leaves a response open whose headers it rejects.
    with _redact_urllib3_logs(), contextlib.ExitStack() as responses, requests.Session() as session:
        session.mount("http://", _create_adapter(deadline, responses))
        session.mount("https://", _create_adapter(deadline, responses))
        # `requests` would decode a Content-Encoding, and archives are compressed already.
        session.headers.update({"User-Agent": f"rehub/{__version__}", "Accept-Encoding": "identity"})
        session.verify = config.verify_certificates()
        # `requests` would read the whole body of a redirect, even if it does not follow it.
        session.get_redirect_target = lambda _: None  # type: ignore[method-assign, assignment]
        session.deadline = deadline  # type: ignore[attr-defined]
        yield cast("Session", session)


@contextlib.contextmanager
def _redact_urllib3_logs() -> Iterator[None]:
    """Mask the secrets of the URLs that urllib3 logs at level DEBUG."""
    logger = logging.getLogger("urllib3.connectionpool")
    filter_ = _SecretFilter()
    logger.addFilter(filter_)
    try:
        yield
    finally:
        logger.removeFilter(filter_)


class _SecretFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_redact_argument(each) if isinstance(each, str) else each for each in record.args)
        return True


def _redact_argument(text: str) -> str:
    """Return a URL, or the path and query of one, without secrets; return other texts unchanged."""
    if text.startswith("/"):
        host = "http://host"
        return redact_url(host + text)[len(host) :]
    return redact_url(text) if "://" in text else text


def _create_adapter(deadline: Deadline, responses: contextlib.ExitStack) -> requests.adapters.HTTPAdapter:
    """Return the adapter of a session whose responses obey its deadline."""
    import requests

    pools = _create_pools(deadline, responses)

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: Any, **settings: Any) -> None:
            super().init_poolmanager(*args, **settings)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **settings: Any) -> Any:
            manager = super().proxy_manager_for(*args, **settings)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter()


def _create_pools(deadline: Deadline, responses: contextlib.ExitStack) -> dict[str, Any]:
    """Return urllib3's connection pools by scheme, whose responses obey the deadline and end with `responses`."""
    pools: Any = importlib.import_module("urllib3.connectionpool")

    class TimedResponse(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:
            super().__init__(sock, *args, **settings)
            responses.callback(self.close)
            # The status line and headers have not been read yet; connecting had a time limit of its own.
            deadline.restart()
            unbuffered = self.fp.detach()
            self.fp = io.BufferedReader(_TimedReader(unbuffered, sock, deadline))

    found = {}
    for scheme, pool in (("http", pools.HTTPConnectionPool), ("https", pools.HTTPSConnectionPool)):
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": TimedResponse})
        found[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
    return found


class _TimedReader(io.RawIOBase):
    """The bytes of a socket, until a deadline."""

    def __init__(self, unbuffered: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._unbuffered = unbuffered
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        self._socket.settimeout(self._deadline.seconds_left())
        return self._unbuffered.readinto(buffer)

    def close(self) -> None:
        self._unbuffered.close()
        super().close()

    def fileno(self) -> int:
        return self._unbuffered.fileno()
