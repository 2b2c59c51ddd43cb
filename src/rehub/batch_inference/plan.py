"""A plan: what is computed, by which model, into which files. Engines hand a plan and its shards to workers.

Both are small values that can be pickled and written as JSON. A worker needs nothing else.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, NamedTuple, Sequence

from rehub.batch_inference.model import PinnedModel
from rehub.batch_inference.settings import PredictorSettings

FORMAT_VERSION = 1
SHARD_ROWS = 50_000


@dataclass(frozen=True)
class Slice:
    """A part of an input file.

    Attributes:
        path: the file's path or URL.
        stamp: identifies its content: size and time of change, or the ETag of an object store.
        start, stop: the row groups of a Parquet file, the bytes of a text file; `stop` is None for the end.
        rows: how many there are, if that is known without reading them.
        first_row: the number of the first row in the file, from 0, for messages.
        problem: why the file cannot be read; "" if it can.
    """

    path: str
    stamp: str
    start: int = 0
    stop: int | None = None
    rows: int | None = None
    first_row: int = 0
    problem: str = ""


class ShardLimit(NamedTuple):
    """About how large a shard is at most.

    Attributes:
        rows: the number of rows.
        size: of what is read, in bytes of its files.
    """

    rows: int = SHARD_ROWS
    size: int = 256 << 20


@dataclass(frozen=True)
class Shard:
    """The unit of work: the slices whose rows become one file of the output.

    Attributes:
        index: its number, from 0.
        slices: in the order of the rows.
    """

    index: int
    slices: tuple[Slice, ...]

    @property
    def name(self) -> str:
        """The name of its file in the output."""
        return f"part-{self.index:06d}.parquet"

    @property
    def rows(self) -> int | None:
        """The number of its rows; None if it is not known."""
        counts = [each.rows for each in self.slices]
        return None if None in counts else sum(count or 0 for count in counts)

    def to_json(self) -> list[list[Any]]:
        """Return its slices as lists."""
        return [list(dataclasses.astuple(each)) for each in self.slices]

    @staticmethod
    def from_json(index: int, value: list[list[Any]]) -> Shard:
        """Return the shard that `to_json` described."""
        return Shard(index, tuple(Slice(*each) for each in value))


@dataclass(frozen=True)
class Plan:
    """What all shards of a run have in common.

    Attributes:
        output: the directory or URL of the results.
        format: the format of the input files, a name in `rehub.batch_inference.reading`.
        model: the model's files.
        settings: what is computed.
        versions: of the packages that the numbers depend on, as pairs of name and version.
        columns: the names of the columns of the input that are needed.
        schema: the Arrow schema of the output, in Arrow's IPC format; b"" before the probe.
        batch_size: rows in a call of the model, or "auto".
        on_error: "quarantine" or "fail".
        load_options: of `hub.load`, as pairs of name and value.
        fingerprint: of the plan and its shards; each part of the output has it. "" before the plan is made.
    """

    output: str
    format: str
    model: PinnedModel
    settings: PredictorSettings
    versions: tuple[tuple[str, str], ...]
    columns: tuple[str, ...] = ()
    schema: bytes = b""
    batch_size: int | str = "auto"
    on_error: str = "quarantine"
    load_options: tuple[tuple[str, Any], ...] = (("prepare", "use"),)
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what identifies the results, for the file of the plan and for comparison."""
        return {
            "format_version": FORMAT_VERSION,
            "format": self.format,
            "model": self.model.to_json(),
            "settings": self.settings.to_json(),
            "versions": dict(self.versions),
        }


def compute_fingerprint(plan: Plan, shards: Sequence[Shard]) -> str:
    """Return the sha256 of what identifies the results of a plan and its shards."""
    value = [plan.to_json(), [shard.to_json() for shard in shards]]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
