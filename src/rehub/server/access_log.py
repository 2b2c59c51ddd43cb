"""A line of JSON for each request, and counters of them. Neither holds a query or a header; counters name no model."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timezone
from typing import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rehub.server.access import Visitor

_log = logging.getLogger("rehub.server.access")

_METHODS = ("GET", "HEAD", "PUT", "DELETE")


class Metrics:
    """What Prometheus reads at `/-/metrics`. No label names a model, as some are private."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "rehub_requests", "Requests by method and status.", ["method", "status"], registry=self._registry
        )
        self._bytes = Counter("rehub_response_bytes", "Bytes of all answers.", registry=self._registry)
        self._seconds = Histogram("rehub_request_seconds", "Seconds of each answer.", registry=self._registry)

    def count(self, method: str, status: int, size: int, seconds: float) -> None:
        """Count one answer."""
        # Clients may send any word as the method, and each label takes memory for good.
        self._requests.labels(method if method in _METHODS else "other", str(status)).inc()
        self._bytes.inc(size)
        self._seconds.observe(seconds)

    def render(self) -> bytes:
        """Return the counters in Prometheus' text format."""
        return generate_latest(self._registry)


class AccessLog:
    """ASGI middleware: logs and counts each request when its answer has been sent, or has failed."""

    def __init__(self, app: ASGIApp, visitor_of: Callable[[Request], Visitor], metrics: Metrics) -> None:
        self._app = app
        self._visitor_of = visitor_of
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, size = time.perf_counter(), 500, 0

        async def send_and_count(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_and_count)
        finally:
            # What the server sends by itself passes by here (connections.py).
            size += scope.get("extensions", {}).get("http.response.pathsend", {}).get("sent", 0)
            seconds = time.perf_counter() - started
            self._metrics.count(scope["method"], status, size, seconds)
            _log.info("%s", json.dumps(self._describe_request(scope, status, size, seconds)))

    def _describe_request(self, scope: Scope, status: int, size: int, seconds: float) -> dict[str, object]:
        client = scope.get("client")
        return {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "client": client[0] if client else "",
            "visitor": self._visitor_of(Request(scope)).label,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "bytes": size,
            "seconds": round(seconds, 4),
        }
