"""Services on 127.0.0.1 for tests, over directories of real models."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

MODELS = Path(__file__).parent.parent / "data" / "legacy"


def directory_of(model):
    """The directory of a legacy module among the test data."""
    return next(path.parent for path in sorted((MODELS / model).rglob("saved_model.pb")))


@contextlib.contextmanager
def serving(root, *options):
    """Run `rehub serve` over a directory while the block runs; give the URL. All models are indexed before.

    It is a process of its own, as TensorFlow brings an SQLite without full-text search to the process that imports it.
    """
    command = [sys.executable, "-m", "rehub", "serve", str(root), "--port", "0", "--reindex", *map(str, options)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        line = process.stdout.readline().decode()
        assert line.startswith("Serving "), f"rehub serve ended with {process.wait()}"
        try:
            yield line.rpartition(" at ")[2].strip()
        finally:
            process.terminate()
            assert process.wait(60) in (0, -15)
