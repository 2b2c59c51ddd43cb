"""The output of a run: its plan, its parts, its reports; a directory, or a place in an object store.

part-000000.parquet ...    a file for each finished shard
_rehub/plan.json           what the parts are of
_rehub/shards.jsonl        a line for each shard that was finished or given up
_rehub/report.json         of the last run
_rehub/tmp/                files that are being written
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Iterator, Sequence

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.plan import Plan, Shard, compute_fingerprint
from rehub.batch_inference.report import BatchReport, ShardReport
from rehub.batch_inference.writing import read_shard_metadata
from rehub.cache import file_lock
from rehub.errors import OutputInUse
from rehub.staging import write_atomically

_PART = re.compile(r"part-\d{6,}\.parquet")


@contextlib.contextmanager
def open_output(output: Any) -> Iterator[OutputDirectory]:
    """Give the output of a run, which no other run has meanwhile.

    Raises:
        OutputInUse: another process writes to it.
    """
    directory = OutputDirectory(os.path.abspath(os.path.expanduser(os.fspath(output))))
    lock_file = directory.own / "lock"
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = file_lock.try_acquire(lock_file)
    if lock is None:
        holder = file_lock.read_holder(lock_file) or "another process"
        raise OutputInUse(
            f"A run in {directory.path!r} is in progress: {holder}. Wait for it, or choose another output."
        )
    with lock:
        yield directory


class OutputDirectory:
    """The output of a run on a disk."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.own = Path(path, "_rehub")

    def find_run(self, plan: Plan, shards: Sequence[Shard], *, resume: bool | None, overwrite: bool) -> bytes | None:
        """Return the schema of an earlier run of the same plan; None if there is none.

        Raises:
            OutputInUse: there is a run of another plan, or there are other files.
        """
        file = self.own / "plan.json"
        if overwrite:
            self._remove_run()
        others = [name for name in self._list_names() if not _PART.fullmatch(name)]
        if others or (not file.exists() and self._list_names()):
            raise OutputInUse(
                f"{self.path!r} has files that are not of a run: {self._list_names()[0]!r}. Choose another."
            )
        if not file.exists():
            if resume:
                raise OutputInUse(f"{self.path!r} has no run to resume.")
            return None
        written = json.loads(file.read_text("utf-8"))
        if written["fingerprint"] != _fingerprint(plan, shards):
            raise OutputInUse(
                f"{self.path!r} has results of another run: {_describe_difference(written, plan, shards)}. Choose "
                "another output, or replace them with --overwrite (overwrite=True in Python)."
            )
        return bytes.fromhex(written["schema"])

    def write_plan(self, plan: Plan, shards: Sequence[Shard]) -> None:
        """Write the plan, unless the output has it."""
        tmp = self.own / "tmp"
        shutil.rmtree(str(tmp), ignore_errors=True)
        tmp.mkdir(parents=True)
        if (self.own / "plan.json").exists():
            return
        value = {
            "fingerprint": _fingerprint(plan, shards),
            "plan": plan.to_json(),
            "schema": plan.schema.hex(),
            "schema_text": import_pyarrow().ipc.read_schema(import_pyarrow().py_buffer(plan.schema)).to_string()
            if plan.schema
            else "",
            "shards": [shard.to_json() for shard in shards],
        }
        with write_atomically(self.own / "plan.json") as staging:
            staging.write_text(json.dumps(value, indent=1), "utf-8")

    def find_finished(self, shards: Sequence[Shard]) -> list[ShardReport]:
        """Return the reports of the shards whose files exist; a file that is not whole is deleted."""
        pa = import_pyarrow()
        found = []
        names = set(self._list_names())
        for shard in shards:
            if shard.name not in names:
                continue
            file = Path(self.path, shard.name)
            try:
                rows, metadata = read_shard_metadata(str(file))
                found.append(ShardReport(shard.index, rows, metadata["errors"], resumed=True))
            except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
                file.unlink()
        return found

    def append_report(self, report: ShardReport) -> None:
        """Add the report of a shard."""
        with (self.own / "shards.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(report.to_json()) + "\n")

    def write_report(self, report: BatchReport) -> None:
        """Write the report of a run."""
        with write_atomically(self.own / "report.json") as staging:
            staging.write_text(json.dumps(report.to_json(), indent=1), "utf-8")

    def _list_names(self) -> list[str]:
        return sorted(name for name in os.listdir(self.path) if not name.startswith(("_", ".")))

    def _remove_run(self) -> None:
        if not (self.own / "plan.json").exists():
            return
        for name in self._list_names():
            if _PART.fullmatch(name):
                Path(self.path, name).unlink()
        for path in self.own.iterdir():
            if path.name != "lock":
                shutil.rmtree(str(path)) if path.is_dir() else path.unlink()


def _fingerprint(plan: Plan, shards: Sequence[Shard]) -> str:
    return compute_fingerprint(plan.to_json(), [shard.to_json() for shard in shards])


def _describe_difference(written: Any, plan: Plan, shards: Sequence[Shard]) -> str:
    now, before = json.loads(json.dumps(plan.to_json())), written["plan"]
    if json.loads(json.dumps([shard.to_json() for shard in shards])) != written["shards"]:
        return "the input files were others, or have changed since"
    for key in now:
        if now[key] != before.get(key):
            return f"its {key} was {before.get(key)!r}, and now is {now[key]!r}"[:600]
    return "its plan was another one"
