"""Writes what a run of pytest ran, for `.ci/check_sessions.py`: which tests run in which session, and which in none.

`REHUB_TEST_RECORD` is the directory to write to and `REHUB_TEST_SESSION` the name of the session. Without them nothing
is written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

MARKERS = ("alone", "beam", "keras", "peers", "smoke", "tensorflow")


def start(config):
    """Begin to record this run, unless it is a worker of pytest-xdist: those report to the run that started them."""
    directory = os.environ.get("REHUB_TEST_RECORD")
    if directory and not hasattr(config, "workerinput"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(SessionRecord(directory, os.environ["REHUB_TEST_SESSION"]))


class SessionRecord:
    """A pytest plugin that writes a line of JSON for each test: its id, markers, and why it was skipped, or null."""

    def __init__(self, directory, session):
        self._path = Path(directory, f"{session}.{os.getpid()}.jsonl")
        self._skipped = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "setup" or report.skipped:
            self._skipped[report.nodeid] = None
            if report.skipped and not hasattr(report, "wasxfail"):
                self._skipped[report.nodeid] = report.longrepr[-1]
        if report.when == "teardown":
            markers = [marker for marker in MARKERS if marker in report.keywords]
            self._write(id=report.nodeid, markers=markers, skipped=self._skipped.pop(report.nodeid))

    def pytest_collectreport(self, report):
        """A file that is skipped as a whole."""
        if report.skipped:
            self._write(id=report.nodeid, markers=[], skipped=str(report.longrepr[-1]))

    def _write(self, **line):
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
