"""Serve a folder of SavedModels on this machine while a program runs: `rehub serve` in a `with` block.

The folder contains `<publisher>/<model>/<version>/saved_model.pb`. Needs `pip install "rehub[serve]"`.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator


@contextlib.contextmanager
def serve(folder: str | Path) -> Iterator[str]:
    """Serve the folder on a free port of the loopback interface during the `with` block, and yield the base URL."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "rehub", "serve", str(folder), "--port", "0", "--cache", cache]
        # The service logs requests to stderr.
        with subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as service:
            assert service.stdout is not None
            line = service.stdout.readline()  # Serving FOLDER at http://127.0.0.1:PORT
            if not line:
                raise RuntimeError(f"{' '.join(command)} failed; run it in a terminal to see why.")
            try:
                yield line.split()[-1]
            finally:
                service.terminate()
