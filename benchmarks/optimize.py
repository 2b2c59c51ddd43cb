"""The time of a call of a model loaded with `optimize="inference"`, compared with the same model without.

The script makes convolution networks of Keras with random weights, and calls them at batch 1. It loads both objects in
one process, and alternates their calls. It prints the chosen form and its difference.

Usage: python benchmarks/optimize.py [--rounds 50] [--models DIRECTORY] [NAME ...]

`--models` keeps the models for the next run. NAMEs are those of `keras.applications`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

import rehub as hub

MODELS = ("MobileNetV2", "EfficientNetB0", "ResNet50")
SIZE = (224, 224, 3)


def main() -> None:
    """Load, call and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=MODELS, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--models", type=Path)
    arguments = parser.parse_args()
    print("| model | a call without, ms | with, ms | faster | form | difference | loading, s |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.names:
            directory = (arguments.models or Path(temporary)) / name
            if not directory.exists():
                save(name, str(directory))
            measure(name, str(directory), arguments.rounds)


def save(name: str, directory: str) -> None:
    """Write a network as a model with one function."""
    network = getattr(keras.applications, name)(weights=None, input_shape=SIZE)
    module = tf.Module()
    module.kept = [variable.value for variable in network.variables]
    spec = tf.TensorSpec([None, *SIZE], tf.float32, name="images")
    module.features = tf.function(lambda images: network(images, training=False), [spec])
    tf.saved_model.save(module, directory)


def measure(name: str, directory: str, rounds: int) -> None:
    """Print the row of a model."""
    plain = hub.load(directory)
    begin = time.perf_counter()
    optimized = hub.load(directory, optimize="inference")
    loading = time.perf_counter() - begin
    report = next(each for each in hub.load_report(optimized).optimized if each.name.startswith("features"))
    difference = next((form.difference for form in report.forms if form.name == report.chosen), 0.0)
    images = tf.random.stateless_uniform([1, *SIZE], (1, 2))
    times: dict[str, list[float]] = {"plain": [], "optimized": []}
    for _ in range(rounds + 3):
        for key, model in (("plain", plain), ("optimized", optimized)):
            begin = time.perf_counter()
            model.features(images).numpy()
            times[key].append(1000 * (time.perf_counter() - begin))
    without, with_ = (statistics.median(times[key][3:]) for key in ("plain", "optimized"))
    print(
        f"| {name} | {without:.1f} | {with_:.1f} | {without / with_:.2f}x | {report.chosen} | {difference:.1e} | "
        f"{loading:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
