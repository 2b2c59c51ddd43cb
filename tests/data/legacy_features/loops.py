"""Modules with loops."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
import tensorflow_hub as hub
from conditionals import weights
from feature import feature, floats, integers


def signature(outputs, **inputs):
    hub.add_signature(inputs=inputs, outputs=outputs)


@feature(x=floats(2, 3))
def while_nested():
    x = tf.placeholder(tf.float32, [None, 3])
    w, scale = weights(), tf.get_variable("scale", [], initializer=tf.ones_initializer())

    def inner(i, value):
        return tf.while_loop(lambda j, _: j <= i, lambda j, v: (j + 1, tf.tanh(tf.matmul(v, w)) * scale), [0, value])[1]

    _, y = tf.while_loop(lambda i, _: i < 3, lambda i, value: (i + 1, inner(i, value) + x), [0, x])
    signature(y, x=x)


@feature(x=floats(4, 3))
def while_with_tensor_arrays():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    size = tf.shape(x)[0]
    read = tf.TensorArray(tf.float32, size).unstack(x)
    written = tf.TensorArray(tf.float32, size, element_shape=[3], clear_after_read=False)

    def body(i, state, array):
        state = tf.tanh(tf.tensordot(read.read(i) + state, w, 1))
        return i + 1, state, array.write(i, state)

    _, _, written = tf.while_loop(lambda i, *_: i < size, body, [0, tf.zeros([3]), written])
    signature({"all": written.stack(), "some": written.gather([2, 0]), "size": written.size()}, x=x)


@feature(x=floats(4, 3))
def while_with_dynamic_tensor_array():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    written = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False, clear_after_read=False)
    _, written = tf.while_loop(
        lambda i, _: i < 3, lambda i, array: (i + 1, array.write(i, tf.matmul(x[: i + 1], w))), [0, written]
    )
    signature({"joined": written.concat(), "last": written.read(2)}, x=x)


@feature(x=floats(4, 3))
def tensor_array_split_and_concat():
    x = tf.placeholder(tf.float32, [4, 3])
    w = weights()
    array = tf.TensorArray(tf.float32, 3, infer_shape=False, clear_after_read=False).split(tf.matmul(x, w), [1, 2, 1])
    scattered = tf.TensorArray(tf.float32, 4).scatter([3, 1, 0, 2], tf.matmul(x, w))
    signature({"joined": array.concat(), "second": array.read(1), "scattered": scattered.stack() * w[0]}, x=x)


@feature(x=floats(2, 3))
def while_with_growing_shapes():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    shapes = [tf.TensorShape([]), tf.TensorShape([None, 3])]
    _, y = tf.while_loop(
        lambda i, _: i < 3, lambda i, v: (i + 1, tf.concat([v, tf.matmul(v[-1:], w)], 0)), [0, x], shapes
    )
    signature(y, x=x)


@feature(x=floats(2, 3))
def while_with_options():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    y = tf.while_loop(
        lambda _: True,
        lambda v: tf.tanh(tf.matmul(v, w)),
        [x],
        swap_memory=True,
        parallel_iterations=1,
        maximum_iterations=3,
    )
    z = tf.while_loop(lambda i, _: i < 5, lambda i, v: [i + 1, v * w[0]], [0, x], maximum_iterations=tf.shape(x)[0])[1]
    signature({"y": y, "z": z}, x=x)


@feature(x=floats(2, 3))
def while_without_back_prop():
    x = tf.placeholder(tf.float32, [None, 3])
    w, other = weights(), weights("other")
    _, y = tf.while_loop(
        lambda i, _: i < 3, lambda i, v: (i + 1, tf.tanh(tf.matmul(v, w))), [0, tf.matmul(x, other)], back_prop=False
    )
    signature({"y": y + tf.matmul(x, w), "z": tf.matmul(x, other)}, x=x)


@feature(x=floats(2, 3))
def while_with_values_computed_inside_only():
    """Invariants of a loop enter it, among them those that the condition alone uses."""
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    limit = tf.reduce_sum(tf.abs(x)) + 10.0
    total, y = tf.while_loop(
        lambda s, _: s < limit,
        lambda s, v: (s + 2.0 + tf.reduce_sum(tf.abs(w)), tf.matmul(v, w) * 0.5 + tf.random_uniform([], 1.0, 1.0)),
        [0.0, x],
    )
    signature({"y": y, "total": total / limit}, x=x)


@feature(x=floats(2, 3))
def while_of_dependent_loops():
    """One loop's result is another's limit, and both share a variable."""
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    n, y = tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, tf.matmul(v, w)), [0, x])
    _, z = tf.while_loop(lambda i, _: i < n, lambda i, v: (i + 1, tf.tanh(tf.matmul(v, w)) + y), [0, x])
    signature({"y": y, "z": z}, x=x)


@feature(x=floats(4, 3))
def map_scan_fold():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    mapped = tf.map_fn(lambda row: tf.tanh(tf.tensordot(row, w, 1)), x)
    scanned = tf.scan(lambda state, row: tf.tanh(state * w[0] + row), x)
    folded = tf.foldl(lambda state, row: state * 0.5 + row * w[1], x)
    back = tf.foldr(lambda state, row: state * w[2] + row, x, initializer=tf.ones([3]))
    pair = tf.map_fn(lambda pair: pair[0] * pair[1], (x, mapped), dtype=tf.float32)
    signature({"mapped": mapped, "scanned": scanned, "folded": folded, "back": back, "pair": pair}, x=x)


@feature(ids=integers(6, 4))
def embedding_lookup_in_while():
    ids = tf.placeholder(tf.int32, [None])
    table = weights("table", (6, 3))
    resource = tf.get_variable("resource", [6, 3], use_resource=True)
    y = tf.map_fn(lambda i: tf.nn.embedding_lookup(table, i) * tf.nn.embedding_lookup(resource, i), ids, tf.float32)
    signature(y, ids=ids)


@feature(x=floats(2, 3))
def variables_assigned_in_loops_and_conds():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    turns = tf.get_variable("turns", [], tf.int32, tf.zeros_initializer(), trainable=False)
    total = tf.get_variable("total", [], initializer=tf.zeros_initializer(), trainable=False, use_resource=True)

    def body(i, value):
        with tf.control_dependencies([tf.assign_add(turns, 1), total.assign_add(tf.reduce_sum(value))]):
            return i + 1, tf.tanh(tf.matmul(value, w))

    i, y = tf.while_loop(lambda i, _: i < 3, body, [0, x], parallel_iterations=1)
    calls = tf.get_variable("calls", [], tf.int32, tf.zeros_initializer(), trainable=False, use_resource=True)
    counted = tf.cond(tf.reduce_sum(x) > 0, lambda: calls.assign_add(1).op, tf.no_op)
    with tf.control_dependencies([counted]):
        y = tf.identity(y)
    signature({"y": y, "i": i}, x=x)


@feature(x=floats(2, 3), is_trained=False)
def gradient_of_a_loop_as_output():
    """TF1 saves what the gradient needs on stacks; it has no second-order gradient of loops."""
    x = tf.placeholder(tf.float32, [2, 3])
    w = weights()
    y = tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.tanh(tf.matmul(v, w))), [0, x])[1]
    signature({"y": y, "gradient": tf.gradients(y, x)[0]}, x=x)


@feature(x=floats(4, 3), lengths=integers(4, 4, low=0))
def loop_over_tensor_array_of_different_shapes():
    x, lengths = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [None])
    w = weights()
    sums = tf.map_fn(lambda n: tf.reduce_sum(tf.matmul(x[:n], w), 0), lengths, tf.float32)
    signature(sums, x=x, lengths=lengths)


@feature(x=floats(2, 3))
def higher_order_functions_without_back_prop():
    """No gradient gets out of them, whether they return a TensorArray or not."""
    x = tf.placeholder(tf.float32, [None, 3])
    w, u = weights(), weights("u")
    options = {"back_prop": False}
    mapped = tf.map_fn(lambda row: tf.tensordot(row, w, 1), x, **options)
    scanned = tf.scan(lambda last, row: last * 0.5 + tf.tensordot(row, w, 1), x, tf.zeros([3]), **options)
    folded = tf.foldl(lambda last, row: last + row * w[0], x, tf.zeros([3]), **options)
    signature(tf.matmul(x, u) + mapped + scanned + folded, x=x)
