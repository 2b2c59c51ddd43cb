"""A local server with the part of Kaggle's API that kagglehub uses to download models.

kagglehub before 0.4 goes where KAGGLE_API_ENDPOINT says; later ones, with KAGGLE_API_ENVIRONMENT=TEST, to port 7777.
In a notebook of Kaggle's both ask what KAGGLE_DATA_PROXY_URL names to mount a model.
"""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Mapping

PORT = 7777
_SERVICE = "/api/v1/models.ModelApiService/"
# More files than that come as one archive: kagglehub's http_resolver.py, MAX_NUM_FILES_DIRECT_DOWNLOAD.
_PAGE = 25


class KaggleServer:
    """Serves versions of one variation of a model.

    Attributes:
        name: owner/model/framework/variation.
        versions: the files of each version.
        archive: the response to a request for all files at once.
        needs_consent: answers 403, as Kaggle does for a model whose licence is to be accepted first.
        logins: the Authorization header of each request to the API.
        downloads: how many files were asked for.
    """

    def __init__(self, name: str, versions: Mapping[int, Mapping[str, bytes]], archive: bytes = b"") -> None:
        """Wait for the port, which another run of these tests may use."""
        self.name = name
        self.versions = versions
        self.archive = archive
        self.needs_consent = False
        self.logins: list[str | None] = []
        self.downloads = 0
        deadline = time.monotonic() + 60
        while True:
            try:
                self._server = ThreadingHTTPServer(("127.0.0.1", PORT), self._handler())
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type:
        kaggle = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/kaggle-jwt-handler/AttachDatasourceUsingJwtRequest":
                    self.send_json({"wasSuccessful": True, "result": {"mountSlug": asked["modelRef"]["ModelSlug"]}})
                    return
                framework = re.sub("MODEL_FRAMEWORK|_", "", asked["framework"]).lower()
                name = "/".join([asked["ownerSlug"], asked["modelSlug"], framework, asked["instanceSlug"]])
                version = asked.get("versionNumber")
                kaggle.logins.append(self.headers.get("Authorization"))
                if kaggle._refuses(self, name.lower(), version):
                    return
                if self.path == _SERVICE + "GetModelInstance":
                    self.send_json({"versionNumber": max(kaggle.versions)})
                elif self.path == _SERVICE + "ListModelInstanceVersionFiles":
                    self.send_json(kaggle._files(version))
                elif self.path == _SERVICE + "DownloadModelInstanceVersion":
                    self.redirect(version, asked.get("path") or "")

            def do_GET(self) -> None:
                if self.path.startswith("/signed/"):
                    _, _, version, path = self.path.split("/", 3)
                    kaggle.downloads += 1
                    self.send_body(kaggle.versions[int(version)][path] if path else kaggle.archive)
                    return
                match = re.fullmatch(r"/api/v1/models/([^/]+/[^/]+/[^/]+/[^/]+)/(?:(\d+)/)?(\w+)/?(.*)", self.path)
                name, version, verb, rest = match.groups()
                kaggle.logins.append(self.headers.get("Authorization"))
                if kaggle._refuses(self, name.lower(), version and int(version)):
                    return
                if verb == "get":
                    self.send_json({"versionNumber": max(kaggle.versions)})
                elif verb.startswith("files"):
                    self.send_json(kaggle._files(int(version)))
                elif verb == "download":
                    self.redirect(version, rest)

            def redirect(self, version: int, path: str) -> None:
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{PORT}/signed/{version}/{path}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def send_json(self, answer: object, status: int = 200) -> None:
                self.send_body(json.dumps(answer).encode(), "application/json", status)

            def send_body(self, body: bytes, content_type: str = "application/octet-stream", status: int = 200) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps the tests' output clean."""

        return Handler

    def _refuses(self, request, name: str, version: int | None) -> bool:
        if self.needs_consent:
            request.send_json({"code": 403, "message": "Permission 'models.get' was denied"}, 403)
            return True
        if name != self.name.lower() or (version is not None and version not in self.versions):
            request.send_json({"code": 404, "message": "Not found"}, 404)
            return True
        return False

    def _files(self, version: int) -> dict:
        files = [{"name": name, "size": len(content)} for name, content in self.versions[version].items()]
        return {"files": files[:_PAGE], "nextPageToken": "more" if len(files) > _PAGE else ""}
