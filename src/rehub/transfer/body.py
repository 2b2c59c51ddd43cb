"""The body of an answer, which goes on where the server has broken off."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from rehub.escaping import escape
from rehub.formatting import format_size
from rehub.strict_parsing import parse_count
from rehub.transfer.hops import Trace, answer_errors, ask, content_length, reader, root_cause
from rehub.transfer.retries import PassingFailure, Patience

if TYPE_CHECKING:
    import requests

    from rehub.transfer.connections import Session

# At this pace, 10 MB take three hours.
_LEAST_BYTES_PER_SECOND = 1024

# So much between two failures is a success.
_PROGRESS = 1 << 20


class Body:
    """The bytes of an answer as they come over the wire.

    Reading raises a `PassingFailure` where the server breaks off or is silent, and cannot go on from there.

    Attributes:
        length: how many bytes the server has promised; None when it has not.
        content_type: what it says that they are.
    """

    def __init__(
        self,
        session: Session,
        response: requests.Response,
        trace: Trace,
        patience: Patience,
        seconds: float,
    ) -> None:
        """Takes over an answer.

        Args:
            session: asks for the rest, when need be.
            response: the answer; closed with the body.
            trace: of the answer.
            patience: says how often the rest may be asked for.
            seconds: within which each next piece of the body must come.
        """
        self.length = content_length(response)
        self.content_type = escape(response.headers.get("Content-Type", "no Content-Type"), 100)
        self._session = session
        self._response = response
        self._trace = trace
        self._patience = patience
        self._seconds = seconds
        self._version = _version_with_ranges(response)
        self._read = reader(response)
        self._received = 0
        self._received_at_failure = 0
        self._pace = _Pace(seconds)

    def close(self) -> None:
        """Ends the connection, when it has not come to its end."""
        self._response.close()

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while True:
            try:
                chunk = self._chunk(size)
            except PassingFailure as failure:
                self._go_on(failure)
                continue
            self._received += len(chunk)
            return chunk

    def _chunk(self, size: int) -> bytes:
        if self.length is not None:
            size = min(size, self.length - self._received)
            if size == 0:
                return b""
        start = time.monotonic()
        chunk = self._piece(size)
        if isinstance(chunk, Exception):  # Raised here, where the error of `requests` is not its context.
            raise self._broken_off(f" ({root_cause(chunk, self._response.url or '')})")
        if not chunk and self.length is not None:
            raise self._broken_off("")
        if chunk and self._pace.is_too_slow(len(chunk), time.monotonic() - start):
            raise self._broken_off(f" (it sent less than {_LEAST_BYTES_PER_SECOND} bytes a second)")
        return chunk

    def _piece(self, size: int) -> bytes | Exception:
        """The next bytes, or what was raised over them."""
        self._session.deadline.start(self._seconds)
        try:
            return self._read(size)
        except answer_errors() as error:
            return error

    def _broken_off(self, detail: str) -> PassingFailure:
        promised = "" if self.length is None else f" of the {self.length} that it promised"
        reason = f"the server broke off after {self._received} bytes{promised}{detail}. Try again."
        return PassingFailure(self._trace.message(reason), at_once=True)

    def _go_on(self, failure: PassingFailure) -> None:
        """Asks for the rest, from the start of the trace: a signed URL may have expired meanwhile."""
        if self._version is None or self._received == 0:
            raise failure
        if self._received - self._received_at_failure > _PROGRESS:
            self._patience.renew()
        self._received_at_failure = self._received
        headers = {"Range": f"bytes={self._received}-", "If-Range": self._version}
        while True:
            self._patience.wait(failure)
            self._response.close()
            try:
                self._response = ask(
                    self._session, self._trace, seconds=self._seconds, headers=headers, expected=(200, 206)
                )
                break
            except PassingFailure as next_failure:
                failure = next_failure
        self._read = reader(self._response)
        self._pace = _Pace(self._seconds)
        if not self._is_the_rest():
            raise PassingFailure(
                self._trace.message(
                    f"the server broke off after {format_size(self._received)}, and has another version of it by now."
                )
            )

    def _is_the_rest(self) -> bool:
        if self._response.headers.get("ETag", self._version) != self._version or self._response.status_code != 206:
            return False
        match = re.fullmatch(
            "bytes ([0-9]+)-[0-9]+/([0-9]+|[*])", self._response.headers.get("Content-Range", "").strip()
        )
        if match is None or parse_count(match.group(1)) != self._received:
            return False
        return match.group(2) == "*" or self.length is None or parse_count(match.group(2)) == self.length


class _Pace:
    """How fast the bytes come, counted over each timeout that is spent on waiting for them."""

    def __init__(self, seconds: float) -> None:
        self._window = seconds
        self._waited = 0.0
        self._count = 0

    def is_too_slow(self, count: int, waited: float) -> bool:
        self._waited += waited
        self._count += count
        if self._waited < self._window:
            return False
        slow = self._count < _LEAST_BYTES_PER_SECOND * self._waited
        self._waited, self._count = 0.0, 0
        return slow


def _version_with_ranges(response: requests.Response) -> str | None:
    """The ETag of a server that can give a part of exactly this version; a weak one (W/) is of several."""
    etag = response.headers.get("ETag", "")
    ranges = response.headers.get("Accept-Ranges", "").lower()
    return etag if ranges == "bytes" and re.fullmatch('"[!#-~]{0,500}"', etag) else None
