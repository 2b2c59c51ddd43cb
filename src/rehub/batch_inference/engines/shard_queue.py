"""The shards that are left to compute, for engines that hand them to workers one by one."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import Counter, deque
from typing import Sequence

from rehub.batch_inference.plan import Shard
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.worker import ATTEMPTS

_log = logging.getLogger(__name__)


class ShardQueue:
    """A queue of shards. One whose worker died comes back, until its attempts are used up.

    Args:
        shards: to compute.
        workers: how many take them. If each dies as often as a shard is tried, and none has finished one, the run ends.
    """

    def __init__(self, shards: Sequence[Shard], workers: int) -> None:
        self._shards = deque(shards)
        self._deaths: Counter[int] = Counter()
        self._max_deaths_at_start = ATTEMPTS * workers
        self._has_finished = False
        self._is_closed = False
        self._lock = threading.Lock()

    def take(self) -> Shard | None:
        """Return the next shard; None if there is none."""
        with self._lock:
            return self._shards.popleft() if self._shards and not self._is_closed else None

    def finish(self, report: ShardReport) -> ShardReport:
        """Return the report of a worker with all attempts at its shard, those of dead workers too."""
        with self._lock:
            self._has_finished = True
            return dataclasses.replace(report, attempts=report.attempts + self._deaths[report.shard])

    def return_lost(self, shard: Shard, reason: str) -> ShardReport | None:
        """Put back a shard whose worker died; or return the report that it is given up.

        Args:
            shard: what the worker computed.
            reason: how it died.
        """
        with self._lock:
            if self._is_closed:
                return None
            self._deaths[shard.index] += 1
            deaths = self._deaths[shard.index]
            all_deaths = sum(self._deaths.values())
            stops_run = deaths < ATTEMPTS and not self._has_finished and all_deaths >= self._max_deaths_at_start
            if deaths < ATTEMPTS and not stops_run:
                self._shards.append(shard)
                _log.warning("%s: its worker died: %s. The shard is computed again.", shard.name, reason)
                return None
        if stops_run:
            failure = f"workers died {all_deaths} times, and none has finished a shard; at last: {reason}"
        else:
            failure = f"its worker died {deaths} times, at last: {reason}"
        return ShardReport(shard.index, attempts=deaths, failure=failure, stops_run=stops_run)

    def close(self) -> None:
        """Give out no more shards, and take none back."""
        with self._lock:
            self._is_closed = True
