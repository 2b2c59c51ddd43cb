"""What the output of a run has: its plan, its parts, its reports.

part-000000.parquet ...    a file for each finished shard
_rehub/plan.json           what the parts are of
_rehub/shards.jsonl        a line for each shard that was finished or given up
_rehub/report.json         of the last run
_rehub/tmp/                files that are being written
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.output_store import LocalStore, ObjectStore
from rehub.batch_inference.plan import Plan, Shard
from rehub.batch_inference.report import BatchReport, ShardReport
from rehub.batch_inference.writing import read_shard_metadata
from rehub.errors import OutputInUse

_log = logging.getLogger(__name__)

_READERS = 8
_PART = re.compile(r"part-\d{6,}\.parquet")
_PLAN = "_rehub/plan.json"
_SHARDS = "_rehub/shards.jsonl"
_REPORT = "_rehub/report.json"


@contextlib.contextmanager
def open_output(store: LocalStore | ObjectStore) -> Iterator[OutputDirectory]:
    """Give the output of a run, which no other run has meanwhile.

    Raises:
        OutputInUse: another process writes to it.
    """
    with store.lock():
        yield OutputDirectory(store)


class OutputDirectory:
    """The output of a run."""

    def __init__(self, store: LocalStore | ObjectStore) -> None:
        self._store = store
        self.path = store.path
        self._lines: list[str] = []

    def find_run(self, plan: Plan, shards: Sequence[Shard], *, resume: bool | None, overwrite: bool) -> bytes | None:
        """Return the schema of an earlier run of the same plan; None if there is none.

        Raises:
            OutputInUse: there is a run of another plan, or there are other files.
        """
        text = self._store.read_text(_PLAN)
        names = self._list_data()
        others = names if text is None else [name for name in names if not _PART.fullmatch(name)]
        if others:
            raise OutputInUse(f"{self.path!r} has files that no run has written: {others[0]!r}. Choose another output.")
        if text is None and resume:
            raise OutputInUse(f"{self.path!r} has no run to resume.")
        if text is None or overwrite:
            return None
        written = json.loads(text)
        if written["fingerprint"] != plan.fingerprint:
            raise OutputInUse(
                f"{self.path!r} has results of another run: {_describe_difference(written, plan, shards)}. Choose "
                "another output, or replace them with --overwrite (overwrite=True in Python)."
            )
        return bytes.fromhex(written["schema"]) or None

    def write_plan(self, plan: Plan, shards: Sequence[Shard], *, overwrite: bool) -> None:
        """Write the plan, unless the output has it.

        Args:
            plan, shards: of the run.
            overwrite: delete an earlier run first.
        """
        # Files that are being written first: then no worker of an earlier run can publish them.
        self._store.reset_staging()
        if overwrite:
            self._remove_run()
        if self._store.read_text(_PLAN) is not None:
            return
        pa = import_pyarrow()
        value = {
            "fingerprint": plan.fingerprint,
            "plan": plan.to_json(),
            "schema": plan.schema.hex(),
            "columns": pa.ipc.read_schema(pa.py_buffer(plan.schema)).to_string().split("\n") if plan.schema else [],
            "shards": [shard.to_json() for shard in shards],
        }
        self._store.write_text(_PLAN, json.dumps(value))

    def find_finished(self, plan: Plan, shards: Sequence[Shard]) -> list[ShardReport]:
        """Return the reports of the shards whose files exist.

        A file that is not whole is deleted, and so is one of another plan: a worker that no driver has any more can
        wake up late, and write it after a run with `overwrite` has begun.
        """
        names = set(self._list_data())
        with ThreadPoolExecutor(_READERS) as readers:
            found = readers.map(
                lambda shard: self._read_part(plan, shard), (shard for shard in shards if shard.name in names)
            )
            return [report for report in found if report is not None]

    def _read_part(self, plan: Plan, shard: Shard) -> ShardReport | None:
        pa = import_pyarrow()
        try:
            with self._store.open(shard.name) as file:
                rows, metadata = read_shard_metadata(file)
            if metadata["plan"] == plan.fingerprint:
                return ShardReport(shard.index, rows, metadata["errors"], resumed=True)
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
            pass
        _log.warning("%s is not a whole part of this run; it is computed again.", shard.name)
        with contextlib.suppress(FileNotFoundError):  # It is deleted already.
            self._store.remove(shard.name)
        return None

    def remove_staging(self) -> None:
        """Delete what workers were writing when they were ended."""
        self._store.remove_staging()

    def append_report(self, report: ShardReport) -> None:
        """Add the report of a shard to those of this run."""
        self._lines.append(json.dumps(report.to_json()))
        if isinstance(self._store, LocalStore):
            self._store.append_line(_SHARDS, self._lines[-1])

    def write_report(self, report: BatchReport) -> None:
        """Write the report of a run."""
        if isinstance(self._store, ObjectStore):  # Where nothing can be appended.
            self._store.write_text(_SHARDS, "".join(f"{line}\n" for line in self._lines))
        self._store.write_text(_REPORT, json.dumps(report.to_json(), indent=1))

    def _list_data(self) -> list[str]:
        return [name for name in self._store.list_names() if not name.startswith(("_", "."))]

    def _remove_run(self) -> None:
        if self._store.read_text(_PLAN) is None:
            return
        for name in self._list_data():
            if _PART.fullmatch(name):
                self._store.remove(name)
        for name in (_SHARDS, _REPORT, _PLAN):
            if self._store.read_text(name) is not None:
                self._store.remove(name)


def _describe_difference(written: Any, plan: Plan, shards: Sequence[Shard]) -> str:
    now, before = json.loads(json.dumps(plan.to_json())), written["plan"]
    for key in now:
        if now[key] != before.get(key):
            if isinstance(now[key], dict) and isinstance(before.get(key), dict):
                changed = next(each for each in now[key] if now[key][each] != before[key].get(each))
                if (key, changed) == ("model", "files"):
                    return "the files of the model were others"
                was, now_is = (_format_setting(values.get(changed)) for values in (before[key], now[key]))
                return f"{key} {changed!r} was {was}, and is {now_is}"[:400]
            return f"{key} was {before.get(key)!r}, and is {now[key]!r}"[:400]
    if json.loads(json.dumps([shard.to_json() for shard in shards])) != written["shards"]:
        return "the files of the input were others, or have changed"
    return "its plan was another one"


def _format_setting(value: Any) -> str:
    """Return a setting of a plan as the user gives it: pairs as `name=other`."""
    if not value and not isinstance(value, (int, float)):
        return "none"
    if isinstance(value, list) and all(isinstance(each, list) and len(each) == 2 for each in value):
        return ",".join(f"{name}={other}" for name, other in value)
    return repr(value)
