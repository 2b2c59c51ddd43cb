"""Where the workers of a Beam pipeline put their reports: a pipeline returns nothing to the program that starts it."""

from __future__ import annotations

import contextlib
import functools
import json
import posixpath
import uuid
from typing import Any, Callable, TypeVar

from rehub.batch_inference.report import ShardReport
from rehub.cache.fsspec_storage import call_storage, open_storage
from rehub.errors import OutputNotWritten
from rehub.redaction import redact_url

T = TypeVar("T")
_RUNNING = "running"


class ReportBoard:
    """A directory beside the output, where workers put reports and the driver takes them.

    Args:
        output: the directory or URL of the results.
        run: a unique name.
    """

    def __init__(self, output: str, run: str) -> None:
        self._url = posixpath.join(output, "_rehub", "tmp", f"reports-{run}")
        self._taken: set[str] = set()

    def open(self) -> None:
        """Make the directory. Those of earlier runs are deleted, so that workers that their drivers left stop.

        Raises:
            OutputNotWritten: it cannot be made; as for the other methods.
        """
        self._call_storage(self._make_directory)

    def _make_directory(self, storage: Any, path: str) -> None:
        for earlier in storage.glob(f"{posixpath.dirname(path)}/reports-*"):
            storage.rm(earlier, recursive=True)
        storage.makedirs(path, exist_ok=True)
        storage.pipe_file(f"{path}/{_RUNNING}", b"")

    def is_open(self) -> bool:
        """Return whether a driver waits for reports."""
        return self._call_storage(lambda storage, path: bool(storage.exists(f"{path}/{_RUNNING}")))

    def put(self, report: ShardReport) -> None:
        """Write a report; several of one shard are one."""
        self._call_storage(functools.partial(_write_report, report))

    def take(self) -> list[ShardReport]:
        """Return the reports that were not taken yet."""
        return self._call_storage(self._read_reports)

    def _read_reports(self, storage: Any, path: str) -> list[ShardReport]:
        names = [name for name in sorted(storage.ls(path, detail=False)) if name.endswith(".json")]
        new = [name for name in names if name not in self._taken]
        self._taken.update(new)
        return [ShardReport(**json.loads(storage.cat_file(name))) for name in new]

    def delete(self) -> None:
        """Delete the directory, if that is possible."""
        with contextlib.suppress(OutputNotWritten):  # What has ended the run is more important.
            self._call_storage(lambda storage, path: storage.rm(path, recursive=True))

    def _call_storage(self, action: Callable[[Any, str], T]) -> T:
        storage, path = open_storage(self._url, self._url)
        storage.invalidate_cache()
        return call_storage(
            lambda: action(storage, path), OutputNotWritten, f"{redact_url(self._url)!r} cannot be used", self._url
        )


def _write_report(report: ShardReport, storage: Any, path: str) -> None:
    staging = f"{path}/{report.shard}.{uuid.uuid4().hex}.tmp"
    storage.pipe_file(staging, json.dumps(report.to_json()).encode())
    storage.mv(staging, f"{path}/{report.shard}.json")
