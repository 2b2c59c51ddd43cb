"""The engine of any Apache Beam runner: a pipeline, whose workers write their reports beside the output.

What happens when a worker dies is decided by the runner. A shard that is computed twice writes the same file twice.
"""

from __future__ import annotations

import concurrent.futures
import importlib.util
import shlex
import uuid
from typing import Sequence

from rehub.batch_inference.engines import EngineOptions, OnReport
from rehub.batch_inference.engines.child_process import ChildDied, end_session, exchange_messages, start_child
from rehub.batch_inference.engines.report_board import ReportBoard
from rehub.batch_inference.plan import Plan, Shard
from rehub.errors import BatchFailed, PackageMissing

if importlib.util.find_spec("apache_beam") is None:
    raise PackageMissing('The engine "beam" needs Apache Beam: pip install "rehub[beam]"')

_PIPELINE = "rehub.batch_inference.engines.beam_pipeline"  # It imports Beam, which the driver does not need.
_SECONDS_BETWEEN_LOOKS = 1.0
# Else each process writes dozens of lines about itself.
_QUIET = ["--default_sdk_harness_log_level=ERROR", '--sdk_harness_log_level_overrides={"rehub": "WARNING"}']
_PROCESSES = ["--direct_running_mode=multi_processing", *_QUIET]


def run(plan: Plan, shards: Sequence[Shard], options: EngineOptions, on_report: OnReport) -> None:
    """Compute the shards by a pipeline: on this machine, or where the options in `address` say.

    Raises:
        BatchFailed: the runner gave up the pipeline, or a process of this machine was killed.
    """
    board = ReportBoard(plan.output, uuid.uuid4().hex)
    board.open()
    process = start_child(_PIPELINE, "run_pipeline", {})
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            work = (plan, tuple(shards), board, _choose_arguments(options))
            failure = executor.submit(exchange_messages, process, work)
            try:
                while not concurrent.futures.wait([failure], _SECONDS_BETWEEN_LOOKS).done:
                    _report_all(board, on_report)
                _report_all(board, on_report)
            except BaseException:
                end_session(process)
                raise
        _raise_failure(failure)
    finally:
        end_session(process)
        board.delete()  # Workers of another runner, which live on, pass over the shards that are left.


def _raise_failure(failure: concurrent.futures.Future[str]) -> None:
    try:
        reason = failure.result()
    except ChildDied as error:
        reason = f"its process ended: {error}"
    if reason:
        raise BatchFailed(
            f"Beam's runner gave up the pipeline. Start the run again to compute the shards that are left. ({reason})"
        )


def _choose_arguments(options: EngineOptions) -> list[str]:
    if options.address:
        return shlex.split(options.address)
    arguments = ["--runner=DirectRunner", f"--direct_num_workers={options.workers}"]
    return [*arguments, *_PROCESSES] if options.workers > 1 else arguments


def _report_all(board: ReportBoard, on_report: OnReport) -> None:
    for report in board.take():
        on_report(report)
