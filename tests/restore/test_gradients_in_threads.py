"""Threads that differentiate a fresh model at once: TensorFlow builds its gradient then, and takes no lock."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 has other functions, of its own loader")

THREADS = 6
LOADS = 2
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
    """Has threads give way to each other a thousand times as often as usual, so that what can go wrong does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
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
    """Compares gradients that threads take of a fresh model at once with those that one thread takes of another.

    Args:
        load: loads the model.
        calls: returns the ways to call it; each thread takes one of them.
        x: what is given to these, and differentiated by.
        differentiate: takes one of these, and `x`.
    """
    expected = [differentiate(call, x) for call in calls(load())]
    for _ in range(LOADS):
        fresh = calls(load())
        start = threading.Barrier(THREADS)
        results = {}

        def run(number, fresh=fresh, start=start, results=results):
            start.wait()
            try:
                results[number] = differentiate(fresh[number % len(fresh)], x)
            except Exception as error:  # noqa: BLE001  whatever it is, the test fails of it
                results[number] = error

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [result for result in results.values() if isinstance(result, Exception)] == []
        for number, result in results.items():
            np.testing.assert_allclose(result, expected[number % len(fresh)], rtol=1e-5)


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
    "a tf.function for each thread": lambda obj: [lambda x: function_around(obj)(x)],  # noqa: PLW0108  made at each call
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
    "module": lambda obj: [module(False)(obj), module(True)(obj)],
    "signature": lambda obj: [legacy_signature(obj)],
    "all, which share variables": lambda obj: [module(False)(obj), legacy_signature(obj), legacy_layer(obj)],
}


@pytest.mark.parametrize("calls", LEGACY_CALLS.values(), ids=LEGACY_CALLS)
def test_threads_take_gradients_of_a_fresh_legacy_module(calls):
    x = tf.reshape(tf.range(10.0), [1, 2, 5]) / 10.0
    assert_same_in_threads(lambda: hub.load(LEGACY), calls, x)
