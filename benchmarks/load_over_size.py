"""The time to load a model over the number of its functions, and over the bytes of its variables.

The script makes models of each size. `tf.saved_model.load` and `hub.load`, from the checkpoint and from a prepared form
(docs/loading.md), load them in alternating fresh processes. It prints a table, and draws the plot in the docs.

Usage: python benchmarks/load_over_size.py [--rounds 3] [--largest 4096] [--plot docs/load_over_size.svg]

`--largest` is the size, in MB, of the largest variables. They need twice that much disk space.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path

from load import PREPARE, PROCESS, make, run

FUNCTIONS = """
import sys, tensorflow as tf

model = tf.Module()
model.v = tf.Variable(1.0)
for number in range(int(sys.argv[2]) // 2):  # The function itself, and the one for saving its call.
    function = tf.function(lambda x, number=number: x * model.v + float(number), [tf.TensorSpec([], tf.float32)])
    setattr(model, f"f{number}", function)
tf.saved_model.save(model, sys.argv[1], {"serving_default": model.f0.get_concrete_function()})
"""
BYTES = """
import sys, tensorflow as tf

model = tf.Module()
each = int(sys.argv[2]) // 4 // 16
model.parts = [tf.Variable(tf.random.stateless_uniform([each], (1, number))) for number in range(16)]
model.f = tf.function(lambda x: x + model.parts[0][0], [tf.TensorSpec([], tf.float32)])
tf.saved_model.save(model, sys.argv[1], {"serving_default": model.f.get_concrete_function()})
"""
WAYS = ("TensorFlow", "rehub", "rehub, prepared")
FUNCTION_COUNTS = (100, 300, 1_000, 3_000, 10_000)
MEGABYTES = (1, 16, 64, 256, 1024, 4096)


def measure(code: str, size: int, rounds: int) -> dict[str, float]:
    """Make a model of a size, return the median seconds of each way to load it, and delete it."""
    with tempfile.TemporaryDirectory() as directory:
        path = make("model", code, Path(directory), str(size))
        if path is None:
            raise SystemExit(f"a model of size {size} cannot be made")
        run(PREPARE, path)
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, results in seconds.items():
                results.append(json.loads(run(PROCESS, path, way, "nothing"))[0])
        shutil.rmtree(path)
    return {way: statistics.median(results) for way, results in seconds.items()}


def table(heading: str, results: dict[int, dict[str, float]]) -> None:
    """Print seconds, and the ratios of TensorFlow's to rehub's."""
    print(f"| {heading} | {', s | '.join(WAYS)}, s | TensorFlow / rehub | TensorFlow / prepared |")
    print("|---" * (len(WAYS) + 3) + "|")
    for size, seconds in results.items():
        theirs, ours, prepared = (seconds[way] for way in WAYS)
        figures = " | ".join(f"{each:.3f}" for each in (theirs, ours, prepared))
        print(f"| {size:,} | {figures} | {theirs / ours:.1f}x | {theirs / prepared:.1f}x |", flush=True)


def plot(by_heading: dict[str, dict[int, dict[str, float]]], file: Path) -> None:
    """Draw one panel for each table, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "rehub"  # The same figures make the same file.
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(by_heading), figsize=(10, 4), layout="constrained")
    for panel, (heading, results) in zip(panels, by_heading.items()):
        for way, style in zip(WAYS, ("o-", "s-", "^--")):
            panel.loglog(list(results), [seconds[way] for seconds in results.values()], style, label=way)
        panel.set_xlabel(heading)
        panel.set_ylabel("seconds to load")
        panel.grid(visible=True, which="major", alpha=0.3)
        panel.legend()
    figure.savefig(file, metadata={"Date": None})
    print(f"drawn: {file}")


def main() -> None:
    """Measure both, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--largest", type=int, default=MEGABYTES[-1])
    parser.add_argument("--plot", type=Path, help="the SVG file to draw; needs matplotlib")
    options = parser.parse_args()
    grids = {
        "functions": (FUNCTIONS, {count: count for count in FUNCTION_COUNTS}),
        "MB of variables": (BYTES, {size: size << 20 for size in MEGABYTES if size <= options.largest}),
    }
    found: dict[str, dict[int, dict[str, float]]] = {}
    for heading, (code, sizes) in grids.items():
        found[heading] = {shown: measure(code, size, options.rounds) for shown, size in sizes.items()}
        table(heading, found[heading])
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
