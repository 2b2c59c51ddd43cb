"""The time to train a legacy module: rehub in TF2, compared with TF 1.15 and with the same network written in Keras.

The script makes convolution networks with batch norm and a regularization loss for each kernel: a small one, and one of
the size of Inception. All ways take the same steps of plain gradient descent from the same weights, on one batch, under
a new last layer. The script checks that their losses agree. A step is one of a loop over a `tf.function` with a
GradientTape, one of `fit`, or one of a session of TF 1.15. The last runs in its own process, if you name its Python.

Usage: `python benchmarks/retrain.py [ROUNDS] [--tf115 PYTHON]`; REHUB_BENCH_TF115 names the Python too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import rehub

tf.get_logger().setLevel("ERROR")
v1 = tf.compat.v1

SIZES = {"small": 6, "Inception-sized": 95}
SIDE, BATCH, CLASSES = 64, 8, 10
DECAY, EPSILON, SCALE, RATE = 0.99, 1e-3, 1e-5, 0.01
STEPS = 20  # before the clock starts
TURN_SECONDS = 2.0  # roughly, of one way in a round

REHUB_LOOP, REHUB_FIT = "rehub, loop", "rehub.KerasLayer, fit"
NATIVE_LOOP, NATIVE_FIT = "native, loop", "native, fit"
TF115 = "TF 1.15"


@dataclass(frozen=True)
class Layer:
    """A convolution with batch norm; with its input added if that has the same shape."""

    name: str
    filters: int
    stride: int
    is_residual: bool


def layers(depth: int) -> list[Layer]:
    """Return the layers of a network: three stages, each with half the side and twice the filters."""
    first = [depth * stage // 3 for stage in range(3)]
    stages = [sum(index >= start for start in first) for index in range(depth)]
    return [
        Layer(f"layer_{index}", 8 << stage, 1 + (index in first), index not in first)
        for index, stage in enumerate(stages)
    ]


class Data:
    """The batch to train on.

    Attributes:
        images: and
        labels: of them.
        head: the first kernel and bias of the last layer.
    """

    def __init__(self, features: int) -> None:
        random = np.random.RandomState(0)
        self.images = random.uniform(size=[BATCH, SIDE, SIDE, 3]).astype(np.float32)
        self.labels = np.arange(BATCH, dtype=np.int32) % CLASSES
        self.head = [random.normal(0, 0.1, [features, CLASSES]).astype(np.float32), np.zeros(CLASSES, np.float32)]


# The module of TF1


def features(images: tf.Tensor, depth: int, is_training: bool) -> tf.Tensor:
    """The network in the manner of TF1."""
    x = images
    for layer in layers(depth):
        with v1.variable_scope(layer.name):
            shape = [3, 3, x.shape[-1], layer.filters]
            kernel = v1.get_variable("kernel", shape, initializer=v1.glorot_uniform_initializer())
            v1.losses.add_loss(SCALE * tf.nn.l2_loss(kernel), v1.GraphKeys.REGULARIZATION_LOSSES)
            y = tf.nn.conv2d(x, kernel, layer.stride, "SAME")
            y = tf.nn.relu(batch_norm(y, layer.filters, is_training))
            x = x + y if layer.is_residual else y
    return tf.reduce_mean(x, [1, 2])


def batch_norm(x: tf.Tensor, filters: int, is_training: bool) -> tf.Tensor:
    """Batch norm with its UPDATE_OPS, as slim and tf.layers made them."""
    gamma = v1.get_variable("gamma", [filters], initializer=v1.ones_initializer())
    beta = v1.get_variable("beta", [filters], initializer=v1.zeros_initializer())
    mean = v1.get_variable("moving_mean", [filters], initializer=v1.zeros_initializer(), trainable=False)
    variance = v1.get_variable("moving_variance", [filters], initializer=v1.ones_initializer(), trainable=False)
    if not is_training:
        return v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, EPSILON, is_training=False)[0]
    y, batch_mean, batch_variance = v1.nn.fused_batch_norm(x, gamma, beta, epsilon=EPSILON)
    for moving, value in ((mean, batch_mean), (variance, batch_variance)):
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign_sub(moving, (moving - value) * (1 - DECAY)))
    return y


def export_module(path: str, depth: int) -> None:
    """Write the network as a module in the TF1 Hub format."""

    def module_fn(is_training: bool) -> None:
        v1.set_random_seed(0)
        images = v1.placeholder(tf.float32, [None, SIDE, SIDE, 3])
        # As in published modules, which are older than resource variables.
        with v1.variable_scope("", use_resource=False):
            rehub.add_signature(inputs=images, outputs=features(images, depth, is_training))

    spec = rehub.create_module_spec(module_fn, [(set(), {"is_training": False}), ({"train"}, {"is_training": True})])
    with tf.Graph().as_default(), v1.Session() as session:
        module = rehub.Module(spec)
        session.run(v1.global_variables_initializer())
        module.export(path, session)


# The same in Keras


def native_model(depth: int, weights: dict[str, Any], head: list[np.ndarray]) -> Any:
    """The network with its last layer as a model of Keras 3, with weights of the module."""
    x = inputs = keras.Input((SIDE, SIDE, 3))
    made = []
    for layer in layers(depth):
        regularizer = keras.regularizers.L2(SCALE / 2)
        conv = keras.layers.Conv2D(
            layer.filters, 3, layer.stride, "same", use_bias=False, kernel_regularizer=regularizer
        )
        norm = keras.layers.BatchNormalization(momentum=DECAY, epsilon=EPSILON)
        y = keras.layers.ReLU()(norm(conv(x)))
        x = keras.layers.Add()([x, y]) if layer.is_residual else y
        made.append((layer.name, conv, norm))
    dense = keras.layers.Dense(CLASSES)
    model = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(x)))
    dense.set_weights(head)
    for name, conv, norm in made:
        conv.set_weights([weights[f"{name}/kernel"].numpy()])
        norm.set_weights(
            [weights[f"{name}/{part}"].numpy() for part in ("gamma", "beta", "moving_mean", "moving_variance")]
        )
    return model


# Ways to train


@dataclass
class Way:
    """One way to train.

    Attributes:
        steps: takes a number of steps; returns the seconds, and the mean or the last of their losses.
        traces: returns how often the step was traced so far; None if it is not traced.
        load: the seconds to load or build the model.
        first: the seconds to the end of the first step.
    """

    steps: Callable[[int], tuple[float, float]]
    traces: Callable[[], int] | None = None
    load: float = 0.0
    first: float = 0.0


def in_loop(call: Callable[[Any], Any], losses: Callable[[], list[Any]], trained: list[Any], data: Data) -> Way:
    """Train by a GradientTape in a `tf.function`.

    Args:
        call: returns the logits of images.
        losses: returns the regularization losses.
        trained: the variables.
        data: the batch to train on.
    """
    images, labels = tf.constant(data.images), tf.constant(data.labels)

    @tf.function
    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            task = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=call(images))
            loss = tf.reduce_mean(task) + tf.add_n(losses())
        for variable, gradient in zip(trained, tape.gradient(loss, trained)):
            variable.assign_sub(RATE * gradient)
        return loss

    def steps(count: int) -> tuple[float, float]:
        start = time.perf_counter()
        for _ in range(count):
            loss = step(images, labels)
        return time.perf_counter() - start, float(loss)

    return Way(steps, step.experimental_get_tracing_count)


def in_fit(model: Any, data: Data) -> Way:
    """Train by `fit`."""
    traces = []
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(labels: Any, logits: Any) -> Any:
        traces.append(1)
        return cross_entropy(labels, logits)

    model.compile(keras.optimizers.SGD(RATE), loss, jit_compile=False)
    batches = tf.data.Dataset.from_tensors((data.images, data.labels)).cache()

    def steps(count: int) -> tuple[float, float]:
        epoch = batches.repeat(count)
        start = time.perf_counter()
        history = model.fit(epoch, verbose=0, shuffle=False)
        return time.perf_counter() - start, history.history["loss"][-1]

    return Way(steps, lambda: len(traces))


def rehub_loop(path: str, data: Data) -> Way:
    """The loaded module in a loop."""
    module = rehub.load(path)
    kernel, bias = map(tf.Variable, data.head)
    return in_loop(
        lambda images: tf.matmul(module(images, training=True), kernel) + bias,
        lambda: [loss() for loss in module.regularization_losses],
        [*module.trainable_variables, kernel, bias],
        data,
    )


def rehub_fit(path: str, data: Data) -> Way:
    """The module as a layer in `fit`."""
    dense = keras.layers.Dense(CLASSES)
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), rehub.KerasLayer(path, trainable=True), dense])
    dense.set_weights(data.head)
    return in_fit(model, data)


def native_loop(depth: int, weights: dict[str, Any], data: Data) -> Way:
    """The network of Keras in a loop."""
    model = native_model(depth, weights, data.head)
    trained = [variable.value for variable in model.trainable_variables]
    return in_loop(lambda images: model(images, training=True), lambda: model.losses, trained, data)


def native_fit(depth: int, weights: dict[str, Any], data: Data) -> Way:
    """The network of Keras in `fit`."""
    return in_fit(native_model(depth, weights, data.head), data)


def ready(make: Callable[[], Way]) -> Way:
    """Make a way and takes the first step, by the clock."""
    start = time.perf_counter()
    way = make()
    way.load = time.perf_counter() - start
    start = time.perf_counter()
    way.steps(1)
    way.first = time.perf_counter() - start
    return way


@contextlib.contextmanager
def in_tf115(python: str, path: str, data: Data) -> Iterator[Way]:
    """Train in TF 1.15, in another process that takes steps on request."""
    file = f"{path}.npz"
    np.savez(file, images=data.images, labels=data.labels, kernel=data.head[0], bias=data.head[1])
    command = [python, "-W", "ignore", str(Path(__file__).parent / "tf115" / "retrain.py"), path, file, str(RATE)]
    # TF2 sets this variable.
    environment = {name: value for name, value in os.environ.items() if name != "TF2_BEHAVIOR"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        requests, answers = process.stdin, process.stdout
        assert requests
        assert answers

        def answer() -> dict[str, float]:
            line = answers.readline()
            if not line:
                raise RuntimeError(f"{' '.join(command)} ended with {process.wait()}")
            message: dict[str, float] = json.loads(line)
            return message

        def steps(count: int) -> tuple[float, float]:
            print(count, file=requests, flush=True)
            message = answer()
            return message["seconds"], message["loss"]

        try:
            begun = answer()
            yield Way(steps, None, begun["load"], begun["first"])
        finally:
            process.kill()


# Measuring


def measure(ways: dict[str, Way], rounds: int) -> dict[str, float]:
    """Train in each way, in interleaved rounds; return the median seconds of a step.

    Raises:
        ValueError: the ways do not compute the same.
    """
    a_step = {name: way.steps(STEPS)[0] / STEPS for name, way in ways.items()}
    losses = {name: way.steps(1)[1] for name, way in ways.items()}
    if not np.allclose(list(losses.values()), losses[REHUB_LOOP], rtol=1e-3):
        raise ValueError(f"The ways to train do not compute the same. Losses after {STEPS} steps: {losses}")
    count = max(2, int(TURN_SECONDS / min(a_step.values())))
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(way.steps(count)[0] / count)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def show(ways: dict[str, Way], medians: dict[str, float], traces: dict[str, int]) -> None:
    """Print the times, and their ratios to rehub's way of the same kind."""
    print(f"  {'':22} {'load':>8} {'first step':>11} {'a step':>10}  of rehub's  traced again")
    for name, way in ways.items():
        own = medians[name] / medians[REHUB_FIT if name.endswith("fit") else REHUB_LOOP]
        again = way.traces() - traces[name] if way.traces else ""
        step = medians[name] * 1e3
        print(f"  {name:22} {way.load:6.2f} s {way.first:9.2f} s {step:7.2f} ms {own:10.2f}x  {again}")


