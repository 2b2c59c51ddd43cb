"""A small server for the hosting protocol: `hub.load` loads a folder of SavedModels from it over HTTP.

The folder contains `<publisher>/<model>/<version>/saved_model.pb`. The server answers a GET of
`/<publisher>/<model>/<version>?tf-hub-format=compressed` with that directory as a .tar.gz. Without a version, it uses
the latest.

Usage: `python examples/hosting.py FOLDER [PORT]`
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import sys
import tarfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import parse_qs, urlsplit


@contextlib.contextmanager
def serve(folder: str | Path, port: int = 0) -> Iterator[str]:
    """Serve the folder on the loopback interface during the `with` block, and yield the base URL.

    Args:
        folder: contains the models, as `<publisher>/<model>/<version>`.
        port: 0 chooses a free one.
    """
    server = ThreadingHTTPServer(("127.0.0.1", port), functools.partial(ModelHandler, Path(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class ModelHandler(BaseHTTPRequestHandler):
    """Answer GET requests for the models of one folder."""

    def __init__(self, folder: Path, *args: Any) -> None:
        self.folder = folder
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer with a model as an archive if the query asks for it, else with a line for people."""
        url = urlsplit(self.path)
        directory = find_model(self.folder, url.path)
        if directory is None:
            self.reply(HTTPStatus.NOT_FOUND, "text/plain", f"No model at {url.path}\n".encode())
        elif parse_qs(url.query).get("tf-hub-format") == ["compressed"]:
            self.reply(HTTPStatus.OK, "application/gzip", pack(directory))
        else:
            self.reply(HTTPStatus.OK, "text/plain", b"A SavedModel. Load it by this URL: hub.load(url)\n")

    def reply(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        """Send a complete response."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name that http.server gives it)
        """Log nothing: the terminal shows the example's output."""


def find_model(folder: Path, url_path: str) -> Path | None:
    """Return the directory of the model that a URL's path names, or None. It is never outside the folder."""
    names = [name for name in url_path.split("/") if name]
    if not names or not all(re.fullmatch(r"\w[\w.-]*", name) for name in names):
        return None
    directory = folder.joinpath(*names)
    versions = [path for path in directory.glob("*") if path.name.isdigit()]
    if versions:
        directory = max(versions, key=lambda path: int(path.name))
    return directory if (directory / "saved_model.pb").is_file() else None


def pack(directory: Path) -> bytes:
    """Return the directory as a .tar.gz with the model at its root, without owners."""

    def without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(str(directory), arcname=".", filter=without_owner)
    return archive.getvalue()


if __name__ == "__main__":
    with serve(sys.argv[1], *map(int, sys.argv[2:3])) as base_url:
        print(f"Serving {sys.argv[1]} at {base_url}, until Ctrl-C")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
