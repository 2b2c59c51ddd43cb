"""The time of `import rehub` in a fresh process, compared with `import tensorflow_hub` and `import tensorflow`.

Usage: `python benchmarks/imports.py [ROUNDS]`
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys

PEERS = ("rehub", "tensorflow_hub", "tensorflow")
# Prints the seconds of the import, then the heavy modules that it imported.
TIMED_IMPORT = """
import sys, time
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
print(seconds, *[name for name in ("tensorflow", "keras", "tf_keras", "numpy") if name in sys.modules])
"""


def import_once(module: str) -> tuple[float, list[str]]:
    """Import the module in its own process; return the seconds and the heavy modules that it imported."""
    command = [sys.executable, "-W", "ignore", "-c", TIMED_IMPORT.format(module=module)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    seconds, *imported = done.stdout.split()
    return float(seconds), imported


def main(rounds: int = 5) -> None:
    """Import each module once a round, after one round that only warms the page cache."""
    modules = [module for module in PEERS if importlib.util.find_spec(module)]
    times: dict[str, list[float]] = {module: [] for module in modules}
    imported: dict[str, list[str]] = {}
    for number in range(rounds + 1):
        for module in modules:
            seconds, imported[module] = import_once(module)
            if number > 0:
                times[module].append(seconds)

    medians = {module: statistics.median(times[module]) for module in modules}
    print(f"Python {sys.version.split()[0]}, median of {rounds} fresh processes each, interleaved")
    for module in modules:
        ratio = medians[module] / medians["rehub"]
        others = ", ".join(name for name in imported[module] if name != module) or "nothing"
        print(f"import {module:15} {medians[module] * 1000:8.1f} ms  {ratio:7.1f}x  imports {others}")
    for module in [peer for peer in PEERS if peer not in modules]:
        print(f"import {module:15} not installed")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
