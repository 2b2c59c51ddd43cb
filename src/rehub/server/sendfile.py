"""Files sent by the kernel: the ASGI extension `http.response.pathsend`, which uvicorn does not have.

Starlette's FileResponse uses the extension where a server offers it
(https://asgi.readthedocs.io/en/latest/extensions.html#path-send). Without it, each piece of a file is read in a thread
and copied four times on its way to the socket, and each slow client holds a piece in memory.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

PATHSEND = "http.response.pathsend"
# The slowest client that is served gets a slice in this time: 17 kB/s. One that stops reading frees its connection.
_SLICE = 4 << 20
_SECONDS_FOR_SLICE = 240


class SendfileProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 on one connection, with `http.response.pathsend`.

    `scope["extensions"]["http.response.pathsend"]["sent"]` counts the bytes for the log.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app = cast("Any", self._offer_pathsend(cast("ASGIApp", self.app)))

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
                await send(message)

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
                    sent = await asyncio.wait_for(sending, _SECONDS_FOR_SLICE)
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
