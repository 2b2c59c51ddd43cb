"""Retry transient failures of requests, with increasing pauses."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, Mapping, NoReturn, TypeVar

from rehub.errors import DownloadError
from rehub.strict_parsing import parse_count, parse_http_date

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_PAUSE_FACTOR = 3
_MAX_PAUSE_SECONDS = 30.0
# A server that asks for a longer pause is an error.
_MAX_RETRY_AFTER_SECONDS = 120.0


class TransientError(DownloadError):
    """A transient failure. Users see it only as the `DownloadError` that `RetryPolicy` makes of it."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        pause: float | None = None,
        at_once: bool = False,
        once: bool = False,
    ) -> None:
        """Describe the failure, and when to try again.

        Args:
            message: the message of the final error.
            status: the HTTP status, if there was one.
            pause: seconds before the next attempt; None for an increasing time.
            at_once: whether the first retry needs no pause, as after a broken connection.
            once: whether a single retry is enough.
        """
        super().__init__(message)
        self.status = status
        self.pause = pause
        self.at_once = at_once
        self.once = once


@dataclass
class RetryPolicy:
    """How often one download is retried.

    Attributes:
        retries: how many retries there may be without any progress between them.
        name: the name of the download in the log.
    """

    retries: int
    name: str
    _failures: int = 0

    def reset(self) -> None:
        """Forget the failures so far, as the download makes progress."""
        self._failures = 0

    def run(self, action: Callable[[], T]) -> T:
        """Call `action` until it raises no `TransientError`, and return its result.

        Raises:
            DownloadError: the retries are used up.
        """
        while True:
            try:
                return action()
            except TransientError as failure:
                self.wait_before_retry(failure)

    def wait_before_retry(self, failure: TransientError) -> None:
        """Wait until the next attempt; raise a `DownloadError` if the retries are used up."""
        self._failures += 1
        if self._failures > self.retries:
            self._raise_final(failure, f"REHUB_RETRIES is {self.retries}.")
        if failure.once and self._failures > 1:
            self._raise_final(failure, "")
        seconds = failure.pause
        if failure.at_once and self._failures == 1:
            seconds = 0.0
        elif seconds is None:
            longest = min(_FIRST_PAUSE_SECONDS * _PAUSE_FACTOR ** (self._failures - 1), _MAX_PAUSE_SECONDS)
            # Random, so that clients that failed together do not retry together.
            seconds = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        elif seconds > _MAX_RETRY_AFTER_SECONDS:
            self._raise_final(failure, f"The server asks to try again in {seconds:.0f} seconds.")
        _log.info("%s is requested again in %.1f seconds, after: %s", self.name, seconds, failure)
        time.sleep(seconds)

    def _raise_final(self, failure: TransientError, reason: str) -> NoReturn:
        separator = "\n" if "\n" in str(failure) else " "
        times = "once" if self._failures == 1 else f"{self._failures} times"
        error = DownloadError(f"{failure}{separator}Tried {times}. {reason}".rstrip())
        error.status = failure.status
        raise error from failure


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response's Retry-After header asks to wait, as a number or a date; None if it does not.

    A date is compared with the response's Date header, because the clock of this machine may be wrong (RFC 9110,
    10.2.3).

    >>> parse_retry_after({"Retry-After": "120"}), parse_retry_after({"Retry-After": "soon"}), parse_retry_after({})
    (120.0, None, None)
    >>> parse_retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:10 GMT"})
    0.0
    >>> parse_retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:10 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"})
    10.0
    """
    header = headers.get("Retry-After")
    seconds = parse_count(header)
    if seconds is not None:
        return float(seconds)
    date = parse_http_date(header)
    now = parse_http_date(headers.get("Date")) or datetime.now(timezone.utc)
    return None if date is None else max(0.0, (date - now).total_seconds())
