"""The engine of one machine: this process, or several."""

from __future__ import annotations

from typing import Sequence

from rehub.batch_inference.engines import EngineOptions, OnReport
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.worker import make_predictor, try_shard
from rehub.errors import InvalidSetting


def run(plan: Plan, shards: Sequence[Shard], options: EngineOptions, on_report: OnReport) -> None:
    """Compute the shards one after the other."""
    if options.workers != 1:
        raise InvalidSetting("The local engine has one worker yet.")
    predictor = make_predictor(plan)
    for shard in shards:
        on_report(try_shard(plan, shard, predictor))
