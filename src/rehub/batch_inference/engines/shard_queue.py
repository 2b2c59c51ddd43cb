"""The shards that are left to compute, for engines that hand them to workers one by one."""

from __future__ import annotations

import threading
from collections import deque
from typing import Sequence

from rehub.batch_inference.plan import Shard
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.worker import ATTEMPTS


class ShardQueue:
    """A queue of shards. One whose worker died comes back, until its attempts are used up."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = deque(shards)
        self._deaths: dict[int, int] = {}
        self._is_closed = False
        self._lock = threading.Lock()

    def take(self) -> Shard | None:
        """Return the next shard; None if there is none."""
        with self._lock:
            return self._shards.popleft() if self._shards and not self._is_closed else None

    def return_lost(self, shard: Shard, reason: str) -> ShardReport | None:
        """Put back a shard whose worker died; or return the report that it is given up.

        Args:
            shard: what the worker computed.
            reason: how it died.
        """
        with self._lock:
            deaths = self._deaths[shard.index] = self._deaths.get(shard.index, 0) + 1
            if deaths < ATTEMPTS:
                self._shards.append(shard)
                return None
        return ShardReport(shard.index, attempts=deaths, failure=f"its worker died {deaths} times, at last: {reason}")

    def close(self) -> None:
        """Give out no more shards."""
        with self._lock:
            self._is_closed = True
