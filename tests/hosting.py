"""A real server on 127.0.0.1 for tests: speaks the hosting protocol, records requests, and can misbehave.

with HostingServer() as server:
    handle = server.publish("/google/digits/1", archive_of({"saved_model.pb": b"..."}))
    hub.resolve(handle)
    assert server.requests[0].query == "tf-hub-format=compressed"
"""

from __future__ import annotations

import gzip
import io
import ssl
import tarfile
import threading
import time
import zipfile
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Callable, Iterable, Mapping

# A directory that every part of rehub below `savedmodel` takes for a model.
MODEL = {
    "saved_model.pb": b"a graph",
    "variables/variables.index": b"an index",
    "variables/variables.data-00000-of-00001": b"weights",
    "assets/vocab.txt": b"a\nb\n" * 1000,
}

Responder = Callable[[BaseHTTPRequestHandler], None]


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive as `tar -c .` makes it and the hosting protocol requires: with directories, all in `./`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for above in sorted({parent for name in files for parent in PurePosixPath(name).parents}):
            directory = tarfile.TarInfo("./" if above == PurePosixPath() else f"./{above}")
            directory.type = tarfile.DIRTYPE
            archive.addfile(directory)
        for name, content in files.items():
            member = tarfile.TarInfo("./" + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """Return a tar.gz archive in the form of the hosting protocol."""
    return gzip.compress(tar_of(files))


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sends(body: bytes, content_type: str = "application/gzip", status: int = 200, **headers: str) -> Responder:
    """Answer with these bytes. A `_` in a header's name is a `-`."""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body))}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in fields.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return respond


def redirects(location: str) -> Responder:
    """Answer with a redirect."""
    return sends(b"", status=302, Location=location)


def breaks_off(body: bytes, after: int) -> Responder:
    """Announce the whole body, and close the connection after some bytes."""
    return sends(body[:after], Content_Length=str(len(body)))


def falls_silent(body: bytes, after: int, until: threading.Event) -> Responder:
    """Send some bytes, and then nothing until the event."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        sends(body[:after], Content_Length=str(len(body)))(request)
        request.wfile.flush()
        until.wait(60)

    return respond


def drips(body: bytes, seconds: float, size: int = 1) -> Responder:
    """Announce the whole body, and send it in small pieces."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        sends(b"", Content_Length=str(len(body)))(request)
        for start in range(0, len(body), size):
            request.wfile.write(body[start : start + size])
            request.wfile.flush()
            time.sleep(seconds)

    return respond


def sends_without_end(piece: bytes, count: int, written: list[int], status: int = 200, **headers: str) -> Responder:
    """Send the same bytes `count` times, as long as the client reads them; `written` counts the sent bytes."""

    def respond(request: BaseHTTPRequestHandler) -> None:
        sends(b"", status=status, Content_Length=str(len(piece) * count), **headers)(request)
        for number in range(count):
            request.wfile.write(piece)
            written[:] = [(number + 1) * len(piece)]

    return respond


class Ranges:
    """Send a file with an ETag, or the requested part of it; break off at given offsets.

    Attributes:
        breaks: after how many bytes of the file each next answer breaks off.
    """

    def __init__(self, body: bytes, etag: str = '"v1"', breaks: Iterable[int] = (), **headers: str) -> None:
        self.body = body
        self.etag = etag
        self.breaks = list(breaks)
        self._headers = headers

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        start = 0
        if request.headers.get("Range") and request.headers.get("If-Range") == self.etag:
            start = int(request.headers["Range"].partition("=")[2].partition("-")[0])
        end = self.breaks.pop(0) if self.breaks else len(self.body)
        headers = {"ETag": self.etag, "Accept_Ranges": "bytes", **self._headers}
        headers["Content_Length"] = str(len(self.body) - start)
        if start:
            headers["Content_Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        sends(self.body[start:end], status=206 if start else 200, **headers)(request)


def in_turn(*responders: Responder) -> Responder:
    """Use each answer once, and the last one from then on."""
    left = list(responders)

    def respond(request: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return respond


@dataclass(frozen=True)
class Request:
    """One request to the server."""

    path: str
    query: str
    headers: Mapping[str, str]


class HostingServer:
    """See the module."""

    def __init__(self, certificate: Path | None = None) -> None:
        """Start the server; with a certificate (a .pem file with its key) it speaks https."""
        self.requests: list[Request] = []
        self._responders: dict[str, Responder] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(str(certificate))
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    def publish(self, path: str, archive: bytes) -> str:
        """Serves an archive as the hosting protocol does: a person who asks without the query gets a page."""

        def respond(request: BaseHTTPRequestHandler) -> None:
            if "tf-hub-format=compressed" in request.path:
                sends(archive)(request)
            else:
                sends(b"<!doctype html><title>A model</title>", "text/html")(request)

        return self.answer(path, respond)

    def answer(self, path: str, responder: Responder) -> str:
        """Answer requests for a path with any query; return its URL."""
        self._responders[path] = responder
        return self.url + path

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                server.requests.append(Request(path, query, dict(self.headers.items())))
                nothing = sends(b'{"error": "no such model"}', "application/json", 404)
                try:
                    server._responders.get(path, nothing)(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # The client has gone, as some tests want it to.

            def log_message(self, *_: object) -> None:
                """Keeps the tests' output clean."""

        return Handler
