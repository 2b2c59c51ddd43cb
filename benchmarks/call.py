"""The time of one call of a small model, and of one training step: rehub.KerasLayer compared with its parts.

The call is of a model with almost no arithmetic, so the time is that of the path to it: the raw callable and the
signature of `tf.saved_model.load` and of `rehub.load`, then the layers over the same model. The training step is one of
`fit` over a convolution network with batch norm, under a new last layer. TFSMLayer passes no `training`, so it gets an
endpoint for each mode, and all compute the same. Only TFSMLayer omits the model's regularization loss.

Usage: `python benchmarks/call.py [ROUNDS]`
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
warnings.filterwarnings("ignore")  # Of setuptools and TensorFlow, in tensorflow_hub 0.16.1.

import keras
import numpy as np
import publish_digits
import tensorflow as tf

import rehub

try:
    import tensorflow_hub
    import tf_keras
except ImportError as error:
    tensorflow_hub = tf_keras = None
    print(f"Without tensorflow_hub: {error}")

CALLS = 200
STEPS = 40
BATCH = 32
REHUB = "rehub.KerasLayer"


class Scale(tf.train.Checkpoint):
    """y = 2 x, by one variable: the smallest model."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = tf.Variable(2.0)
        self.variables = self.trainable_variables = [self.scale]

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Return the scaled input."""
        return x * self.scale


def save_network(path: str) -> None:
    """Write the network of the examples, with an endpoint for each mode."""
    features = publish_digits.DigitFeatures()
    model = publish_digits.make_reusable(features)
    model.infer = tf.function(lambda images: features(images, training=False), [publish_digits.IMAGES])
    model.train = tf.function(lambda images: features(images, training=True), [publish_digits.IMAGES])
    tf.saved_model.save(model, path)


def callers(path: str) -> dict[str, Callable[[], Any]]:
    """Return functions that call the model once, by name."""
    restored = {"tf.saved_model.load": tf.saved_model.load(path), "rehub.load": rehub.load(path)}
    layers: dict[str, Any] = {
        REHUB: rehub.KerasLayer(path),
        "TFSMLayer, __call__": keras.layers.TFSMLayer(path, call_endpoint="__call__"),
        "TFSMLayer, signature": keras.layers.TFSMLayer(path, call_endpoint="serving_default"),
    }
    if tensorflow_hub:
        layers["tensorflow_hub.KerasLayer"] = tensorflow_hub.KerasLayer(path)
    x = tf.ones([1, 3])
    calls: dict[str, Callable[[], Any]] = {}
    for name, model in restored.items():
        signature = model.signatures["serving_default"]
        calls[f"{name}, __call__"] = lambda model=model: model(x)
        calls[f"{name}, signature"] = lambda signature=signature: signature(x=x)
    calls.update({name: lambda layer=layer: layer(x) for name, layer in layers.items()})
    return calls


def trainers(path: str) -> dict[str, Callable[[], Any]]:
    """Return functions that fit a model over the network for `STEPS` steps, by name."""
    images = np.random.default_rng(0).random((STEPS * BATCH, 8, 8, 1), dtype=np.float32)
    labels = np.arange(STEPS * BATCH, dtype=np.int32) % 5
    fits = {}
    layers: dict[str, tuple[Any, Any]] = {
        REHUB: (keras, rehub.KerasLayer(path, trainable=True)),
        "TFSMLayer": (keras, keras.layers.TFSMLayer(path, call_endpoint="infer", call_training_endpoint="train")),
    }
    if tensorflow_hub:
        layers["tensorflow_hub.KerasLayer"] = (tf_keras, tensorflow_hub.KerasLayer(path, trainable=True))
    for name, (of_keras, layer) in layers.items():
        model = of_keras.Sequential([of_keras.layers.Input((8, 8, 1)), layer, of_keras.layers.Dense(5)])
        loss = of_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(of_keras.optimizers.SGD(0.01), loss, jit_compile=False)
        data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH).cache()
        fits[name] = lambda model=model, data=data: model.fit(data, verbose=0, shuffle=False)
    return fits


def measure(contenders: dict[str, Callable[[], Any]], rounds: int, repeats: int, divisor: int) -> dict[str, float]:
    """Run the contenders in interleaved rounds; return the median seconds of each, divided by `divisor`."""
    for run in contenders.values():
        for _ in range(repeats):
            run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            times[name].append((time.perf_counter() - start) / divisor)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def show(title: str, medians: dict[str, float]) -> None:
    """Print the medians, and their ratios to rehub's."""
    print(f"\n{title}")
    for name, seconds in medians.items():
        print(f"  {name:30} {seconds * 1e6:9.1f} us  {seconds / medians[REHUB]:5.2f}x")


def main(rounds: int = 15) -> None:
    """Measure both."""
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, medians of {rounds} interleaved rounds")
    with tempfile.TemporaryDirectory() as folder:
        small, network = str(Path(folder, "small")), str(Path(folder, "network"))
        scale = Scale()
        tf.saved_model.save(scale, small, signatures={"serving_default": scale.__call__})
        save_network(network)
        show("One eager call", measure(callers(small), rounds, CALLS, CALLS))
        show("One step of fit", measure(trainers(network), rounds, 1, STEPS))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
