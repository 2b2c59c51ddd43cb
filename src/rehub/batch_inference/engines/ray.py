"""The engine of a cluster: Ray's actors, which get shards and return reports; rows never pass through Ray."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, Sequence

from rehub.batch_inference.engines import EngineOptions, OnReport
from rehub.batch_inference.engines.local import count_cpus
from rehub.batch_inference.engines.ray_cluster import connect, import_ray
from rehub.batch_inference.engines.shard_queue import ShardQueue
from rehub.batch_inference.engines.worker_process import thread_variables
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.worker import ATTEMPTS, try_shard
from rehub.errors import BatchFailed

if importlib.util.find_spec("ray") is None:
    import_ray()  # It says what to install. An import here would be too early for the variables of `connect`.

# https://github.com/ray-project/ray/blob/master/python/ray/exceptions.py, ActorDiedError
_CREATION_FAILED = "an error raised in its creation task"


def run(plan: Plan, shards: Sequence[Shard], options: EngineOptions, on_report: OnReport) -> None:
    """Compute the shards by actors, one for each worker."""
    if not shards:
        return
    with connect(options.address, max(options.workers, count_cpus())):
        _Run(plan, shards, options).collect_reports(on_report)


class _Run:
    """The actors of a run, and what each of them is doing.

    An actor that is lost, with its node or alone, is replaced by another one, for which Ray finds a place.
    """

    def __init__(self, plan: Plan, shards: Sequence[Shard], options: EngineOptions) -> None:
        self._ray = import_ray()
        self._plan = plan
        workers = min(options.workers, len(shards))
        self._shards = ShardQueue(shards, workers)
        self._open = len(shards)
        self._threads = self._choose_threads(options.workers)
        self._actor_class = self._ray.remote(num_cpus=self._threads, num_gpus=options.num_gpus, max_restarts=0)(_Worker)
        self._calls: dict[Any, tuple[Any, Shard | None]] = {}
        self._failed_starts = 0
        for _ in range(workers):
            self._start_actor()

    def _choose_threads(self, workers: int) -> int:
        cpus = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
        return max(1, min(min((count for count in cpus if count), default=1), sum(cpus) // workers))

    def collect_reports(self, on_report: OnReport) -> None:
        """Hand shards to actors until there is a report of each."""
        try:
            while self._open:
                (done,), _ = self._ray.wait(list(self._calls))
                report = self._finish_call(done)
                if report is not None:
                    self._open -= 1
                    on_report(report)
        finally:
            for actor, _ in self._calls.values():
                self._ray.kill(actor)

    def _start_actor(self) -> None:
        actor = self._actor_class.remote(self._plan, self._threads)
        # It may have to wait for a free CPU, so it gets no shard yet.
        self._calls[actor.is_ready.remote()] = actor, None

    def _finish_call(self, call: Any) -> ShardReport | None:
        """Take the result of a call, and give the actor its next shard."""
        actor, shard = self._calls.pop(call)
        try:
            report: ShardReport | None = self._ray.get(call)
        except self._ray.exceptions.RayTaskError as error:
            raise BatchFailed(f"A worker failed: {type(error.cause).__name__}: {error.cause}") from error
        except self._ray.exceptions.RayError as error:
            self._ray.kill(actor)
            report = self._replace_actor(shard, error)
        else:
            self._failed_starts = 0
            report = None if report is None else self._shards.finish(report)
            next_shard = self._shards.take()
            if next_shard is None:
                self._ray.kill(actor)
            else:
                self._calls[actor.compute.remote(next_shard)] = actor, next_shard
        return report

    def _replace_actor(self, shard: Shard | None, error: Exception) -> ShardReport | None:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if shard is None:
            self._failed_starts += 1
            if _CREATION_FAILED in reason:  # It fails on that machine each time: rehub is not there, or is another.
                first, *_, last = str(error).strip().splitlines() * 2
                raise BatchFailed(f"A machine of the cluster cannot run rehub: {last.strip()} ({first})") from error
            if self._failed_starts > ATTEMPTS:
                raise BatchFailed(f"Ray cannot start a worker: {reason}") from error
        report = None if shard is None else self._shards.return_lost(shard, reason)
        self._start_actor()
        return report


class _Worker:
    """An actor."""

    def __init__(self, plan: Plan, threads: int) -> None:
        os.environ.update({**thread_variables(threads), **os.environ})
        self._plan = plan

    def is_ready(self) -> None:
        """Return when the actor runs."""

    def compute(self, shard: Shard) -> ShardReport:
        """Return the report of a shard."""
        return try_shard(self._plan, shard)
