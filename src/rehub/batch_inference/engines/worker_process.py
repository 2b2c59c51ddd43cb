"""A worker in a process of its own, on this machine: it gets shards by its stdin, and gives reports by its stdout."""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
from typing import IO, Any

from rehub.batch_inference.engines.child_process import (
    claim_stdout,
    end_child,
    exchange_messages,
    send_answer,
    start_child,
)
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.worker import try_shard


class WorkerProcess:
    """A child process that computes shards.

    Args:
        plan: of the run.
        threads: how many threads TensorFlow uses in it.
    """

    def __init__(self, plan: Plan, threads: int) -> None:
        self._process = start_child(__name__, run_worker.__name__, thread_variables(threads))
        self._plan: Plan | None = plan

    def compute(self, shard: Shard) -> ShardReport:
        """Return the report of a shard.

        Raises:
            ChildDied: the process has ended.
        """
        plan, self._plan = self._plan, None
        report: ShardReport = exchange_messages(self._process, *([] if plan is None else [plan]), shard)
        return report

    def kill(self) -> None:
        """End the process in the middle of a shard: `compute` raises `ChildDied`."""
        self._process.kill()

    def close(self) -> None:
        """End the process."""
        end_child(self._process)


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment variables by which TensorFlow uses so many threads; it reads them when it is imported."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


def run_worker() -> None:
    """Compute the shards that come by stdin, until it is closed: by a driver that has no more, or by its death."""
    reports = claim_stdout()
    messages: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_read_messages, args=(sys.stdin.buffer, messages), daemon=True).start()
    plan: Plan = messages.get()
    while True:
        send_answer(reports, try_shard(plan, messages.get()))


def _read_messages(pipe: IO[bytes], messages: queue.Queue[Any]) -> None:
    try:
        while True:
            messages.put(pickle.load(pipe))  # noqa: S301  From our own parent.
    except (EOFError, OSError):
        os._exit(0)  # Also in the middle of a shard.
