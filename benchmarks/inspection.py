"""The time of `rehub show` as a process, compared with `saved_model_cli show --all`.

The script makes models by Keras 2 (with `tf_keras`) and Keras 3: they have large weights, which are not needed here,
and hundreds of functions. The two programs alternate, so a change of the machine's speed affects both. The floor is a
Python that does nothing.

Usage: python benchmarks/inspection.py [--rounds 5] [--models DIRECTORY] [--only WORD]

`--models` keeps the models for the next run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KERAS_2 = "import sys, tf_keras\ntf_keras.applications.{}(weights=None).save(sys.argv[1], save_format='tf')"
KERAS_3 = "import sys, keras\nkeras.applications.{}(weights=None).export(sys.argv[1], verbose=False)"
MODELS = {
    "MobileNetV2, saved by Keras 2": KERAS_2.format("MobileNetV2"),
    "ResNet50V2, exported by Keras 3": KERAS_3.format("ResNet50V2"),
    "ResNet50V2, saved by Keras 2": KERAS_2.format("ResNet50V2"),
    "EfficientNetB3, saved by Keras 2": KERAS_2.format("EfficientNetB3"),
}
SAVED_MODEL_CLI = str(Path(sys.executable).parent / "saved_model_cli")


def run(command: list[str]) -> float:
    """Run a command in its own process; return its seconds."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Installed programs have bytecode.
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr.decode().strip().splitlines()[-1])
    return seconds


def make(name: str, code: str, directory: Path) -> str:
    """Return the directory of a model; make it if it does not exist."""
    path = directory / "".join(letter if letter.isalnum() else "_" for letter in name)
    if not (path / "saved_model.pb").is_file():
        run([sys.executable, "-W", "ignore", "-c", code, str(path)])
    return str(path)


def size_of(path: str) -> float:
    """Return the megabytes of a model."""
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()) / 1e6


def measure(path: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of each program, after a round that only warms the page cache."""
    ways = {
        "saved_model_cli": [SAVED_MODEL_CLI, "show", "--all", "--dir", path],
        "rehub": [sys.executable, "-m", "rehub", "show", path],
        "floor": [sys.executable, "-c", "pass"],
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, command in ways.items():
            taken = run(command)
            if number > 0:
                seconds[way].append(taken)
    return {way: statistics.median(values) for way, values in seconds.items()}


def main() -> None:
    """Make the models, show them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, help="where the models are kept")
    parser.add_argument("--only", default="", help="the models with this word in their names")
    options = parser.parse_args()
    print("| model | MB | saved_model_cli show --all, s | rehub show, s | ratio | Python alone, s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.models or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        for name, code in MODELS.items():
            if options.only not in name:
                continue
            path = make(name, code, directory)
            found = measure(path, options.rounds)
            theirs, ours, floor = found["saved_model_cli"], found["rehub"], found["floor"]
            print(
                f"| {name} | {size_of(path):.0f} | {theirs:.2f} | {ours:.3f} | {theirs / ours:.0f}x | {floor:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
