"""Connections to servers that do not wait for ever: every step of an answer has a deadline.

A timeout of a socket is for each single `recv`, so that a server which sends a byte now and then, or one
`100 Continue` after the other, or trailers without end, holds a download for as long as it likes. Here the head of an
answer (status line, headers, and what comes before them) must be there within one deadline, and so must each next
piece of its body, with the chunk's frame around it and the trailers behind.
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
    """A session of `requests`, and the deadline that holds for all of its connections."""

    deadline: Deadline

    def get(self, url: str, **options: Any) -> requests.Response:
        """Sends a request."""


class Deadline:
    """The moment until which the present step must be done; each step sets it anew."""

    def __init__(self) -> None:
        self._end = float("inf")
        self._seconds = float("inf")

    def start(self, seconds: float) -> None:
        """Begins a step that may take so long."""
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Begins a step that may take as long as the last."""
        self._end = time.monotonic() + self._seconds

    def left(self) -> float:
        """The seconds that are left for the step.

        Raises:
            TimeoutError: none are; `socket.timeout`, which Python 3.10 made the same.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise socket.timeout(f"not done within {self._seconds:g} seconds")
        return left


@contextlib.contextmanager
def connections() -> Iterator[Session]:
    """A session whose requests are of rehub, ask for files as they lie on the server, and share their connections.

    Proxies, CA bundles and .netrc are those that `requests` finds in the environment.
    """
    import requests

    deadline = Deadline()
    answers: list[http.client.HTTPResponse] = []
    with _urllib3_logs_no_secrets(), _closing_all(answers), requests.Session() as session:
        session.mount("http://", _new_adapter(deadline, answers))
        session.mount("https://", _new_adapter(deadline, answers))
        # `requests` would undo a Content-Encoding while it reads, and what is asked for is compressed already.
        session.headers.update({"User-Agent": f"rehub/{__version__}", "Accept-Encoding": "identity"})
        session.verify = config.verify_certificates()
        # It would read the body of a redirect to its end, even where it is not to follow it.
        session.get_redirect_target = lambda _: None  # type: ignore[method-assign, assignment]
        session.deadline = deadline  # type: ignore[attr-defined]
        yield cast("Session", session)


@contextlib.contextmanager
def _closing_all(answers: list[http.client.HTTPResponse]) -> Iterator[None]:
    """Closes answers in the end: urllib3 leaves one open whose headers it does not take."""
    try:
        yield
    finally:
        for answer in answers:
            answer.close()


@contextlib.contextmanager
def _urllib3_logs_no_secrets() -> Iterator[None]:
    """Masks what is secret in the URLs that urllib3 logs at level DEBUG."""
    logger = logging.getLogger("urllib3.connectionpool")
    mask = _Mask()
    logger.addFilter(mask)
    try:
        yield
    finally:
        logger.removeFilter(mask)


class _Mask(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_masked(each) if isinstance(each, str) else each for each in record.args)
        return True


def _masked(text: str) -> str:
    """A URL, or the path and query of one, without secrets; other texts stay as they are."""
    if text.startswith("/"):
        host = "http://host"
        return redact_url(host + text)[len(host) :]
    return redact_url(text) if "://" in text else text


def _new_adapter(deadline: Deadline, answers: list[http.client.HTTPResponse]) -> requests.adapters.HTTPAdapter:
    """What makes the connections of a session, with answers that keep its deadline."""
    import requests

    pools = _new_pools(deadline, answers)

    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: Any, **settings: Any) -> None:
            super().init_poolmanager(*args, **settings)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **settings: Any) -> Any:
            manager = super().proxy_manager_for(*args, **settings)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter()


def _new_pools(deadline: Deadline, answers: list[http.client.HTTPResponse]) -> dict[str, Any]:
    """urllib3's pools of connections by scheme; their connections make answers of the class below, and note them."""
    pools: Any = importlib.import_module("urllib3.connectionpool")

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:
            super().__init__(sock, *args, **settings)
            answers.append(self)
            # Here the head begins, of which nothing has been read yet; to connect had its own time.
            deadline.restart()
            unbuffered = self.fp.detach()
            self.fp = io.BufferedReader(_Timed(unbuffered, sock, deadline))

    found = {}
    for scheme, pool in (("http", pools.HTTPConnectionPool), ("https", pools.HTTPSConnectionPool)):
        connection = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), {"response_class": Answer})
        found[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
    return found


class _Timed(io.RawIOBase):
    """What comes from a socket, until a deadline."""

    def __init__(self, unbuffered: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._unbuffered = unbuffered
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        self._socket.settimeout(self._deadline.left())
        return self._unbuffered.readinto(buffer)

    def close(self) -> None:
        self._unbuffered.close()
        super().close()

    def fileno(self) -> int:
        return self._unbuffered.fileno()
