"""A progress bar with rows, rows per second and the time that is left."""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator, Sequence

from rehub.batch_inference.plan import Shard
from rehub.batch_inference.report import ShardReport
from rehub.transfer.progress import track_counts


@contextlib.contextmanager
def track_rows(shards: Sequence[Shard], done: Sequence[ShardReport]) -> Iterator[Callable[[ShardReport], object]]:
    """Give a function to call with the report of each shard.

    The bar counts rows if all shards say how many they have, else shards.
    """
    planned = [shard.rows for shard in shards]
    counts_rows = None not in planned
    total = sum(rows or 0 for rows in planned) if counts_rows else len(shards)
    started = sum(report.rows for report in done) if counts_rows else len(done)
    with track_counts("Predicting", total, started, "row" if counts_rows else "shard") as advance:
        yield lambda report: advance(report.rows if counts_rows else 1)
