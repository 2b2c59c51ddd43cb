"""Clients that stall are closed, and files are whole or broken off."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
import uvicorn
from starlette.responses import FileResponse

from rehub.server.connections import ServiceProtocol


class Impatient(ServiceProtocol):
    seconds_for_headers = 0.2
    seconds_for_slice = 0.4


@contextlib.contextmanager
def connected(app):
    """Run an application in this process; give a connection to it."""
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            started.set()

    config = uvicorn.Config(app, port=0, http=Impatient, loop="asyncio", lifespan="off", log_level="critical")
    server = Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    started.wait(30)
    with socket.create_connection(server.servers[0].sockets[0].getsockname()) as client:
        client.settimeout(30)
        yield client
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT"])
def test_a_client_without_a_whole_request_is_closed(start, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with connected(FileResponse(tmp_path / "file")) as client:
        client.sendall(start)
        received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.count(b"content-length: 7") == received.count(b"\r\n\r\ncontent") == start.count(b"Host")


def test_a_client_that_stops_reading_a_file_is_closed(tmp_path):
    size = 64 << 20
    with (tmp_path / "file").open("wb") as file:
        file.truncate(size)
    with connected(FileResponse(tmp_path / "file")) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100)
        threading.Event().wait(1.5)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            received = sum(map(len, iter(lambda: client.recv(1 << 20), b"")))
    assert received < size
