"""Modules with conditionals."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
import tensorflow_hub as hub
from feature import feature, floats, integers


def weights(name="w", shape=(3, 3)):
    return tf.get_variable(name, shape, initializer=tf.random_normal_initializer(stddev=0.5))


@feature(x=floats(2, 3))
def cond():
    x = tf.placeholder(tf.float32, [None, 3])
    w, other = weights(), weights("other")
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, w), lambda: tf.tanh(tf.matmul(x, other)))
    hub.add_signature(inputs={"x": x}, outputs=y)


@feature(x=floats(2, 3))
def cond_nested():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    scale = tf.get_variable("scale", [], initializer=tf.ones_initializer())

    def inner():
        return tf.cond(
            tf.reduce_sum(tf.matmul(x, w)) > 0, lambda: [x * scale, scale], lambda: [tf.matmul(x, w), w[0, 0]]
        )

    y, z = tf.cond(tf.reduce_mean(x) > -0.3, inner, lambda: [tf.sin(x * scale), tf.reduce_sum(w)])
    hub.add_signature(inputs={"x": x}, outputs={"y": y, "z": z})


@feature(x=floats(3, 3))
def cond_in_while():
    x = tf.placeholder(tf.float32, [None, 3])
    w, scale = weights(), tf.get_variable("scale", [], initializer=tf.ones_initializer())

    def body(i, value):
        value = tf.cond(
            tf.equal(i % 2, 0), lambda: tf.tanh(tf.matmul(value, w)), lambda: value * scale + tf.cast(i, tf.float32)
        )
        return i + 1, value

    _, y = tf.while_loop(lambda i, _: i < 4, body, [0, x])
    hub.add_signature(inputs={"x": x}, outputs=y)


@feature(x=floats(2, 3), n=integers(4, low=0))
def while_in_cond():
    x, n = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])
    w = weights()

    def loop():
        return tf.while_loop(lambda i, _: i < n, lambda i, value: (i + 1, tf.tanh(tf.matmul(value, w))), [0, x])[1]

    y = tf.cond(n > 1, loop, lambda: x * w[0])
    hub.add_signature(inputs={"x": x, "n": n}, outputs=y)


@feature(x=floats(2, 3), n=integers(5))
def cond_while_cond_while():
    x, n = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])
    w, scale = weights(), tf.get_variable("scale", [], initializer=tf.ones_initializer())

    def inner(value):
        return tf.while_loop(lambda j, _: j < 2, lambda j, v: (j + 1, tf.tanh(tf.matmul(v, w)) * scale), [0, value])[1]

    def body(i, value):
        return i + 1, tf.cond(tf.reduce_sum(value) > 0, lambda: inner(value), lambda: value + scale)

    def loop():
        return tf.while_loop(lambda i, _: i < n, body, [0, x])[1]

    hub.add_signature(inputs={"x": x, "n": n}, outputs=tf.cond(n > 1, loop, lambda: x * w[0]))


@feature(x=floats(2, 3), n=integers(4))
def case():
    x, n = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [])
    w = weights()
    y = tf.case(
        [(tf.equal(n, 0), lambda: x * w[0]), (tf.equal(n, 1), lambda: tf.matmul(x, w))],
        default=lambda: tf.tanh(x) * w[1],
        exclusive=True,
    )
    z = tf.switch_case(n, [lambda: x * w[0], lambda: x + w[1], lambda: tf.matmul(x, w)], default=lambda: x * w[2, 2])
    hub.add_signature(inputs={"x": x, "n": n}, outputs={"y": y, "z": z})


@feature(x=floats(2, 3))
def cond_with_constants_and_passed_through_inputs():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    y, z = tf.cond(tf.reduce_sum(x) > 0, lambda: (x, 1.0), lambda: (tf.matmul(x, w), 2.0))
    hub.add_signature(inputs={"x": x}, outputs={"y": y, "z": z * w[0]})


@feature(x=floats(2, 3))
def cond_on_the_same_predicate_in_sequence():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    predicate = tf.reduce_sum(x) > 0
    for _ in range(3):
        x = tf.cond(predicate, lambda x=x: tf.matmul(x, w), lambda x=x: tf.tanh(x) * w[0])
    hub.add_signature(inputs={"x": predicate.op.inputs[0].op.inputs[0]}, outputs=x)


@feature(x=floats(2, 3))
def cond_predicate_inside_the_branch_of_another():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    predicate = tf.reduce_sum(x) > 0
    y = tf.cond(
        predicate,
        lambda: tf.cond(predicate, lambda: tf.matmul(x, w), lambda: x),
        lambda: tf.cond(tf.logical_not(predicate), lambda: tf.tanh(tf.matmul(x, w)), lambda: x),
    )
    hub.add_signature(inputs={"x": x}, outputs=y)
