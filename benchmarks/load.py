"""How long loading takes: `hub.load` with the lazy loader beside `tf.saved_model.load`, in fresh processes.

The models are made here: a network as Keras 2 saves it (with `tf_keras`, where that is installed), and one as Keras 3
exports it. Each process imports TensorFlow, loads one model by one loader, and calls it once; the two loaders take
turns. Peak memory is what the process had more at its end than before it loaded.

Usage: `python benchmarks/load.py [ROUNDS]`
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MAKE_KERAS_2 = (
    "import sys, tf_keras\n"
    "tf_keras.applications.EfficientNetB0(weights=None).save(sys.argv[1], save_format='tf', include_optimizer=False)"
)
MAKE_KERAS_3 = "import sys, keras\nkeras.applications.ResNet50V2(weights=None).export(sys.argv[1], verbose=False)"
MODELS = {"EfficientNetB0, Keras 2": MAKE_KERAS_2, "ResNet50V2, Keras 3": MAKE_KERAS_3}

LOAD = """
import json, resource, sys, time
import tensorflow as tf
import rehub
path, loader = sys.argv[1:]
tf.Variable(1.0).assign_add(1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
model = tf.saved_model.load(path) if loader == "TensorFlow" else rehub.load(path, loader="lazy")
loaded = time.perf_counter()
signature = model.signatures["serving_default"]
specs = signature.structured_input_signature[1]
signature(**{name: tf.zeros([size or 1 for size in spec.shape], spec.dtype) for name, spec in specs.items()})
called = time.perf_counter()
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([loaded - start, called - start, (after - before) / 1024]))
"""


def run(code: str, *arguments: str, **variables: str) -> str:
    """Runs a Python program in a process of its own; returns the last line that it printed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return (done.stdout.strip().splitlines() or [""])[-1]


def measure(path: str, rounds: int) -> dict[str, list[float]]:
    """Returns, for each loader, the medians of the seconds to load, to load and call, and of the megabytes."""
    found: dict[str, list[list[float]]] = {"TensorFlow": [], "rehub": []}
    for _ in range(rounds):
        for loader, results in found.items():
            results.append(json.loads(run(LOAD, path, loader)))
    return {loader: [statistics.median(column) for column in zip(*results)] for loader, results in found.items()}


def main() -> None:
    """Makes the models, loads them and prints a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{'':26} {'load':>17} {'load + first call':>22} {'memory':>22}")
    with tempfile.TemporaryDirectory() as directory:
        for name, make in MODELS.items():
            path = str(Path(directory) / name.split(",")[0])
            try:
                run(make, path, TF_USE_LEGACY_KERAS="1" if make is MAKE_KERAS_2 else "0")
            except subprocess.CalledProcessError as error:
                print(f"{name}: left out: {error.stderr.strip().splitlines()[-1]}")
                continue
            results = measure(path, rounds)
            print(name)
            for loader, (load, call, memory) in results.items():
                print(f"  {loader:24} {load:15.3f} s {call:20.3f} s {memory:19.0f} MB")
            ratios = [theirs / ours for theirs, ours in zip(results["TensorFlow"], results["rehub"])]
            print(f"  {'TensorFlow / rehub':24} {ratios[0]:15.2f}x  {ratios[1]:20.2f}x  {ratios[2]:19.2f}x")


if __name__ == "__main__":
    main()
