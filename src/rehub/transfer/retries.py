"""When a failed request is worth another one, and how long to wait before it."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NoReturn

from rehub.errors import DownloadError
from rehub.strict_parsing import parse_count, parse_http_date

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.5
_FACTOR = 3
_LONGEST_PAUSE = 30.0
# A server that asks for more is told to the user instead.
_LONGEST_RETRY_AFTER = 120.0


class PassingFailure(DownloadError):
    """A failure that may pass. It reaches a user only as the `DownloadError` that `Patience` makes of it."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        pause: float | None = None,
        at_once: bool = False,
        once: bool = False,
    ) -> None:
        """Tells what happened, and what is known of its end.

        Args:
            message: what the user reads when it did not pass.
            status: the HTTP status, where the server gave one.
            pause: seconds after which to ask again; None for an increasing time.
            at_once: whether the first attempt need not wait, as with a connection that broke.
            once: whether a single further attempt is enough to know.
        """
        super().__init__(message)
        self.status = status
        self.pause = pause
        self.at_once = at_once
        self.once = once


@dataclass
class Patience:
    """How often one download may fail before its failure is the user's.

    Attributes:
        retries: how many further attempts there may be, without any success between them.
        name: what the log calls the download.
    """

    retries: int
    name: str
    _failures: int = 0

    def renew(self) -> None:
        """Forgets the failures so far, as the download goes on."""
        self._failures = 0

    def wait(self, failure: PassingFailure) -> None:
        """Waits until the next attempt; raises a `DownloadError` when there shall be none."""
        self._failures += 1
        if self._failures > self.retries:
            self._give_up(failure, f"REHUB_RETRIES is {self.retries}.")
        if failure.once and self._failures > 1:
            self._give_up(failure, "")
        seconds = failure.pause
        if failure.at_once and self._failures == 1:
            seconds = 0.0
        elif seconds is None:
            longest = min(_FIRST_PAUSE * _FACTOR ** (self._failures - 1), _LONGEST_PAUSE)
            # So that many clients that failed together do not come back together.
            seconds = random.uniform(longest / 2, longest)  # noqa: S311 - no secret
        elif seconds > _LONGEST_RETRY_AFTER:
            self._give_up(failure, f"The server asks to come back in {seconds:.0f} seconds.")
        _log.info("%s is asked for again in %.1f seconds, after: %s", self.name, seconds, failure)
        time.sleep(seconds)

    def _give_up(self, failure: PassingFailure, reason: str) -> NoReturn:
        separator = "\n" if "\n" in str(failure) else " "
        times = "once" if self._failures == 1 else f"{self._failures} times"
        error = DownloadError(f"{failure}{separator}Tried {times}. {reason}".rstrip())
        error.status = failure.status
        raise error from failure


def retry_after(header: str | None) -> float | None:
    """The seconds that a Retry-After header asks to wait: a number, or a date; None when it says neither.

    >>> retry_after("120"), retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after("soon"), retry_after(None)
    (120.0, 0.0, None, None)
    """
    seconds = parse_count(header)
    if seconds is not None:
        return float(seconds)
    date = parse_http_date(header)
    return None if date is None else max(0.0, (date - datetime.now(timezone.utc)).total_seconds())
