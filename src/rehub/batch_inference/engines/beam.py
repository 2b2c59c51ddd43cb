"""The engine of any Apache Beam runner: a pipeline whose elements are shards.

A pipeline returns nothing to the program that starts it, so workers write their reports beside the output. What happens
when a worker dies is decided by the runner; Beam 2.77's direct runner waits for it forever. A shard
that is computed twice writes the same file twice.
"""

from __future__ import annotations

import concurrent.futures
import json
import posixpath
import shlex
import threading
import uuid
from typing import Any, Iterator, Sequence

from rehub.batch_inference.engines import EngineOptions, OnReport
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.worker import make_predictor, try_shard
from rehub.cache.fsspec_storage import open_storage
from rehub.errors import BatchFailed, PackageMissing

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
except ImportError as _error:
    raise PackageMissing(f'The engine "beam" needs Apache Beam: pip install "rehub[beam]" ({_error})') from _error

_SECONDS_BETWEEN_LOOKS = 1.0
_RUNNING = "running"
# Threads of a process take turns: a predictor is for one, and TensorFlow uses all cores for it.
_TURN = threading.Lock()


def run(plan: Plan, shards: Sequence[Shard], options: EngineOptions, on_report: OnReport) -> None:
    """Compute the shards by a pipeline: on this machine, or where the options in `address` say.

    Raises:
        BatchFailed: the runner gave up the pipeline.
    """
    board = ReportBoard(plan.output, uuid.uuid4().hex)
    pipeline = beam.Pipeline(options=PipelineOptions(_choose_arguments(options)))
    spread = pipeline | "Shards" >> beam.Create(list(shards)) | "Spread" >> beam.Reshuffle()
    _ = spread | "Compute" >> beam.ParDo(ComputeShard(plan, board))
    board.open()
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            result = executor.submit(lambda: pipeline.run().wait_until_finish())
            try:
                while not concurrent.futures.wait([result], _SECONDS_BETWEEN_LOOKS).done:
                    _report_all(board, on_report)
                _report_all(board, on_report)
            finally:
                board.close()  # Workers pass over the shards that are left.
        if result.exception() is not None:
            raise BatchFailed(
                f"Beam's runner gave up the pipeline. Start the run again to compute the shards that are left. "
                f"({result.exception()})"
            ) from result.exception()
    finally:
        board.delete()


def _choose_arguments(options: EngineOptions) -> list[str]:
    if options.address:
        return shlex.split(options.address)
    arguments = ["--runner=DirectRunner", f"--direct_num_workers={options.workers}"]
    return [*arguments, "--direct_running_mode=multi_processing"] if options.workers > 1 else arguments


def _report_all(board: ReportBoard, on_report: OnReport) -> None:
    for report in board.take():
        on_report(report)


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
                self._board.put(try_shard(self._plan, shard, make_predictor(self._plan)))
                yield shard.index


class ReportBoard:
    """A directory beside the output, where workers put reports and the driver takes them.

    Args:
        output: the directory or URL of the results.
        run: a unique name.
    """

    def __init__(self, output: str, run: str) -> None:
        self._url = posixpath.join(output, "_rehub", f"reports-{run}")
        self._taken: set[str] = set()

    def open(self) -> None:
        """Make the directory. Those of earlier runs are deleted, so that workers that their drivers left stop."""
        storage, path = self._find_storage()
        for earlier in storage.glob(f"{posixpath.dirname(path)}/reports-*"):
            storage.rm(earlier, recursive=True)
        storage.makedirs(path, exist_ok=True)
        storage.pipe_file(f"{path}/{_RUNNING}", b"")

    def close(self) -> None:
        """Say that no more reports are wanted."""
        storage, path = self._find_storage()
        storage.rm_file(f"{path}/{_RUNNING}")

    def is_open(self) -> bool:
        """Return whether reports are wanted."""
        storage, path = self._find_storage()
        storage.invalidate_cache()
        return bool(storage.exists(f"{path}/{_RUNNING}"))

    def put(self, report: ShardReport) -> None:
        """Write a report; several of one shard are one."""
        storage, path = self._find_storage()
        staging = f"{path}/{report.shard}.{uuid.uuid4().hex}.tmp"
        storage.pipe_file(staging, json.dumps(report.to_json()).encode())
        storage.mv(staging, f"{path}/{report.shard}.json")

    def take(self) -> Iterator[ShardReport]:
        """Yield the reports that were not taken yet."""
        storage, path = self._find_storage()
        storage.invalidate_cache()
        for name in sorted(storage.ls(path, detail=False)):
            if name.endswith(".json") and name not in self._taken:
                self._taken.add(name)
                yield ShardReport(**json.loads(storage.cat_file(name)))

    def delete(self) -> None:
        """Delete the directory."""
        storage, path = self._find_storage()
        storage.rm(path, recursive=True)

    def _find_storage(self) -> tuple[Any, str]:
        return open_storage(self._url, self._url)
