"""What a run reports: of each shard, and in total."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from rehub.formatting import format_count, format_size


@dataclass(frozen=True)
class ShardReport:
    """What a worker says about one shard.

    Attributes:
        shard: its index.
        rows: the number of rows written.
        errors: the number of rows with an error, by kind.
        seconds: by "load", "read", "compute" and "write".
        peak_memory: the largest resident memory of the worker's process until then, in bytes.
        worker: the host and process.
        attempts: how often it was tried.
        failure: why it was given up; "" if its file is written.
        stops_run: whether the failure is one that ends the run.
        resumed: whether an earlier run wrote it.
    """

    shard: int
    rows: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: int = 0
    worker: str = ""
    attempts: int = 1
    failure: str = ""
    stops_run: bool = False
    resumed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON value."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class BatchReport:
    """What a run did.

    Attributes:
        output: the directory or URL of the results.
        shards: the number of shards in the plan.
        resumed: the number of shards that an earlier run had written.
        failed: for each failed shard, its file name and its error.
        rows: the number of rows in the output, including the rows of earlier runs.
        errors: the number of rows with an error, by kind.
        seconds: by "load", "read", "compute" and "write", summed over all workers of this run; and "wall", its length.
        rows_per_second: the rows of this run divided by "wall".
        peak_memory: the largest resident memory of a worker, in bytes.
        ignored: files in input directories whose format is unknown.
    """

    output: str
    shards: int
    resumed: int
    failed: tuple[tuple[str, str], ...]
    rows: int
    errors: Mapping[str, int]
    seconds: Mapping[str, float]
    rows_per_second: float
    peak_memory: int
    ignored: tuple[str, ...] = ()

    @property
    def error_rows(self) -> int:
        """The number of rows with an error."""
        return sum(self.errors.values())

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON value."""
        return {**dataclasses.asdict(self), "errors": dict(self.errors), "seconds": dict(self.seconds)}

    def __str__(self) -> str:
        lines = [f"{format_count(self.rows, 'row')} in {format_count(self.shards, 'shard')}  {self.output}"]
        if self.resumed:
            lines.append(f"{format_count(self.resumed, 'shard')} of an earlier run")
        if self.errors:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.errors.items()))
            lines.append(f"{format_count(self.error_rows, 'row')} with an error: {kinds}")
        lines += [f"failed: {name}: {failure}" for name, failure in self.failed]
        if self.resumed == self.shards:
            return "\n".join(lines)  # Nothing was computed, so there are no speeds.
        times = ", ".join(f"{name} {value:.1f} s" for name, value in self.seconds.items())
        lines.append(f"{self.rows_per_second:,.0f} rows/s; {times}; peak memory {format_size(self.peak_memory)}")
        return "\n".join(lines)


def summarize_reports(
    output: str, shards: int, reports: Iterable[ShardReport], names: Mapping[int, str], wall: float
) -> BatchReport:
    """Return the report of a run, from those of its shards."""
    reports = list(reports)
    errors: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for report in reports:
        for kind, count in report.errors.items():
            errors[kind] = errors.get(kind, 0) + count
        for name, value in report.seconds.items():
            seconds[name] = seconds.get(name, 0.0) + value
    done_here = sum(report.rows for report in reports if not report.resumed)
    return BatchReport(
        output=output,
        shards=shards,
        resumed=sum(report.resumed for report in reports),
        failed=tuple((names[report.shard], report.failure) for report in reports if report.failure),
        rows=sum(report.rows for report in reports),
        errors=errors,
        seconds={**seconds, "wall": wall},
        rows_per_second=done_here / wall if wall > 0 else 0.0,
        peak_memory=max((report.peak_memory for report in reports), default=0),
    )
