"""A local server with the part of Hugging Face's API that huggingface_hub uses to download models."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Mapping
from urllib.parse import unquote


class HuggingFaceServer:
    """Serves one repository of models; HF_ENDPOINT is its url.

    Attributes:
        name: owner/repo.
        revisions: branch, tag or pull request -> commit.
        commits: the files of each commit.
        is_gated: answers 403, as Hugging Face does for a model whose terms are to be accepted first.
        fetched: each file that was downloaded.
        tokens: the Authorization header of each request.
    """

    def __init__(self, name: str, revisions: Mapping[str, str], commits: Mapping[str, Mapping[str, bytes]]) -> None:
        self.name = name
        self.revisions = dict(revisions)
        self.commits = dict(commits)
        self.is_gated = False
        self.fetched: list[str] = []
        self.tokens: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def answer(self) -> None:
                hub.tokens.append(self.headers.get("Authorization"))
                path = self.path.partition("?")[0]
                if path.startswith(f"/api/models/{hub.name}/tree/"):
                    self.send_tree(path[len(f"/api/models/{hub.name}/tree/") :])
                elif path == f"/api/models/{hub.name}":
                    self.send_info("main")
                elif path.startswith(f"/api/models/{hub.name}/revision/"):
                    self.send_info(path[len(f"/api/models/{hub.name}/revision/") :])
                elif path.startswith(f"/{hub.name}/resolve/"):
                    self.send_file(*path[len(f"/{hub.name}/resolve/") :].split("/", 1))
                else:
                    self.refuse(404, "RepoNotFound", "Repository not found")

            def send_info(self, revision: str) -> None:
                commit = self.commit_of(revision)
                if commit is not None:
                    siblings = [{"rfilename": name} for name in hub.commits[commit]]
                    self.send_json({"id": hub.name, "modelId": hub.name, "sha": commit, "siblings": siblings})

            def send_tree(self, revision: str) -> None:
                commit = self.commit_of(revision)
                if commit is not None:
                    self.send_json(
                        [
                            {"type": "file", "path": name, "size": len(content), "oid": _hash(content)}
                            for name, content in hub.commits[commit].items()
                        ]
                    )

            def send_file(self, revision: str, name: str) -> None:
                commit = self.commit_of(revision)
                if commit is not None and hub.is_gated:
                    self.refuse(403, "GatedRepo", "Access to this model is restricted")
                elif commit is not None:
                    content = hub.commits[commit][unquote(name)]
                    if self.command == "GET":
                        hub.fetched.append(unquote(name))
                    self.send(200, content, {"ETag": f'"{_hash(content)}"', "X-Repo-Commit": commit})

            def commit_of(self, revision: str) -> str | None:
                revision = unquote(revision)
                commit = hub.revisions.get(revision, revision)
                if commit in hub.commits:
                    return commit
                self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
                return None

            def refuse(self, status: int, code: str, message: str) -> None:
                self.send(
                    status, json.dumps({"error": message}).encode(), {"X-Error-Code": code, "X-Error-Message": message}
                )

            def send_json(self, answer: object) -> None:
                self.send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

            def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps the tests' output clean."""

        return Handler


def _hash(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
