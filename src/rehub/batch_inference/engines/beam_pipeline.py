"""The process of a Beam pipeline, which any runner runs; its elements are shards.

Beam's direct runner with several processes waits forever for one that was killed, and leaves them behind if its own is
killed. So it has a process of its own, whose session ends as one.
"""

from __future__ import annotations

import functools
import os
import pickle
import sys
import threading
from typing import IO, Any, Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from rehub.batch_inference.engines.child_process import claim_stdout, kill_session, send_answer, watch_parent
from rehub.batch_inference.engines.report_board import ReportBoard
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.worker import try_shard

# Threads of a process take turns: a predictor is for one, and TensorFlow uses all cores for it.
_TURN = threading.Lock()
# What the direct runner's thread for a process raises, and no other thread sees:
# https://github.com/apache/beam/blob/v2.77.0/sdks/python/apache_beam/runners/portability/local_job_service.py
_WORKER_DIED = "Worker subprocess exited"


def run_pipeline() -> None:
    """Run the pipeline that comes by stdin; write to stdout why it failed, or "". End when stdin is closed."""
    pipe = claim_stdout()
    plan, shards, board, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  From our own parent.
    watch_parent(functools.partial(kill_session, os.getpid()))
    threading.excepthook = functools.partial(_handle_thread_error, pipe, threading.excepthook)
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(arguments))
        spread = pipeline | "Shards" >> beam.Create(list(shards)) | "Spread" >> beam.Reshuffle()
        _ = spread | "Compute" >> beam.ParDo(ComputeShard(plan, board))
        pipeline.run().wait_until_finish()
    except Exception as error:  # noqa: BLE001  The driver raises it.
        *_, reason = str(error).strip().splitlines() or [""]  # The lines before are a traceback in a worker.
        _report_end(pipe, f"{type(error).__name__}: {reason}")
    _report_end(pipe, "")


def _handle_thread_error(pipe: IO[bytes], handle: Any, failed: Any) -> None:
    handle(failed)
    if _WORKER_DIED in str(failed.exc_value):
        _report_end(pipe, f"{failed.exc_value}. A process was killed, perhaps because memory ran out.")


def _report_end(pipe: IO[bytes], failure: str) -> None:
    send_answer(pipe, failure)
    os._exit(0)  # Threads of the runner may wait for processes that do not answer.


class ComputeShard(beam.DoFn):  # type: ignore[misc]  # Any without Beam's types
    """Compute shards, and put their reports on the board."""

    def __init__(self, plan: Plan, board: ReportBoard) -> None:
        super().__init__()
        self._plan = plan
        self._board = board

    def process(self, shard: Shard) -> Iterator[int]:
        """Compute a shard; yield its index."""
        with _TURN:
            if self._board.is_open():
                self._board.put(try_shard(self._plan, shard))
                yield shard.index
