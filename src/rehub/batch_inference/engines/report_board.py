"""Where the workers of a Beam pipeline put their reports: a pipeline returns nothing to the program that starts it."""

from __future__ import annotations

import json
import posixpath
import uuid
from typing import Any, Iterator

from rehub.batch_inference.report import ShardReport
from rehub.cache.fsspec_storage import open_storage

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
        """Make the directory. Those of earlier runs are deleted, so that workers that their drivers left stop."""
        storage, path = self._find_storage()
        for earlier in storage.glob(f"{posixpath.dirname(path)}/reports-*"):
            storage.rm(earlier, recursive=True)
        storage.makedirs(path, exist_ok=True)
        storage.pipe_file(f"{path}/{_RUNNING}", b"")

    def is_open(self) -> bool:
        """Return whether a driver waits for reports."""
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
