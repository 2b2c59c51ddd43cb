"""Servers with endless or malformed responses."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time

import pytest
from hosting import MODEL, archive_of, sends

from rehub.errors import DownloadError, HubError, LocationUnavailable
from rehub.resolvers import resolve
from rehub.transfer.download import download_archive
from rehub.transfer.location import fetch_location

ARCHIVE = archive_of(MODEL)
TIMEOUT = 0.3
SECONDS = 10.0  # Far below what a server that has no end would take, far above a busy machine's pauses.

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def raw_server(pieces, pause=0.0):
    """Serve these bytes piece by piece on each connection; give the server's URL."""
    listener = socket.create_server(("127.0.0.1", 0)) if hasattr(socket, "create_server") else _listener()
    done = threading.Event()

    def answer(connection):
        with connection:
            try:
                connection.recv(1 << 16)
                for piece in pieces():
                    if done.is_set():
                        break
                    connection.sendall(piece)
                    if pause:
                        done.wait(pause)
            except OSError:
                pass

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/m"
    finally:
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _listener():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    return listener


def drip(text, then=b"x"):
    """Yield a text, and then the same bytes forever."""
    return lambda: itertools.chain([text], itertools.repeat(then))


ENDLESS = {
    "a status line": (drip(b"HTTP/1.1 "), 0.05),
    "a reason": (drip(b"HTTP/1.1 200 O"), 0.05),
    "headers": (drip(OK, b"X-Y: z\r\n"), 0.1),
    "one header": (drip(OK + b"X: "), 0.05),
    "100 Continue": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), 0),
    "100 Continue, slowly": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), 0.05),
    "100 Continue with headers": (drip(b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"), 0),
    "a chunk's size": (drip(CHUNKED, b"0"), 0.05),
    "a chunk's extension": (drip(CHUNKED + b"5;x=", b"y"), 0.05),
    "trailers": (drip(CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(ARCHIVE), ARCHIVE), b"X: y\r\n"), 0),
    "trailers, slowly": (drip(CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(ARCHIVE), ARCHIVE), b"X: y\r\n"), 0.05),
    "an error's page": (drip(b"HTTP/1.1 404 No\r\n\r\n"), 0.05),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_response_ends_after_the_timeout(tmp_path, monkeypatch, name):
    monkeypatch.setattr("rehub.transfer.http._SECONDS_FOR_ERROR_BODY", TIMEOUT)
    pieces, pause = ENDLESS[name]
    start = time.monotonic()
    with raw_server(pieces, pause) as url, pytest.raises(DownloadError) as error:
        download_archive(url, tmp_path, handle=url, timeout=TIMEOUT, retries=0)
    assert time.monotonic() - start < SECONDS
    assert len(str(error.value)) < 2000
    assert list(tmp_path.iterdir()) == []


def test_slow_response_within_the_timeout_is_accepted(tmp_path):
    pieces = [OK[:8], OK[8:], b"Content-Length: %d\r\n" % len(ARCHIVE), b"\r\n", ARCHIVE]
    with raw_server(lambda: iter(pieces), pause=0.1) as url:
        assert download_archive(url, tmp_path, handle=url, timeout=20, retries=0).files


