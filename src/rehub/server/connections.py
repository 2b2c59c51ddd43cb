"""A connection of the service: files are sent by the kernel, and clients that stall are closed.

Starlette's FileResponse uses the ASGI extension `http.response.pathsend` where a server offers it, which uvicorn does
not (https://asgi.readthedocs.io/en/latest/extensions.html#path-send). Without it, each piece of a file is read in a
thread and copied four times on its way to the socket, and each slow client holds a piece in memory. Nor does uvicorn
limit how long a client may take for the headers of a request, or for reading an answer.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_log = logging.getLogger(__name__)

PATHSEND = "http.response.pathsend"
_SLICE = 4 << 20


class ServiceProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 on one connection, with `http.response.pathsend` and limits of time.

    `scope["extensions"]["http.response.pathsend"]["sent"]` counts the bytes for the log.

    Attributes:
        seconds_for_headers: after up to twice this time without a request the connection is closed.
        seconds_for_slice: that a client may take to read 4 MB of a file, or another piece of an answer: 17 kB/s.
    """

    seconds_for_headers = 30.0
    seconds_for_slice = 240.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app = cast("Any", self._offer_pathsend(cast("ASGIApp", self.app)))
        self._idle_since: object = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Watch a new connection."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.seconds_for_headers, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _close_if_idle(self) -> None:
        """Close the connection if no request has arrived since the last look and none is being answered."""
        last = self.cycle or self
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self._idle_since is last:
            self.transport.close()
            self._timer = self.loop.call_later(self.seconds_for_slice, self.transport.abort)
            return
        self._idle_since = last if is_idle else None
        self._timer = self.loop.call_later(self.seconds_for_headers, self._close_if_idle)

    def _offer_pathsend(self, app: ASGIApp) -> ASGIApp:
        async def run_with_pathsend(scope: Scope, receive: Receive, send: Send) -> None:
            size = 0
            counter = scope.setdefault("extensions", {})[PATHSEND] = {"sent": 0}

            async def send_message(message: Message) -> None:
                nonlocal size
                if message["type"] == "http.response.start":
                    size = int(dict(message["headers"]).get(b"content-length", 0))
                if message["type"] == PATHSEND:
                    await self._send_path(Path(message["path"]), size, counter)
                    message = {"type": "http.response.body", "body": b"", "more_body": False}
                try:
                    await asyncio.wait_for(send(message), self.seconds_for_slice)
                except asyncio.TimeoutError:
                    self.transport.abort()

            await app(scope, receive, send_message)

        return run_with_pathsend

    async def _send_path(self, path: Path, size: int, counter: dict[str, int]) -> None:
        """Send the first `size` bytes of a file; close the connection if that fails."""
        # h11 counts what it does not see (https://h11.readthedocs.io/en/latest/api.html#sendfile).
        self.conn.send_with_data_passthrough(h11.Data(data=cast("bytes", _Unseen(size))))
        with await asyncio.to_thread(path.open, "rb") as file:
            while counter["sent"] < size and not self.transport.is_closing():
                count = min(_SLICE, size - counter["sent"])
                sending = self.loop.sendfile(self.transport, file, counter["sent"], count)
                try:
                    sent = await asyncio.wait_for(sending, self.seconds_for_slice)
                except (OSError, asyncio.TimeoutError) as error:
                    _log.debug("The client of %s has gone: %r", path.name, error)
                    break
                if not sent:
                    break  # The file is shorter than it was.
                counter["sent"] += sent
        if counter["sent"] < size:
            self.transport.abort()


class _Unseen:
    """Stands for bytes that h11 does not send itself."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size
