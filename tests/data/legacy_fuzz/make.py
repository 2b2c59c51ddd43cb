"""Makes random modules, and records how TF 1.15 trains them. Run by TF 1.15 and tensorflow_hub 0.12.0:

python make.py --seed 0 --count 100 --into /tmp/modules.zip
"""

from __future__ import annotations

import argparse
import io
import pathlib
import sys
import tempfile
import traceback
import zipfile
import zlib

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "legacy_features")]

import blocks  # noqa: E402
import feature as features  # noqa: E402
import make_features  # noqa: E402
import stateful_blocks  # noqa: E402, F401  It registers its blocks.


def random_module(seed):
    """A feature: a module of a few blocks, one after the other or side by side."""
    rng = np.random.RandomState(seed)
    names = [str(name) for name in rng.choice(sorted(blocks.BLOCKS), rng.randint(1, 5))]
    has_train_variant = bool(rng.randint(2))
    is_side_by_side = rng.randint(3) == 0
    has_two_outputs = bool(rng.randint(2))

    def module_fn(is_training=True):
        x = tf.placeholder(tf.float32, [None, blocks.WIDTH])
        flag = tf.placeholder(tf.bool, [])
        context = blocks.Context(np.random.RandomState(seed), is_training, flag)
        h, outputs = x, {}
        for number, name in enumerate(names):
            with tf.variable_scope(f"{name}_{number}"):
                y = blocks.BLOCKS[name](context, h)
            h = h + y if is_side_by_side else y
            h = tf.clip_by_value(h, -5.0, 5.0)
            outputs[f"h{number}"] = h
        outputs = {"default": h, **(outputs if has_two_outputs else {})}
        hub.add_signature(inputs={"x": x, "flag": flag}, outputs=outputs)

    draws = {"x": features.floats(3, blocks.WIDTH), "flag": features.integers(2, dtype="bool")}
    return "+".join(names), features.Feature(module_fn, draws, has_train_variant, True, ["moving_average_variables"])


def record(feature, path, name):
    """Makes a module and trains it; returns the bytes of an .npz file."""
    make_features.make(feature, path)
    arrays = make_features.draw(feature, zlib.crc32(name.encode()))
    recorded = {"inputs/" + key: np.array(array) for key, array in arrays.items()}
    make_features.train(path, {"train"} if feature.has_train_variant else None, arrays, recorded)
    make_features.infer(path, arrays, recorded)
    if not all(np.isfinite(value).all() for value in recorded.values() if value.dtype.kind == "f"):
        raise ValueError("it diverges")
    file = io.BytesIO()
    np.savez_compressed(file, **recorded)
    return file.getvalue()


def main():
    """Writes a zip file with a folder and an .npz file for each module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--into", required=True)
    given = parser.parse_args()
    with zipfile.ZipFile(given.into, "w", zipfile.ZIP_DEFLATED) as archive:
        for seed in range(given.seed * 1000, given.seed * 1000 + given.count):
            kinds, feature = random_module(seed)
            name = f"{seed}-{kinds}"
            print(name, flush=True)  # noqa: T201
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "module"
                try:
                    recorded = record(feature, path, name)
                except Exception:  # noqa: BLE001  TF 1.15 cannot train each of them.
                    print(traceback.format_exc(limit=-1), flush=True)  # noqa: T201
                    continue
                archive.writestr(f"{name}.npz", recorded)
                for file in sorted(path.rglob("*")):
                    if file.is_file():
                        archive.write(str(file), f"{name}/{file.relative_to(path)}")


if __name__ == "__main__":
    main()
