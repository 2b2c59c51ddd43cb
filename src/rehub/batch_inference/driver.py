"""`hub.batch`: plan a run, hand its shards to an engine, and report."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any, Callable, Mapping, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.engines import EngineOptions, Run, find_engine, runs_in_this_process
from rehub.batch_inference.output_directory import OutputDirectory, open_output
from rehub.batch_inference.output_store import open_store
from rehub.batch_inference.plan import SHARD_ROWS, Plan, Shard, ShardLimit, compute_fingerprint
from rehub.batch_inference.planning import choose_columns, find_versions, plan_input
from rehub.batch_inference.predictor import Predictor
from rehub.batch_inference.probe import probe_schema
from rehub.batch_inference.probe_process import probe_schema_in_child
from rehub.batch_inference.progress import track_rows
from rehub.batch_inference.report import BatchReport, ShardReport, summarize_reports
from rehub.batch_inference.settings import PredictorSettings
from rehub.errors import BatchFailed, InvalidSetting, OutputInUse, OutputNotWritten

_log = logging.getLogger(__name__)

# The second computes the parts that are not there after the first, or not of this plan.
_ROUNDS = 3


def batch(
    handle: Any,
    inputs: Any,
    output: Any,
    *,
    signature: str | None = None,
    input_columns: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | Sequence[str] | None = None,
    keep: Sequence[str] | None = None,
    batch_size: int | str = "auto",
    resize: tuple[int, int] | None = None,
    pixel_range: tuple[float, float] | None = None,
    ragged: Mapping[str, str] | None = None,
    padded: Mapping[str, str] | None = None,
    pad: float | None = None,
    input_format: str | None = None,
    on_error: str = "quarantine",
    max_errors: float | None = None,
    resume: bool | None = None,
    overwrite: bool = False,
    shard_rows: int = SHARD_ROWS,
    workers: int = 1,
    engine: str = "local",
    address: str = "",
    num_gpus: float = 0.0,
    tags: Sequence[str] | None = None,
    trusted: bool | None = None,
) -> BatchReport:
    """Run a model over data, and write its outputs as Parquet files.

    The input is cut into shards, and each shard becomes a file `part-000123.parquet` of the output. If a run is
    interrupted, start it again: it computes the missing shards. docs/batch.md says more.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        inputs: a file, a directory, a glob or a URL of fsspec, or several: Parquet, CSV, JSON lines, TFRecord of
            `tf.train.Example`, images or texts.
        output: a directory, or a URL of fsspec.
        signature, outputs, keep, batch_size, resize, pixel_range, ragged, padded, pad, tags, trusted: as for
            `hub.Predictor`; but an unset `keep` means all columns that are not inputs.
        input_columns: the name of the column for each input, as `inputs` of `hub.Predictor`.
        input_format: "parquet", "csv", "jsonl", "tfrecord", "image" or "text". Unset, the names of the files show it.
        on_error: "quarantine" writes a row without a result with its error, "fail" stops at the first such row.
        max_errors: stop if more rows have an error: a number of at least 1, or a fraction of the rows below 1.
        resume: True resumes an earlier run, and raises an error if there is none. Unset, an earlier run is resumed if
            there is one.
        overwrite: delete the results of an earlier run first.
        shard_rows: about how many rows a shard has; fewer if they take more than 256 MB in the files.
        workers: the number of processes. For the local engine, 1 is this process itself.
        engine: "local", "ray" or "beam".
        address: the address of a Ray cluster, or the options of a Beam runner.
        num_gpus: the number of GPUs for each worker.

    Returns:
        What the run did. Failed shards are in its `failed`; the next run tries them again.

    Raises:
        HubError: the model, the input or the output cannot be used; the message says why. Nothing was computed.
        OutputInUse: the output has results of a run with another model, other settings or other input, or other files.
        BatchFailed: more rows have an error than is allowed.
    """
    import_pyarrow()
    start = time.perf_counter()
    run_engine = find_engine(engine)
    options = EngineOptions(workers, address, num_gpus)
    check_options(engine, options, max_errors, resume, overwrite, shard_rows)
    predictor = Predictor(
        handle,
        signature=signature,
        inputs=input_columns,
        outputs=outputs,
        keep=keep,
        batch_size=batch_size,
        resize=resize,
        pixel_range=pixel_range,
        ragged=ragged,
        padded=padded,
        pad=pad,
        on_error=on_error,
        tags=tags,
        trusted=trusted,
    )
    store = open_store(output)
    found = plan_input(_list_inputs(inputs), input_format, ShardLimit(shard_rows), store.path)
    inputs_by_name, kept = choose_columns(predictor, found)
    with open_output(store) as directory:
        plan = Plan(
            output=directory.path,
            format=found.format,
            model=predictor.model,
            settings=dataclasses.replace(
                predictor.settings, keep=kept, inputs=PredictorSettings.make_pairs(inputs_by_name)
            ),
            versions=find_versions(),
            columns=tuple(dict.fromkeys((*inputs_by_name.values(), *kept))),
            batch_size=batch_size,
            on_error=on_error,
            load_options=tuple(predictor.load_options.items()),
        )
        plan = dataclasses.replace(plan, fingerprint=compute_fingerprint(plan, found.shards))
        schema = directory.find_run(plan, found.shards, resume=resume, overwrite=overwrite)
        if schema is None:
            probe = probe_schema if runs_in_this_process(engine, options) else probe_schema_in_child
            schema = probe(plan, found.shards, found.types, kept)
        plan = dataclasses.replace(plan, schema=schema or b"")
        directory.write_plan(plan, found.shards, overwrite=overwrite)
        run = _Run(directory, found.shards if schema else (), max_errors)
        try:
            run.compute(plan, run_engine, options)
        finally:
            report = dataclasses.replace(run.summarize(time.perf_counter() - start), ignored=found.ignored)
            _write_report(directory, report)
            directory.remove_staging()
    run.check_errors(is_finished=True)
    return report


def _write_report(directory: OutputDirectory, report: BatchReport) -> None:
    try:
        directory.write_report(report)
    except OutputNotWritten as error:  # What stopped the run is more important.
        _log.warning("%s", error)


def _list_inputs(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def check_options(
    engine: str,
    options: EngineOptions,
    max_errors: float | None,
    resume: bool | None,
    overwrite: bool,
    shard_rows: int,
) -> None:
    """Check the options of a run that no other code checks.

    Raises:
        InvalidSetting: one has a wrong value, or two exclude each other.
    """
    for name, count in (("workers", options.workers), ("shard_rows", shard_rows)):
        if not isinstance(count, int) or count < 1:
            raise InvalidSetting(f"{name}= takes a number of at least 1. Received: {count!r}")
    if max_errors is not None and not (isinstance(max_errors, (int, float)) and max_errors >= 0):
        raise InvalidSetting(
            f"max_errors= takes a number of rows, or a fraction below 1, such as 0.01 for 1%. Received: {max_errors!r}"
        )
    if options.address and engine == "local":
        raise InvalidSetting("address= is for the engines 'ray' and 'beam', and the engine is 'local'.")
    if options.num_gpus and (engine != "ray" or options.num_gpus < 0):
        raise InvalidSetting(
            f"num_gpus= takes the GPUs of each worker of the engine 'ray'. Received: {options.num_gpus:g} for the "
            f"engine {engine!r}. The workers of other engines use the GPUs that TensorFlow finds."
        )
    if resume and overwrite:
        raise InvalidSetting("resume= goes on with an earlier run, and overwrite= deletes it: choose one.")


class _Run:
    """The reports of a run, as they come."""

    def __init__(self, directory: OutputDirectory, shards: Sequence[Shard], max_errors: float | None) -> None:
        self._directory = directory
        self._shards = shards
        self._max_errors = max_errors
        self._names = {shard.index: shard.name for shard in shards}
        self._reports: dict[int, ShardReport] = {}
        self._advance: Callable[[ShardReport], object] = lambda _: None

    def compute(self, plan: Plan, run_engine: Run, options: EngineOptions) -> None:
        """Have an engine compute the shards that no earlier run has finished.

        In the end all parts are looked at: one can have been replaced by a late worker of another run.
        """
        for _ in range(_ROUNDS):
            finished = self._directory.find_finished(plan, self._shards)
            self._take_finished(finished)
            remaining = [shard for shard in self._shards if shard.index not in self._reports]
            if not remaining:
                return
            with track_rows(self._shards, finished) as self._advance:
                run_engine(plan, remaining, options, self.add)
        raise OutputInUse(
            f"Another run writes into {self._directory.path!r}. End one of them, and start this one again."
        )

    def _take_finished(self, finished: Sequence[ShardReport]) -> None:
        """Keep the reports of shards whose parts are there, and of those that were given up."""
        reports = {report.shard: report for report in finished}
        given_up = {index: report for index, report in self._reports.items() if report.failure}
        self._reports = {**given_up, **{index: self._reports.get(index, report) for index, report in reports.items()}}

    def add(self, report: ShardReport) -> None:
        """Take the report of a shard."""
        self._reports[report.shard] = report
        self._directory.append_report(report)
        self._advance(report)
        if report.stops_run:
            raise BatchFailed(f"{self._names[report.shard]}: {report.failure}")
        self.check_errors(is_finished=False)

    def check_errors(self, *, is_finished: bool) -> None:
        """Stop a run with too many errors.

        Raises:
            BatchFailed: there are more than allowed.
        """
        if self._max_errors is None:
            return
        rows = sum(report.rows for report in self._reports.values())
        errors = sum(sum(report.errors.values()) for report in self._reports.values())
        planned = [shard.rows for shard in self._shards]
        if not is_finished and None not in planned:
            rows = sum(count or 0 for count in planned)
        share = self._max_errors * rows + 1e-6  # 0.29 * 100 is a little less than 29.
        allowed = int(self._max_errors if self._max_errors >= 1 else share)
        if errors > allowed:
            raise BatchFailed(
                f"{errors} of {rows} rows have an error, and max_errors allows {allowed}. The finished shards are in "
                f"{self._directory.path!r}; column 'error' says what is wrong."
            )

    def summarize(self, wall: float) -> BatchReport:
        """Return the report of the run."""
        return summarize_reports(self._directory.path, len(self._shards), self._reports.values(), self._names, wall)
