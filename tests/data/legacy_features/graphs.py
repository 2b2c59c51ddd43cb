"""Modules whose graphs are unusual in other ways."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from conditionals import weights
from feature import feature, floats
from loops import signature
from tensorflow import contrib


@feature(x=floats(2, 3))
def checks_and_prints():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    checks = [tf.Assert(tf.reduce_all(x < 100.0), [x]), tf.debugging.assert_rank(x, 2)]
    with tf.control_dependencies([*checks, tf.debugging.assert_less(tf.reduce_max(x), 99.0)]):
        y = tf.Print(tf.matmul(x, w), [tf.shape(x)], "shape: ")
    with tf.control_dependencies([tf.print("seen", tf.shape(y), output_stream=tf.logging.info)]):
        y = tf.debugging.check_numerics(y, "finite")
    signature(y, x=x)


@feature(x=floats(2, 3))
def defaulted_placeholder():
    x = tf.placeholder(tf.float32, [None, 3])
    scale = tf.placeholder_with_default(tf.reduce_mean(x) + 2.0, [])
    signature(tf.matmul(x, weights()) * scale, x=x)


@feature(x=floats(2, 3))
def gradient_as_output():
    """To train it takes gradients of the second order."""
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.tanh(tf.matmul(x, weights()))
    gradient = tf.gradients(tf.reduce_sum(y * y), x)[0]
    signature({"y": y, "gradient": gradient}, x=x)


@feature(x=floats(2, 3))
def gradient_of_a_cond_as_output():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(tf.matmul(x, w)), lambda: tf.sin(x * w[0]))
    signature({"y": y, "gradient": tf.gradients(y, x)[0]}, x=x)


@feature(x=floats(2, 3))
def colocated():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    with tf.colocate_with(w):
        y = tf.matmul(x, w)
    with tf.device("/cpu:0"), tf.colocate_with(y.op):
        signature(tf.tanh(y), x=x)


@feature(x=floats(2, 3))
def inputs_as_outputs():
    x = tf.placeholder(tf.float32, [None, 3])
    signature({"x": x, "again": x, "y": tf.matmul(x, weights())}, x=x)


@feature()
def no_inputs():
    w = weights()
    signature({"y": tf.tanh(w), "loop": tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, v * 0.5), [0, w])[1]})


@feature(x=floats(2, 3))
def deep_graph():
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.matmul(x, weights())
    graph = tf.get_default_graph()
    for _ in range(1200):
        y = graph.create_op("Neg", [y], [tf.float32], name="n").outputs[0]
    signature(y, x=x)


@feature(x=floats(2, 4, 4, 1))
def contrib_layers():
    x = tf.placeholder(tf.float32, [None, 4, 4, 1])
    regularizer = contrib.layers.l1_l2_regularizer(0.01, 0.02)
    y = contrib.layers.conv2d(x, 2, 3, weights_regularizer=regularizer)
    y = contrib.layers.separable_conv2d(y, 2, 2, 1, normalizer_fn=contrib.layers.layer_norm)
    y = contrib.layers.max_pool2d(y, 2)
    y = contrib.layers.instance_norm(contrib.layers.conv2d_transpose(y, 2, 2))
    signature(contrib.layers.fully_connected(contrib.layers.flatten(y), 2), x=x)


@feature(x=floats(2, 4, 4, 2))
def slim():
    x = tf.placeholder(tf.float32, [None, 4, 4, 2])
    with contrib.framework.arg_scope([contrib.slim.conv2d], normalizer_fn=contrib.slim.batch_norm):
        y = contrib.slim.conv2d(x, 2, 3, scope="a")
        y = contrib.slim.max_pool2d(contrib.slim.conv2d(y, 2, 3, 2, scope="b"), 2)
    signature(tf.squeeze(y, [1, 2]), x=x)


@feature(x=floats(40, 5))
def dropout():
    """The mean over many is what can be compared: the outputs are the same in expectation."""
    x = tf.placeholder(tf.float32, [None, 5])
    y = tf.nn.dropout(tf.ones_like(x), rate=0.5, seed=7)
    signature({"same": tf.matmul(x, weights("w", (5, 2))), "shape": tf.shape(y)}, x=x)


@feature(x=floats(2, 3))
def ops_of_several_outputs():
    """Ops with several outputs, lists of inputs, and inputs that are used twice."""
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    left, right = tf.split(tf.concat([tf.matmul(x, w), x, x], 1), [4, 5], 1)
    values, indices = tf.nn.top_k(right, 2)
    unique, _ = tf.unique(tf.reshape(indices, [-1]))
    y = tf.reduce_sum(left)
    signature({"y": y, "values": values, "indices": indices, "n": tf.size(unique)}, x=x)


@feature(x=floats(2, 3), drop_collections=[tf.GraphKeys.MOVING_AVERAGE_VARIABLES])
def moving_averages():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    average = tf.train.ExponentialMovingAverage(0.5)
    y = tf.matmul(x, w)
    mean = tf.get_variable("mean", [3], initializer=tf.zeros_initializer(), trainable=False)
    with tf.control_dependencies([tf.assign(mean, tf.reduce_mean(y, 0))]):
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, average.apply([mean]))
    signature({"y": y, "average": average.average(mean) * 0.0}, x=x)