def train(depth: int, path: str, tf115: str | None, rounds: int) -> None:
    """Measure the ways to train a network of some depth, whose module is written to `path`."""
    export_module(path, depth)
    module = rehub.load(path)
    weights = module.variable_map
    losses = len(module.regularization_losses)
    print(f"  {len(weights)} variables, {2 * depth} update ops, {losses} regularization losses")
    data = Data(layers(depth)[-1].filters)
    ways = {
        REHUB_LOOP: ready(lambda: rehub_loop(path, data)),
        NATIVE_LOOP: ready(lambda: native_loop(depth, weights, data)),
        REHUB_FIT: ready(lambda: rehub_fit(path, data)),
        NATIVE_FIT: ready(lambda: native_fit(depth, weights, data)),
    }
    with contextlib.ExitStack() as stack:
        if tf115:
            ways[TF115] = stack.enter_context(in_tf115(tf115, path, data))
        traces = {name: way.traces() for name, way in ways.items() if way.traces}
        show(ways, measure(ways, rounds), traces)


def main(rounds: int, tf115: str | None) -> None:
    """Measure both sizes."""
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, medians of {rounds} interleaved rounds")
    if not tf115:
        print("Without TF 1.15: name its Python by --tf115")
    for size, depth in SIZES.items():
        print(f"\n{size}")
        with tempfile.TemporaryDirectory() as folder:
            train(depth, str(Path(folder, "module")), tf115, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rounds", nargs="?", type=int, default=7)
    parser.add_argument("--tf115", metavar="PYTHON", default=os.environ.get("REHUB_BENCH_TF115"))
    main(**vars(parser.parse_args()))
