"""Modules that call functions, and ops with gradients of their own."""

from __future__ import annotations

import contextlib

import tensorflow.compat.v1 as tf
import tensorflow_hub as hub
from conditionals import weights
from feature import feature, floats, integers
from loops import signature
from tensorflow.python.framework import function  # noqa: TID251  Defun has no public name.


@feature(x=floats(2, 3), is_trained=False)
def swish():
    """A `tf.custom_gradient`, which only the process that made the graph knows."""
    x = tf.placeholder(tf.float32, [None, 3])
    signature(tf.nn.swish(tf.matmul(tf.nn.swish(x), weights())), x=x)


@feature(x=floats(2, 3))
def gradient_override_map():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.matmul(x, weights())
    with tf.get_default_graph().gradient_override_map({"Identity": "FeatureTripled", "Tanh": "FeatureTripled"}):
        y = tf.tanh(tf.identity(y))
    signature(y, x=x)


@feature(x=floats(2, 3))
def defun():
    @function.Defun(tf.float32, tf.float32)
    def double(x, w):
        return tf.matmul(x, w) * 2.0, tf.reduce_sum(x)

    @function.Defun(tf.float32, noinline=True)
    def squashed(x):
        return tf.tanh(x)

    x = tf.placeholder(tf.float32, [None, 3])
    y, total = double(x, weights())
    y.set_shape([None, 3])
    signature({"y": squashed(y), "total": total}, x=x)


@feature(x=floats(2, 3))
def defun_with_grad_func():
    @function.Defun(tf.float32, tf.float32)
    def backward(x, gradient):
        return gradient * 5.0 * tf.ones_like(x)

    @function.Defun(tf.float32, grad_func=backward)
    def forward(x):
        return tf.tanh(x)

    x = tf.placeholder(tf.float32, [None, 3])
    y = forward(tf.matmul(x, weights()))
    y.set_shape([None, 3])
    signature(y, x=x)


@feature(x=floats(2, 3))
def defun_with_python_grad_func():
    """The gradient is a function of the program, which the graph does not have."""

    @function.Defun(tf.float32, tf.float32)
    def product(x, w):
        return tf.matmul(x, w)

    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    y = tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, tf.reshape(product(v, w), [-1, 3])), [0, x])[1]
    y.set_shape([None, 3])
    signature(y, x=x)


@feature(x=floats(2, 3), n=integers(4), is_trained=False)
def tf_function():
    x, n = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])
    w = tf.get_variable("w", [3, 3], use_resource=True)
    count = tf.get_variable("count", [], tf.int32, tf.zeros_initializer(), trainable=False, use_resource=True)

    @tf.function
    def twice(x, n):
        count.assign_add(1)
        if n > 1:
            x = tf.matmul(x, w)
        for _ in tf.range(n):
            x = tf.tanh(x * w[0])
        return x

    signature(twice(x, n), x=x, n=n)


@contextlib.contextmanager
def control_flow_v2():
    tf.enable_control_flow_v2()
    try:
        yield
    finally:
        tf.disable_control_flow_v2()


@feature(x=floats(3, 3), n=integers(4))
def functional_control_flow():
    x, n = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])
    w, resource = weights(), tf.get_variable("resource", [3, 3], use_resource=True)
    count = tf.get_variable("count", [], tf.int32, tf.zeros_initializer(), trainable=False, use_resource=True)

    def body(i, v):
        with tf.control_dependencies([count.assign_add(1)]):
            v = tf.cond(tf.equal(i % 2, 0), lambda: tf.tanh(tf.matmul(v, resource)), lambda: v * w[0])
        return i + 1, v

    with control_flow_v2():
        y = tf.while_loop(lambda i, _: i < n, body, [0, x])[1]
        mapped = tf.map_fn(lambda row: tf.tanh(row * w[1]), x)
        z = tf.switch_case(n, [lambda: x * w[0], lambda: x + w[1], lambda: tf.matmul(x, resource)])
    signature({"y": y, "mapped": mapped, "z": z}, x=x, n=n)


@feature(x=floats(2, 3, 2))
def functional_rnn():
    x = tf.placeholder(tf.float32, [None, 3, 2])
    with control_flow_v2():
        outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x, dtype=tf.float32)
    signature(outputs, x=x)


@feature(x=floats(2, 3))
def module_in_module():
    """A module with a loop and a conditional is applied twice by another one."""

    def inner():
        x = tf.placeholder(tf.float32, [None, 3])
        w = weights()
        y = tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, tf.tanh(tf.matmul(v, w))), [0, x])[1]
        signature(tf.cond(tf.reduce_sum(x) > 0, lambda: y, lambda: y * w[0]), x=x)

    x = tf.placeholder(tf.float32, [None, 3])
    module = hub.Module(hub.create_module_spec(inner), trainable=True)
    signature({"once": module(x), "twice": module(module(x) + x)}, x=x)
