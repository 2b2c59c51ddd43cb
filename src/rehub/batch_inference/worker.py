"""The worker: compute one shard, and write its file. It knows no engine; every engine calls `try_shard`."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import importlib
import logging
import os
import socket
import sys
import time
import uuid
from typing import Any, Iterator

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.predictor import Predictor
from rehub.batch_inference.read_ahead import iter_ahead
from rehub.batch_inference.reading import Chunk, read_slices
from rehub.batch_inference.reading.chunk import merge_chunks
from rehub.batch_inference.report import ShardReport
from rehub.batch_inference.row_errors import ERROR_COLUMN, RowErrors
from rehub.batch_inference.writing import ShardWriter, convert_kept, convert_output
from rehub.errors import BatchFailed, InputChanged, InputMismatch, OutputNotWritten, OutputsNotAligned

_log = logging.getLogger(__name__)

ATTEMPTS = 3
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# Errors that a second attempt would meet again.
_FINAL = (BatchFailed, InputChanged, InputMismatch, OutputsNotAligned)


def load_predictor(plan: Plan) -> Predictor:
    """Return the predictor of a plan with its model loaded, the same one for each call in this process.

    Raises:
        HubError: the model cannot be loaded; and what TensorFlow raises.
    """
    # Its schema and output are not what a predictor depends on, and the probe has no schema yet.
    predictor = _make_predictor(dataclasses.replace(plan, schema=b"", output="", fingerprint=""))
    predictor.load()
    return predictor


@functools.lru_cache(maxsize=1)
def _make_predictor(plan: Plan) -> Predictor:
    return Predictor(
        plan.model,
        **plan.settings.to_arguments(),
        batch_size=plan.batch_size,
        on_error=plan.on_error,
        **dict(plan.load_options),
    )


def try_shard(plan: Plan, shard: Shard) -> ShardReport:
    """Compute a shard, several times if need be; return its report, which says why it was given up if it was."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            predictor = load_predictor(plan)
        except Exception as error:  # noqa: BLE001  The run ends: other shards would meet the same.
            return _report_failure(shard, attempt, error, f"{_name_worker()} cannot load the model: ", stops_run=True)
        try:
            return dataclasses.replace(run_shard(plan, shard, predictor), attempts=attempt)
        except Exception as error:  # noqa: BLE001  The job goes on with the other shards, and reports this one.
            _log.warning("%s, attempt %d: %s: %s", shard.name, attempt, type(error).__name__, error)
            if attempt == ATTEMPTS or isinstance(error, _FINAL) or _is_disk_full(error):
                # Other shards would meet the same.
                stops_run = plan.on_error == "fail" or _is_disk_full(error) or isinstance(error, OutputNotWritten)
                return _report_failure(shard, attempt, error, stops_run=stops_run)
    raise AssertionError("ATTEMPTS is at least 1")


def _report_failure(shard: Shard, attempt: int, error: Exception, what: str = "", *, stops_run: bool) -> ShardReport:
    failure = f"{what}{type(error).__name__}: {error}"
    return ShardReport(shard.index, attempts=attempt, failure=failure, stops_run=stops_run, worker=_name_worker())


def _is_disk_full(error: BaseException) -> bool:
    """Return whether a disk is full: pyarrow's error may have no errno."""
    return getattr(error, "errno", None) in _NO_SPACE or os.strerror(errno.ENOSPC) in str(error)


def run_shard(plan: Plan, shard: Shard, predictor: Predictor) -> ShardReport:
    """Compute a shard and write its file.

    Args:
        plan: of the run.
        shard: the shard.
        predictor: of `load_predictor`.

    Raises:
        BatchFailed: a row has no result, and the plan's `on_error` is "fail".
        HubError, OSError: the shard cannot be read, computed or written.
    """
    pa = import_pyarrow()
    schema = pa.ipc.read_schema(pa.py_buffer(plan.schema))
    clock = _Clock()
    # The shard that comes first has the time of loading, even if the probe has loaded the model.
    clock.seconds["load"], predictor.load_seconds = predictor.load_seconds, 0.0
    writer = ShardWriter(plan.output, shard.name, uuid.uuid4().hex, schema)
    rows = 0
    errors: dict[str, int] = {}
    try:
        for chunk in clock.time_each("read", read_shard(plan, shard)):
            rows += chunk.rows
            table = _compute_table(plan, chunk, predictor, schema, clock)
            for kind, count in chunk.errors.count_kinds().items():
                errors[kind] = errors.get(kind, 0) + count
            with clock.time("write"):
                writer.write(table)
        with clock.time("write"):
            writer.publish({"rows": rows, "errors": errors, "plan": plan.fingerprint})
    except BaseException:
        writer.discard()
        raise
    return ShardReport(shard.index, rows, errors, dict(clock.seconds), _peak_memory(), _name_worker())


def read_shard(plan: Plan, shard: Shard) -> Iterator[Chunk]:
    """Yield the rows of a shard; the next ones are read meanwhile."""
    return iter_ahead(merge_chunks(read_slices(plan.format, shard.slices, plan.columns), plan.columns))


def _compute_table(plan: Plan, chunk: Chunk, predictor: Predictor, schema: Any, clock: _Clock) -> Any:
    """Return the rows of the output for a chunk; notes the errors of rows in the chunk."""
    pa = import_pyarrow()
    errors: RowErrors = chunk.errors
    outputs_by_column = {column: name for name, column in predictor.output_columns.items()}
    kept = {
        field.name: convert_kept(field, chunk.columns[field.name], errors)
        for field in schema
        if field.name not in outputs_by_column and field.name != ERROR_COLUMN
    }
    with clock.time("compute"):
        outputs = predictor.predict(chunk.columns, chunk.rows, errors)
    with clock.time("write"):
        arrays, before = {}, -1
        while before != len(errors):  # An output that does not fit its type makes the row null in all of them.
            before = len(errors)
            for column, name in outputs_by_column.items():
                arrays[column] = convert_output(schema.field(column), outputs[name], chunk.rows, errors)
        if plan.on_error == "fail" and len(errors):
            raise BatchFailed(f"{len(errors)} rows have no result. The first: {errors.first_message()}")
        arrays.update(kept)
        arrays[ERROR_COLUMN] = pa.array(errors.to_column(chunk.rows), pa.string())
        return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


class _Clock:
    """The seconds of each activity."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(("load", "read", "compute", "write"), 0.0)

    @contextlib.contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add the time within a `with`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def time_each(self, name: str, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Yield what an iterator yields, and add the time that it takes."""
        while True:
            with self.time(name):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk


def _peak_memory() -> int:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows.
        return 0
    peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else peak * 1024


def _name_worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
