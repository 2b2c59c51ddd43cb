"""How `rehub publish` asks a service: again after a passing failure, and never over a forbidden network."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from services import directory_of

from rehub.server.client import PublishFailed, publish_to_url


@pytest.fixture
def statuses():
    """With what the service answers, in turn."""
    return [503, 201]


@pytest.fixture
def url(statuses):
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses.pop(0))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(b'{"name": "acme/text/1", "sha256": "0", "is_new": true}')

        def log_message(self, *_):
            """Keeps the tests' output clean."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/acme/text"
        server.shutdown()
        thread.join()


def test_a_busy_service_is_asked_again(url, statuses):
    assert publish_to_url(directory_of("conv_bn"), url).is_new
    assert statuses == []


@pytest.mark.parametrize("statuses", [[500, 201]])
def test_a_failure_that_may_have_published_is_not_repeated(url, statuses):
    with pytest.raises(PublishFailed, match="500"):
        publish_to_url(directory_of("conv_bn"), url)
    assert statuses == [201]


def test_nothing_is_published_over_a_forbidden_network(url, statuses, monkeypatch):
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    with pytest.raises(PublishFailed, match="REHUB_OFFLINE"):
        publish_to_url(directory_of("conv_bn"), url)
    assert statuses == [503, 201]
