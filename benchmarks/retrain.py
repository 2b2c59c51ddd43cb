"""Retraining a legacy module: rehub in TF2 beside TensorFlow 1.15's `hub.Module` and the same network in Keras 3.

The module is made here: a convolution network with batch norm, small or of the size of Inception V3 (94 convolutions,
470 variables, 188 update ops, 94 losses). It is loaded, and trained by plain gradient descent on a batch of noise: by
rehub in a loop of one's own and in `fit`, by the same network written in layers of Keras 3 in both ways, and, in
another process, by `tensorflow_hub.Module` (or rehub's) in a session of TensorFlow 1.15. All take turns.

Usage: `python benchmarks/retrain.py [--tf115 PYTHON] [--rounds N] [--steps N]`; PYTHON has TensorFlow 1.15, and
tensorflow_hub 0.12 or rehub.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore")

import numpy as np

CHANNELS = {"small": [16] * 6, "Inception-sized": [32] * 94}
SIZE, BATCH, CLASSES, RATE, L2, DECAY = 32, 8, 10, 0.01, 1e-4, 0.99
REHUB = "rehub, own loop"


def network(channels: list[int], is_training: bool) -> None:
    """The module's function: each convolution is followed by batch norm and ReLU, and by pooling after every eighth."""
    import tensorflow as tf

    import rehub as hub

    v1 = tf.compat.v1
    x = images = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3])
    for number, width in enumerate(channels):
        with v1.variable_scope(f"layer_{number}"):
            kernel = v1.get_variable(
                "kernel",
                [3, 3, x.shape[-1], width],
                initializer=v1.variance_scaling_initializer(2.0),
                regularizer=lambda kernel: L2 * tf.reduce_sum(kernel**2),
            )
            gamma = v1.get_variable("gamma", [width], initializer=v1.ones_initializer())
            beta = v1.get_variable("beta", [width], initializer=v1.zeros_initializer())
            mean = v1.get_variable("mean", [width], initializer=v1.zeros_initializer(), trainable=False)
            variance = v1.get_variable("variance", [width], initializer=v1.ones_initializer(), trainable=False)
            x = tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
            if is_training:
                x, of_batch, spread = v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-3)
                for moving, value in ((mean, of_batch), (variance, spread)):
                    update = v1.assign_sub(moving, (moving - value) * (1 - DECAY))
                    v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
            else:
                x, _, _ = v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, 1e-3, is_training=False)
            x = tf.nn.relu(x)
            if number % 8 == 1 and x.shape[1] > 4:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    hub.add_signature(inputs=images, outputs=tf.reduce_mean(x, [1, 2]))


