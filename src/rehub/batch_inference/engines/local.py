"""The engine of one machine: this process, or several."""

from __future__ import annotations

import os
import queue
import threading
from typing import Sequence

from rehub.batch_inference.engines import EngineOptions, OnReport
from rehub.batch_inference.engines.child_process import ChildDied
from rehub.batch_inference.engines.shard_queue import ShardQueue
from rehub.batch_inference.engines.worker_process import WorkerProcess
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.worker import try_shard


def run(plan: Plan, shards: Sequence[Shard], options: EngineOptions, on_report: OnReport) -> None:
    """Compute the shards in this process, or in as many as there are workers."""
    workers = min(options.workers, len(shards))
    if workers > 1:
        _run_processes(plan, shards, workers, on_report)
        return
    for shard in shards:
        on_report(try_shard(plan, shard))


def count_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run_processes(plan: Plan, shards: Sequence[Shard], workers: int, on_report: OnReport) -> None:
    left = ShardQueue(shards, workers)
    reports: queue.Queue[ShardReport | BaseException] = queue.Queue()
    servers = [_Server(plan, left, reports, max(1, count_cpus() // workers)) for _ in range(workers)]
    for server in servers:
        server.start()
    try:
        for _ in shards:
            report = reports.get()
            if isinstance(report, BaseException):
                raise report
            on_report(report)
    finally:
        left.close()
        for server in servers:
            server.stop()
        for server in servers:
            server.join()


class _Server(threading.Thread):
    """A thread that hands shards to a worker process, and starts another one when it dies."""

    def __init__(
        self, plan: Plan, left: ShardQueue, reports: queue.Queue[ShardReport | BaseException], threads: int
    ) -> None:
        super().__init__(daemon=True)
        self._plan, self._left, self._reports, self._threads = plan, left, reports, threads
        self._worker: WorkerProcess | None = None
        self._is_stopped = False

    def run(self) -> None:
        """Serve until no shard is left."""
        try:
            for shard in iter(self._left.take, None):
                report = self._compute_shards(shard)
                if report is not None:
                    self._reports.put(report)
        except BaseException as error:  # noqa: BLE001  Raised again by the driver's thread.
            self._reports.put(error)
        finally:
            if self._worker is not None:
                self._worker.close()

    def _compute_shards(self, shard: Shard) -> ShardReport | None:
        if self._worker is None:
            self._worker = WorkerProcess(self._plan, self._threads)
        worker = self._worker
        if self._is_stopped:
            worker.kill()
        try:
            return self._left.finish(worker.compute(shard))
        except ChildDied as error:
            self._worker = None
            return self._left.return_lost(shard, str(error))

    def stop(self) -> None:
        """End the worker, in the middle of a shard too. The queue of shards is empty by then."""
        self._is_stopped = True
        worker = self._worker
        if worker is not None:
            worker.kill()
