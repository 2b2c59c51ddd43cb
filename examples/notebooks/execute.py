"""Execute the notebooks of this folder, on models with the interfaces of those of tfhub.dev.

If a cell fails, the program prints the cell and its error, and ends. It does not change the notebooks on disk: they
have no outputs, so that their diffs are readable. Usage: `python examples/notebooks/execute.py [NOTEBOOK ...]`
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "agg")

import lookalikes
import nbclient
import nbformat

FOLDER = Path(__file__).parent


def main(names: list[str]) -> None:
    """Execute the notebooks with these names, or all."""
    paths = [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb"))
    with lookalikes.served():
        for path in paths:
            start = time.monotonic()
            notebook = nbformat.read(str(path), as_version=4)
            nbformat.validate(notebook)
            stored = [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
            if stored:
                raise SystemExit(f"{path}: {len(stored)} cells have outputs. Strip them before you commit it.")
            with tempfile.TemporaryDirectory() as folder:  # For the files that the notebook writes.
                client = nbclient.NotebookClient(
                    notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}
                )
                client.execute(stderr=subprocess.DEVNULL)  # TensorFlow's start-up messages
            print(f"{path.name}: {len(notebook.cells)} cells in {time.monotonic() - start:.0f} s")
            for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
                if output.output_type == "stream" and output.name == "stdout":
                    print("    " + output.text.strip().replace("\n", "\n    "))


if __name__ == "__main__":
    main(sys.argv[1:])