def export(channels: list[int], path: str) -> None:
    """Writes the module."""
    import tensorflow as tf

    import rehub as hub

    v1 = tf.compat.v1
    variants = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
    spec = hub.create_module_spec(functools.partial(network, channels), variants)
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec)
        session.run(v1.global_variables_initializer())
        module.export(path, session)


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Images and labels."""
    random = np.random.RandomState(0)
    return random.rand(BATCH, SIZE, SIZE, 3).astype(np.float32), random.randint(0, CLASSES, BATCH).astype(np.int32)


def native(channels: list[int]) -> Any:
    """The network in layers of Keras."""
    import keras

    x = images = keras.layers.Input((SIZE, SIZE, 3))
    for number, width in enumerate(channels):
        regularizer = keras.regularizers.L2(L2)
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_regularizer=regularizer)(x)
        x = keras.layers.BatchNormalization(momentum=DECAY)(x)
        x = keras.layers.ReLU()(x)
        if number % 8 == 1 and x.shape[1] > 4:
            x = keras.layers.MaxPooling2D()(x)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))


def own_loop(features: Callable[[Any], Any], losses: Callable[[], list[Any]], variables: list[Any]) -> Any:
    """A step of gradient descent with a head on some features, as a function of TF2."""
    import tensorflow as tf

    images, labels = map(tf.constant, batch())
    head = tf.Variable(tf.random.stateless_normal([features(images).shape[-1], CLASSES], seed=[1, 2]) * 0.1)

    @tf.function(jit_compile=False)
    def step() -> Any:
        with tf.GradientTape() as tape:
            logits = tf.matmul(features(images), head)
            task = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_mean(task) + tf.add_n(losses())
        trained = [*variables, head]
        for variable, gradient in zip(trained, tape.gradient(loss, trained)):
            variable.assign_sub(RATE * gradient)
        return loss

    return step


def fit(model_of_features: Any, steps: int) -> Callable[[], Any]:
    """`fit` of Keras for some steps."""
    import keras

    model = keras.Sequential([keras.layers.Input((SIZE, SIZE, 3)), model_of_features, keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss, jit_compile=False)
    images, labels = batch()
    images, labels = np.tile(images, [steps, 1, 1, 1]), np.tile(labels, steps)
    return lambda: model.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0)


class Contender:
    """Something that trains: `run` takes the steps of a round; what came before the second step was `preparing`."""

    def __init__(self, prepare: Callable[[], Callable[[], Any]]) -> None:
        start = time.perf_counter()
        self.run = prepare()
        self.run()
        self.preparing = time.perf_counter() - start


class InTF1:
    """TensorFlow 1.15 in another process, with the same interface."""

    def __init__(self, python: str, path: str, steps: int) -> None:
        command = [python, __file__, "--in-tf1", path, "--steps", str(steps)]
        environment = {**os.environ, "TF2_BEHAVIOR": "0"}  # TensorFlow 2 sets it for itself and its children.
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, bufsize=1, env=environment
        )
        self.preparing = self._answer()

    def run(self) -> float:
        """Returns the seconds of the round."""
        print("go", file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> float:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("TensorFlow 1.15 ended: try `PYTHON benchmarks/retrain.py --in-tf1 PATH` by hand")
        return float(line)


def serve_tf1(path: str, steps: int) -> None:
    """Trains in a session of TensorFlow 1.15, a round for each line that comes in."""
    import tensorflow.compat.v1 as tf

    try:
        import tensorflow_hub as hub
    except ImportError:
        import rehub as hub

    start = time.perf_counter()
    images, labels = batch()
    module = hub.Module(path, trainable=True, tags={"train"})
    x, y = tf.placeholder(tf.float32, images.shape), tf.placeholder(tf.int32, labels.shape)
    features = module(x)
    head = tf.get_variable("head", [features.shape[-1], CLASSES])
    task = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.matmul(features, head))
    loss = tf.reduce_mean(task) + tf.losses.get_regularization_loss()
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([step, loss], {x: images, y: labels})
        print(time.perf_counter() - start, flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            for _ in range(steps):
                session.run([step, loss], {x: images, y: labels})
            print(time.perf_counter() - start, flush=True)


def contenders(name: str, path: str, steps: int, python: str | None) -> dict[str, Any]:
    """Those who train a module, each after its first round."""
    import rehub as hub

    def repeated(step: Any) -> Callable[[], Any]:
        return lambda: [float(step()) for _ in range(steps)]

    def rehub_loop() -> Callable[[], Any]:
        module = hub.load(path)
        regularization = list(module.regularization_losses)
        step = own_loop(
            lambda images: module(images, training=True),
            lambda: [loss() for loss in regularization],
            list(module.trainable_variables),
        )
        return repeated(step)

    def native_loop() -> Callable[[], Any]:
        model = native(CHANNELS[name])
        variables = [variable.value for variable in model.trainable_variables]
        return repeated(own_loop(lambda images: model(images, training=True), lambda: list(model.losses), variables))

    found: dict[str, Any] = {
        REHUB: Contender(rehub_loop),
        "Keras 3, own loop": Contender(native_loop),
        "rehub.KerasLayer, fit": Contender(lambda: fit(hub.KerasLayer(path, trainable=True), steps)),
        "Keras 3, fit": Contender(lambda: fit(native(CHANNELS[name]), steps)),
    }
    if python:
        found["TensorFlow 1.15"] = InTF1(python, path, steps)
    return found


def main(python: str | None, rounds: int, steps: int) -> None:
    """Measures both sizes, interleaved."""
    import tensorflow as tf

    import rehub as hub

    print(f"TensorFlow {tf.__version__}, medians of {rounds} interleaved rounds of {steps} steps")
    if not python:
        print("Without TensorFlow 1.15: give a Python that has it by --tf115, or REHUB_BENCH_TF115.")
    with tempfile.TemporaryDirectory() as folder:
        for name, channels in CHANNELS.items():
            path = str(Path(folder, name))
            export(channels, path)
            start = time.perf_counter()
            module = hub.load(path)
            loaded = time.perf_counter() - start
            module(tf.zeros([BATCH, SIZE, SIZE, 3]), training=True)
            traced = time.perf_counter() - start - loaded
            print(f"\n{name}: {len(module.variables)} variables, {len(module.regularization_losses)} losses; ", end="")
            print(f"hub.load {loaded:.2f} s, first call in training mode {traced:.2f} s")
            found = contenders(name, path, steps, python)
            times: dict[str, list[float]] = {who: [] for who in found}
            for _ in range(rounds):
                for who, contender in found.items():
                    start = time.perf_counter()
                    measured = contender.run()
                    took = measured if isinstance(measured, float) else time.perf_counter() - start
                    times[who].append(took / steps)
            medians = {who: statistics.median(seconds) for who, seconds in times.items()}
            for who, seconds in medians.items():
                ratio = seconds / medians[REHUB]
                print(f"  {who:24} {seconds * 1e3:8.1f} ms a step {ratio:5.2f}x", end="")
                print(f"   {found[who].preparing:6.1f} s to the end of the first round")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tf115", default=os.environ.get("REHUB_BENCH_TF115"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--in-tf1")
    given = parser.parse_args()
    if given.in_tf1:
        serve_tf1(given.in_tf1, given.steps)
    else:
        main(given.tf115, given.rounds, given.steps)
