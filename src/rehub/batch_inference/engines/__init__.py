"""Engines: what hands the shards of a plan to workers.

An engine is a module with one function:

    run(plan, shards, options, on_report) -> None

It calls `rehub.batch_inference.worker.try_shard(plan, shard)` once for each shard, in any order and any process; and
`on_report` in the driver with each report, as soon as it has it. A shard whose worker dies is tried again, and reported
as failed at the last attempt; an engine that cannot do that raises an error. An error that `on_report` raises ends the
run: the engine ends its workers, and lets the error through. Workers end when their driver does.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Callable, Sequence, cast

from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.report import ShardReport
from rehub.errors import InvalidSetting
from rehub.formatting import did_you_mean, list_names

_MODULES = {
    "local": "rehub.batch_inference.engines.local",
    "ray": "rehub.batch_inference.engines.ray",
    "beam": "rehub.batch_inference.engines.beam",
}
ENGINES = tuple(_MODULES)

OnReport = Callable[[ShardReport], None]


@dataclass(frozen=True)
class EngineOptions:
    """How the shards of a plan are computed; nothing here changes the results.

    Attributes:
        workers: the number of processes; 1 is this process, for the local engine.
        address: of a cluster, or the options of a runner; "" for none.
        num_gpus: GPUs for each worker.
    """

    workers: int = 1
    address: str = ""
    num_gpus: float = 0.0


Run = Callable[[Plan, Sequence[Shard], EngineOptions, OnReport], None]


def find_engine(name: str) -> Run:
    """Return the `run` of an engine.

    Raises:
        InvalidSetting: there is no such engine.
        PackageMissing: its package is not installed.
    """
    if name not in _MODULES:
        raise InvalidSetting(f"There is no engine {name!r}: {list_names(ENGINES)}.{did_you_mean(name, ENGINES)}")
    return cast("Run", importlib.import_module(_MODULES[name]).run)


def runs_in_this_process(name: str, options: EngineOptions) -> bool:
    """Return whether an engine computes in the process of the driver."""
    return name == "local" and options.workers == 1
