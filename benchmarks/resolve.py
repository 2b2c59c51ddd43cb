"""The time to resolve a handle in the cache: rehub.resolve compared with tensorflow_hub.resolve.

Both use one cache, with a model that has `variables/` and `assets/`. The floor is one stat of each of the model's
directories, by which rehub notices deleted files. The first resolve of a process compares every file with the manifest,
so it has its own line.

Usage: `python benchmarks/resolve.py [ROUNDS]`
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore")  # Of setuptools and TensorFlow, in tensorflow_hub 0.16.1.

import rehub
from rehub.cache import Fetched, get_or_fetch

try:
    import tensorflow_hub
except ImportError as error:
    tensorflow_hub = None
    print(f"Without tensorflow_hub: {error}")

CALLS = 2000
HANDLE = "https://tfhub.dev/google/nnlm-en-dim50/2"
FILES = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001", "assets/tokens.txt")
# rehub trusts a directory's time only after the file system's clock has certainly ticked.
SECONDS_UNTIL_TRUSTED = 2.5


def fill(directory: Path) -> Fetched:
    """Write a small model."""
    for name in FILES:
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(name.encode())
    return Fetched("the benchmark")


def seconds_of(resolve: Callable[[str], object], calls: int) -> float:
    """Return the mean seconds of a call."""
    start = time.perf_counter()
    for _ in range(calls):
        resolve(HANDLE)
    return (time.perf_counter() - start) / calls


def main(rounds: int = 15) -> None:
    """Measure both in interleaved rounds."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TFHUB_CACHE_DIR"] = cache
        os.environ.pop("REHUB_CACHE_DIR", None)
        get_or_fetch((Path(cache),), HANDLE, fill)
        rehub.resolve  # noqa: B018 - imports it
        start = time.perf_counter()
        first_answer = rehub.resolve(HANDLE)
        first = time.perf_counter() - start
        time.sleep(SECONDS_UNTIL_TRUSTED)
        resolvers: dict[str, Callable[[str], object]] = {"rehub.resolve": rehub.resolve}
        if tensorflow_hub:
            resolvers["tensorflow_hub.resolve"] = tensorflow_hub.resolve
        folders = [folder for folder, _, _ in os.walk(first_answer)]
        resolvers["a stat of each directory"] = lambda _: [os.stat(folder) for folder in folders]
        times: dict[str, list[float]] = {name: [] for name in resolvers}
        for resolve in resolvers.values():
            seconds_of(resolve, CALLS // 10)
        for _ in range(rounds):
            for name, resolve in resolvers.items():
                times[name].append(seconds_of(resolve, CALLS))

    print(f"Python {sys.version.split()[0]}, medians of {rounds} interleaved rounds of {CALLS} calls")
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in medians.items():
        print(f"  {name:24} {seconds * 1e6:8.2f} us  {seconds / medians['rehub.resolve']:6.2f}x")
    print(f"  {'the first in a process':24} {first * 1e6:8.2f} us, without the import of rehub")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