STEERING = "\x1b[2J\x1b[1m\x9b2J\u202eforged"
HEADERS = {
    "a superscript as the length": {"Content-Length": "²"},
    "a length of 5000 digits": {"Content-Length": "9" * 5000},
    "a length of 19 digits": {"Content-Length": "9" * 19},
    "a negative length": {"Content-Length": "-1"},
    "two lengths": {"Content-Length": "1, 2"},
    "a digest that is not ASCII": {"Repr-Digest": "sha-256=:é²:", "Digest": "md5=²", "Content-MD5": "²²²"},
    "a hash of Google's that is not ASCII": {"x-goog-hash": "md5=é,crc32c=é"},
    "an ETag that is not a version": {"ETag": '"' + "\xe9" * 100_000 + '"', "Accept-Ranges": "bytes"},
    "a type that steers a terminal": {"Content-Type": f"text/html; {STEERING}"},
    "a type of 60 kB": {"Content-Type": "text/" + "x" * 60_000},
    "a cookie from the end of time": {
        "Set-Cookie": "a=b; expires=Fri, 31-Dec-99999 23:59:59 GMT; max-age=" + "9" * 5000
    },
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("status", [200, 206, 302, 303, 404, 429, 503])
def test_malformed_header_is_a_short_error_of_rehub(server, tmp_path, headers, status):
    fields = {name.replace("-", "_"): value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
    # The body of a 303 could be a path.
    responder = sends(
        b"" if status == 303 else b"<html>",
        status=status,
        **{"Content_Type": "text/html", "Location": "x" * 60_000, **fields},
    )
    url = server.answer("/m", responder)
    for ask in (download, location):
        with pytest.raises(HubError) as error:
            ask(url, tmp_path)
        require_plain(error.value)


@pytest.mark.parametrize(
    "value", ["²", "9" * 5000, "Wed, 21 Oct 2015 07:28:00 +9999999999", "Fri, 31 Dec 9999 23:59:59 -2359", "é", "-5"]
)
def test_malformed_retry_after_is_ignored(server, tmp_path, value):
    fields = {"Retry_After": value.encode("utf-8").decode("latin-1")}
    with pytest.raises(DownloadError) as error:
        download(server.answer("/m", sends(b"no", status=503, **fields)), tmp_path)
    require_plain(error.value)


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 500 " + STEERING.encode("utf-8"),
        b"HTTP/1.1 404 " + b"x" * 60_000,
        b"HTTP/1.1 \xb2\xb2\xb2 OK",
        b"HTTP/9.9 200 OK",
        b"HTTP/1.1 99999999999999999999 OK",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://h:99999999999/\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: //\xff\xfe\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://" + b"a." * 30_000 + b"\r\n",
        b"\x00" * 100,
        b"SSH-2.0-x",
    ],
)  # fmt: skip
def test_malformed_response_is_a_short_error_of_rehub(tmp_path, line):
    with raw_server(lambda: [line + b"\r\n\r\n"]) as url:
        for ask in (download, location):
            with pytest.raises(HubError) as error:
                ask(url, tmp_path)
            require_plain(error.value)


def test_twenty_redirects_of_60_kb_make_a_short_message(server, tmp_path):
    def respond(request):
        sends(b"", status=302, Location="/m?" + "x" * 60_000 + "\x1b[2J")(request)

    with pytest.raises(DownloadError, match="more than 20 redirects") as error:
        download(server.answer("/m", respond), tmp_path)
    require_plain(error.value, most=15_000)


@pytest.mark.parametrize("value", ["bytes " + "9" * 5000 + "-1/2", "bytes 5-9/" + "9" * 5000, "bytes ²-²/²", ""])
def test_malformed_content_range_means_another_version(server, tmp_path, value):
    body = ARCHIVE + bytes(4 << 20)
    plain = {"ETag": '"v"', "Accept_Ranges": "bytes", "Content_Length": str(len(body))}

    def respond(request):
        if request.headers.get("Range"):
            sends(b"x", status=206, **{**plain, "Content_Range": value.encode("utf-8").decode("latin-1")})(request)
        else:
            sends(body[: 1 << 16], **plain)(request)

    with pytest.raises(DownloadError, match="broke off") as error:
        download_archive(server.answer("/m", respond), tmp_path, handle="h", timeout=5, retries=1)
    require_plain(error.value)


@pytest.mark.parametrize(
    "place",
    [
        "zip://::/home/u/x.zip", "tar://::/home/u/x.tar", "zip://a::file:///x.zip", "filecache::gs://b/m", "file:///m",
        "local:///m", "/m", "memory://m", "ftp://h/m", "http://h/m", "github://o:r@m/x", "dask://x", "reference://x",
        "gs://user:secret@bucket/m", "GS://b::/m", "s3://b/m?versionId=1", "hf://owner/repo", "git://x", "dir://::/home",
        "blockcache::/home/u", "data:text/plain,x", "jlab://h", "sftp://h/m", "smb://h/m", "libarchive://::/x",
    ],
)  # fmt: skip
def test_location_must_be_in_an_object_store(server, place, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    with pytest.raises(LocationUnavailable) as error:
        resolve(server.answer("/m", sends(place.encode(), status=303)))
    assert "secret" not in str(error.value)


def download(url, into):
    download_archive(url, into, handle=url, timeout=5, retries=0)


def location(url, _):
    fetch_location(url, handle=url, timeout=5, retries=0)


def require_plain(error, most=5000):
    """Check a message line by line."""
    assert len(str(error)) < most
    assert all(line.isprintable() for line in str(error).split("\n"))
    assert not any(line.startswith("forged") for line in str(error).split("\n"))
