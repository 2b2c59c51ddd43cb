"""The body of a response, which is resumed if the server breaks off."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from rehub.escaping import escape
from rehub.formatting import format_size
from rehub.strict_parsing import parse_count
from rehub.transfer.http import (
    RequestLog,
    describe_root_cause,
    get_content_length,
    get_response,
    list_http_errors,
    make_reader,
)
from rehub.transfer.retries import RetryPolicy, TransientError

if TYPE_CHECKING:
    import requests

    from rehub.transfer.connections import Session

# At this throughput, 10 MB take three hours.
_MIN_BYTES_PER_SECOND = 1024

# As many bytes between two failures are progress, after which all retries are available again.
_PROGRESS_BYTES = 1 << 20


class ResumableBody:
    """The bytes of a response as they arrive.

    Reading raises a `TransientError` if the server breaks off or is silent, and cannot resume from there.

    Attributes:
        length: how many bytes the server has announced; None if it has not.
        content_type: the Content-Type header, escaped.
    """

    def __init__(
        self,
        session: Session,
        response: requests.Response,
        log: RequestLog,
        policy: RetryPolicy,
        seconds: float,
    ) -> None:
        """Take over a response.

        Args:
            session: requests the rest, if necessary.
            response: the response; closed with the body.
            log: of the response.
            policy: says how often the rest may be requested.
            seconds: the time limit for each next piece of the body.
        """
        self.length = get_content_length(response)
        self.content_type = escape(response.headers.get("Content-Type", "no Content-Type"), 100)
        self._session = session
        self._response = response
        self._log = log
        self._policy = policy
        self._seconds = seconds
        self._version = _get_resumable_version(response)
        self._read_some = make_reader(response)
        self._received = 0
        self._received_at_failure = 0
        self._throughput = _MinThroughput(seconds)

    def close(self) -> None:
        """Close the connection, if the body has not ended."""
        self._response.close()

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and none at the end."""
        while True:
            try:
                chunk = self._read_chunk(size)
            except TransientError as failure:
                self._resume_body(failure)
                continue
            self._received += len(chunk)
            return chunk

    def _read_chunk(self, size: int) -> bytes:
        if self.length is not None:
            size = min(size, self.length - self._received)
            if size == 0:
                return b""
        start = time.monotonic()
        chunk = self._try_read(size)
        if isinstance(chunk, Exception):  # Raised here, so that the error of `requests` is not its context.
            raise self._broken_off(f" ({describe_root_cause(chunk, self._response.url or '')})")
        if not chunk and self.length is not None:
            raise self._broken_off("")
        if chunk and self._throughput.is_too_low(len(chunk), time.monotonic() - start):
            raise self._broken_off(f" (it sent less than {_MIN_BYTES_PER_SECOND} bytes a second)")
        return chunk

    def _try_read(self, size: int) -> bytes | Exception:
        """Return the next bytes, or the error."""
        self._session.deadline.start(self._seconds)
        try:
            return self._read_some(size)
        except list_http_errors() as error:
            return error

    def _broken_off(self, detail: str) -> TransientError:
        announced = "" if self.length is None else f" of {self.length}"
        reason = f"the server broke off after {self._received}{announced} bytes{detail}. Try again."
        return TransientError(self._log.format_error(reason), at_once=True)

    def _resume_body(self, failure: TransientError) -> None:
        """Request the rest, from the first URL: a signed URL may have expired in the meantime."""
        if self._version is None or self._received == 0:
            raise failure
        if self._received - self._received_at_failure > _PROGRESS_BYTES:
            self._policy.reset()
        self._received_at_failure = self._received
        headers = {"Range": f"bytes={self._received}-", "If-Range": self._version}
        self._policy.wait_before_retry(failure)
        self._response.close()
        self._response = self._policy.run(
            lambda: get_response(self._session, self._log, seconds=self._seconds, headers=headers, expected=(200, 206))
        )
        self._read_some = make_reader(self._response)
        self._throughput = _MinThroughput(self._seconds)
        if not self._is_rest():
            raise TransientError(
                self._log.format_error(
                    f"the server broke off after {format_size(self._received)}, and has another version by now."
                )
            )

    def _is_rest(self) -> bool:
        if self._response.headers.get("ETag", self._version) != self._version or self._response.status_code != 206:
            return False
        match = re.fullmatch(
            "bytes ([0-9]+)-[0-9]+/([0-9]+|[*])", self._response.headers.get("Content-Range", "").strip()
        )
        if match is None or parse_count(match.group(1)) != self._received:
            return False
        return match.group(2) == "*" or self.length is None or parse_count(match.group(2)) == self.length


class _MinThroughput:
    """The throughput, over each period of a timeout that is spent waiting for bytes."""

    def __init__(self, seconds: float) -> None:
        self._period = seconds
        self._waited = 0.0
        self._count = 0

    def is_too_low(self, count: int, waited: float) -> bool:
        self._waited += waited
        self._count += count
        if self._waited < self._period:
            return False
        too_low = self._count < _MIN_BYTES_PER_SECOND * self._waited
        self._waited, self._count = 0.0, 0
        return too_low


def _get_resumable_version(response: requests.Response) -> str | None:
    """Return the ETag of a server that can send ranges of exactly this version; a weak one (W/) covers several."""
    etag = response.headers.get("ETag", "")
    ranges = response.headers.get("Accept-Ranges", "").lower()
    return etag if ranges == "bytes" and re.fullmatch('"[!#-~]{0,500}"', etag) else None
