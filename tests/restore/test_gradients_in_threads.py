"""Threads that differentiate a new model at once, for which TensorFlow builds gradients without a lock."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has other functions, of its own loader")

THREADS = 4
LEGACY = str(saved_models.LEGACY / "rnn")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A function with a loop that calls another function; a signature calls both."""
    obj = tf.train.Checkpoint(w=tf.Variable([[0.1, 0.2], [0.3, 0.4]]))

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def step(x):
        return tf.nn.tanh(x @ obj.w)

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def call(x):
        for _ in tf.range(2):
            x = step(x) + x
        return step(x)

    serve = tf.function(lambda x: {"y": step(call(x))}, input_signature=[tf.TensorSpec([None, 2], name="x")])
    obj.step, obj.__call__, obj.trainable_variables = step, call, [obj.w]
    path = str(tmp_path_factory.mktemp("models") / "loop")
    tf.saved_model.save(obj, path, signatures=serve)
    return path


@pytest.fixture(autouse=True)
def _switching_often():
    """Let threads switch hundreds of times as often as usual, so that races happen."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    yield
    sys.setswitchinterval(usual)


def gradient(call, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(x)
    return tape.gradient(y, x).numpy()


def second_gradient(call, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = call(x)
        dx = inner.gradient(y, x)
    return tape.gradient(dx, x).numpy()


def symbolic_gradient(call, x):
    return tf.function(lambda x: tf.gradients(call(x), x)[0])(x).numpy()


def assert_same_in_threads(load, calls, x, differentiate=gradient):
    """Compare gradients that threads take of a fresh model at once with those that one thread takes of another.

    Args:
        load: loads the model.
        calls: returns the ways to call it; each thread takes one of them.
        x: what is given to these, and differentiated by.
        differentiate: takes one of these, and `x`.
    """
    expected = [differentiate(call, x) for call in calls(load())]
    fresh = calls(load())
    start = threading.Barrier(THREADS)

    def run(number):
        start.wait()
        return differentiate(fresh[number % len(fresh)], x)

    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(run, number) for number in range(THREADS)]
    assert [future.exception() for future in running] == [None] * THREADS
    for number, future in enumerate(running):
        np.testing.assert_allclose(future.result(), expected[number % len(fresh)], rtol=1e-5)


def signature(obj):
    return lambda x: obj.signatures["serving_default"](x)["y"]


def function_around(obj):
    return tf.function(lambda x: obj(x) * 2.0)


CALLS = {
    "function": lambda obj: [obj],
    "signature": lambda obj: [signature(obj)],
    "all, which share functions": lambda obj: [obj, obj.step, signature(obj)],
    "layer": lambda obj: [hub.KerasLayer(obj, trainable=True)],
    "tf.function": lambda obj: [function_around(obj)],
    "a tf.function for each thread": lambda obj: [function_around(obj) for _ in range(THREADS)],
}


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS)
def test_threads_take_gradients_of_a_fresh_model(model, loader, calls):
    assert_same_in_threads(lambda: hub.load(model, loader=loader), calls, tf.constant([[1.0, 2.0]]))


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
def test_threads_take_second_gradients_of_a_fresh_model(model, loader):
    # Not of the loop: TensorFlow cannot build its second gradient, in one thread either.
    x = tf.constant([[1.0, 2.0]])
    assert_same_in_threads(lambda: hub.load(model, loader=loader), lambda obj: [obj.step], x, second_gradient)


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
def test_threads_take_symbolic_gradients_of_a_fresh_model(model, loader):
    x = tf.constant([[1.0, 2.0]])
    assert_same_in_threads(lambda: hub.load(model, loader=loader), lambda obj: [obj], x, symbolic_gradient)


def sequences(x):
    return {"x": x, "seq_len": tf.constant([2])}


def module(training):
    return lambda obj: lambda x: obj(sequences(x), training=training)


def legacy_signature(obj):
    return lambda x: obj.signatures["default"](**sequences(x))["default"]


def legacy_layer(obj):
    layer = hub.KerasLayer(obj, trainable=True)
    return lambda x: layer(sequences(x))


LEGACY_CALLS = {
    "modes": lambda obj: [module(False)(obj), module(True)(obj)],
    "all, which share a graph": lambda obj: [module(False)(obj), legacy_signature(obj), legacy_layer(obj)],
}


@pytest.mark.parametrize("calls", LEGACY_CALLS.values(), ids=LEGACY_CALLS)
def test_threads_take_gradients_of_a_fresh_legacy_module(calls):
    x = tf.reshape(tf.range(10.0), [1, 2, 5]) / 10.0
    assert_same_in_threads(lambda: hub.load(LEGACY), calls, x)


@pytest.fixture(scope="module")
def tf1_model(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("models") / "tf1")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], "x")
        _, y = tf.while_loop(lambda turn, _: turn < 3, lambda turn, y: (turn + 1, tf.tanh(y) + x), (0, x))
        v1.saved_model.simple_save(session, path, {"x": x}, {"y": tf.identity(y, "y")})
    return path


TF1_CALLS = {
    "signature": lambda obj: [signature(obj)],
    "part of the graph": lambda obj: [obj.prune("x:0", "y:0")],
}


@pytest.mark.parametrize("calls", TF1_CALLS.values(), ids=TF1_CALLS)
def test_threads_take_gradients_of_a_fresh_graph_of_tf1(tf1_model, calls):
    assert_same_in_threads(lambda: hub.load(tf1_model), calls, tf.constant([1.0, 2.0]))


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
def test_a_function_that_runs_does_not_keep_others_from_building_gradients(model, loader):
    x = tf.constant([[1.0, 2.0]])
    waits, other = hub.load(model, loader=loader), hub.load(model, loader=loader)
    runs, is_built = threading.Event(), threading.Event()

    def wait(x):
        runs.set()
        assert is_built.wait(20)
        return x

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def call(x):
        return waits(tf.ensure_shape(tf.py_function(wait, [x], tf.float32), [None, 2]))

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(gradient, call, x)
        assert runs.wait(20)
        built = gradient(other, x)
        is_built.set()
    np.testing.assert_allclose(waiting.result(), built, rtol=1e-5)
