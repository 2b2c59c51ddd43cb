"""Blocks that random modules are made of: each maps rows of three numbers to rows of three numbers.

A block is a function of a `Context` and such a tensor. It draws what it varies from the context's generator.
"""

from __future__ import annotations

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow import contrib

BLOCKS = {}
WIDTH = 3


class Context:
    """What a block may draw from and add to.

    Attributes:
        rng: draws the same in all variants of a module.
        is_training: whether the graph is the variant for training.
        flag: a bool that is fed.
    """

    def __init__(self, rng, is_training, flag):
        self.rng = rng
        self.is_training = is_training
        self.flag = flag

    def choice(self, *options):
        return options[self.rng.randint(len(options))]

    def variable(self, name, shape=(WIDTH, WIDTH), trainable=True, initializer=None, dtype=tf.float32):
        """A reference variable or a resource."""
        initializer = initializer or tf.random_normal_initializer(stddev=0.5, seed=self.rng.randint(1 << 30))
        use_resource = self.choice(True, False)
        return tf.get_variable(name, shape, dtype, initializer, trainable=trainable, use_resource=use_resource)

    def state(self, name, shape=(), value=0.0, dtype=tf.float32):
        value = np.array(value, dtype.as_numpy_dtype)
        return self.variable(name, shape, False, tf.constant_initializer(value), dtype)


def block(function):
    BLOCKS[function.__name__] = function
    return function


def update(op):
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, op)


# Layers


@block
def dense(c, h):
    y = tf.matmul(h, c.variable("w")) + c.variable("b", [WIDTH])
    return c.choice(tf.tanh, tf.nn.relu, tf.sigmoid, tf.nn.elu, tf.nn.softplus, tf.nn.swish, tf.identity)(y)


@block
def regularized_dense(c, h):
    regularizer = c.choice(contrib.layers.l1_regularizer, contrib.layers.l2_regularizer)(0.1)
    return tf.layers.dense(h, WIDTH, tf.tanh, kernel_regularizer=regularizer)


@block
def partitioned_dense(c, h):
    with tf.variable_scope("parts", partitioner=tf.fixed_size_partitioner(2), use_resource=c.choice(True, False)):
        w = tf.get_variable("w", [WIDTH, WIDTH], initializer=tf.random_normal_initializer(seed=3))
    return tf.tanh(tf.matmul(h, tf.convert_to_tensor(w)))


@block
def batch_normalization(c, h):
    training = c.choice(c.is_training, c.flag, tf.placeholder_with_default(c.is_training, []))
    return tf.layers.batch_normalization(h, training=training, momentum=0.5, renorm=c.choice(True, False, False))


@block
def contrib_batch_norm(c, h):
    collection = c.choice(None, tf.GraphKeys.UPDATE_OPS)
    return contrib.layers.batch_norm(h, decay=0.5, is_training=c.is_training, updates_collections=collection)


@block
def keras_batch_normalization(c, h):
    layer = tf.keras.layers.BatchNormalization(momentum=0.5)
    y = layer(h, training=c.is_training)
    for op in layer.updates:
        update(op)
    return y


@block
def layer_norm(c, h):
    return contrib.layers.layer_norm(h)


@block
def convolutions(c, h):
    image = tf.reshape(h, [-1, WIDTH, 1, 1])
    y = tf.layers.conv2d(image, 2, (2, 1), padding="same", activation=tf.tanh)
    y = c.choice(tf.layers.max_pooling2d, tf.layers.average_pooling2d)(y, (2, 1), 1, "same")
    y = contrib.layers.batch_norm(y, fused=True, decay=0.5, is_training=c.is_training)
    return tf.reduce_mean(y, [2, 3])


# Conditionals


def predicate(c, h):
    return c.choice(c.flag, tf.reduce_sum(h) > 0.0, tf.logical_not(c.flag))


@block
def cond(c, h):
    w, u = c.variable("w"), c.variable("u", [WIDTH])
    other = c.choice(lambda: h, lambda: h * u, lambda: tf.zeros_like(h), lambda: tf.tanh(h) + u)
    return tf.cond(predicate(c, h), lambda: tf.matmul(h, w), other)


@block
def nested_cond(c, h):
    w, u = c.variable("w"), c.variable("u", [WIDTH])
    inner = predicate(c, h)
    return tf.cond(
        predicate(c, h),
        lambda: tf.cond(inner, lambda: tf.matmul(h, w), lambda: h + u),
        lambda: tf.cond(inner, lambda: h * u, lambda: tf.sin(h)),
    )


@block
def case(c, h):
    w = c.variable("w")
    cases = [(tf.reduce_sum(h) > 1.0, lambda: tf.matmul(h, w)), (tf.reduce_sum(h) < -1.0, lambda: h * w[0])]
    return tf.case(cases, default=lambda: tf.tanh(h), exclusive=True)


@block
def conds_on_one_predicate(c, h):
    where, w = predicate(c, h), c.variable("w", [WIDTH])
    h = tf.cond(where, lambda: h * w, lambda: h - w)
    return tf.cond(where, lambda: tf.sin(h), lambda: tf.cos(h) * w)


@block
def cond_of_several_results(c, h):
    w = c.variable("w", [2, WIDTH])
    a, b = tf.cond(predicate(c, h), lambda: (h * w[0], tf.exp(-tf.abs(h))), lambda: (h, w[1] + h))
    return a * b


@block
def cond_that_assigns(c, h):
    count = c.state("count")
    changed = tf.cond(predicate(c, h), lambda: tf.assign_add(count, 1.0), lambda: tf.identity(count))
    update(changed)
    return h * c.variable("w", [WIDTH])


# Loops


@block
def while_loop(c, h):
    w, turns = c.variable("w"), c.rng.randint(4)
    options = {"back_prop": c.choice(True, True, False), "parallel_iterations": c.choice(1, 10)}
    step = c.choice(lambda v: tf.tanh(tf.matmul(v, w)), lambda v: v * 0.5 + tf.sin(h), lambda v: v + h * w[0])
    return tf.while_loop(lambda i, _: i < turns, lambda i, v: (i + 1, step(v)), [0, h], **options)[1] + h


@block
def while_on_values(c, h):
    w = c.variable("w", [WIDTH])

    def body(v, turns):
        return v * 0.5 + 0.01 * w, turns + 1

    y, turns = tf.while_loop(lambda v, i: tf.logical_and(tf.reduce_max(v) > 0.5, i < 5), body, [h, 0])
    return y + 0.1 * tf.to_float(turns)


@block
def nested_while(c, h):
    w = c.variable("w", [WIDTH])

    def inner(i, v):
        return tf.while_loop(lambda j, _: j < i, lambda j, u: (j + 1, tf.tanh(u * w)), [0, v])[1]

    return tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, inner(i, v) + h), [0, h])[1]


@block
def cond_in_while(c, h):
    w, flag = c.variable("w") + 0.0, c.flag  # TF 1.15 has no gradient of a resource there.

    def body(i, v):
        return i + 1, tf.cond(c.choice(flag, tf.equal(i % 2, 0)), lambda: tf.matmul(v, w), lambda: tf.sin(v))

    return tf.while_loop(lambda i, _: i < 3, body, [0, h])[1]


@block
def while_in_cond(c, h):
    w = c.variable("w", [WIDTH])
    looped = lambda: tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, tf.tanh(v * w)), [0, h])[1]  # noqa: E731
    return tf.cond(predicate(c, h), looped, lambda: h * w)


@block
def while_with_arrays(c, h):
    w = c.variable("w", [WIDTH])
    given = tf.TensorArray(tf.float32, 3, clear_after_read=False).unstack(tf.stack([h, h * 0.5, tf.sin(h)]))
    written = tf.TensorArray(tf.float32, 0, dynamic_size=True)

    def body(i, total, written):
        row = given.read(i) * w
        return i + 1, total + row, written.write(i, tf.tanh(row + total))

    options = {"back_prop": c.choice(True, False)}
    _, total, written = tf.while_loop(lambda i, *_: i < 3, body, [0, tf.zeros_like(h), written], **options)
    return c.choice(total, tf.reduce_sum(written.stack(), 0), written.stack()[1] + total * 0.5) + 0.1 * h


@block
def growing_while(c, h):
    w = c.variable("w", [WIDTH])
    shapes = [tf.TensorShape([]), tf.TensorShape([None, WIDTH])]
    body = lambda i, v: (i + 1, tf.concat([v, tf.tanh(v[:1] * w)], 0))  # noqa: E731
    grown = tf.while_loop(lambda i, _: i < 3, body, [0, h], shape_invariants=shapes)[1]
    return grown[: tf.shape(h)[0]] + tf.reduce_mean(grown, 0)


@block
def while_that_assigns(c, h):
    count = c.state("count")

    def body(i, v):
        with tf.control_dependencies([tf.assign_add(count, 1.0)]):
            return i + 1, v * 0.5

    return tf.while_loop(lambda i, _: i < 2, body, [0, h])[1]


@block
def higher_order(c, h):
    w, options = c.variable("w"), {"back_prop": c.choice(True, False), "parallel_iterations": c.choice(1, 10)}
    kind = c.choice("map", "scan", "foldl", "foldr")
    if kind == "map":
        return tf.map_fn(lambda row: tf.tanh(tf.tensordot(row, w, 1)), h, **options) + 0.1 * h
    if kind == "scan":
        return tf.scan(lambda last, row: last * 0.5 + row * w[0], h, tf.zeros([WIDTH]), **options) + 0.1 * h
    fold = tf.foldl if kind == "foldl" else tf.foldr
    return h + fold(lambda last, row: tf.tanh(last * 0.5 + row * w[0]), h, tf.zeros([WIDTH]), **options)


# Recurrent networks


def cell(c):
    kinds = [
        lambda: tf.nn.rnn_cell.BasicRNNCell(WIDTH),
        lambda: tf.nn.rnn_cell.BasicLSTMCell(WIDTH),
        lambda: tf.nn.rnn_cell.LSTMCell(4, use_peepholes=True, num_proj=WIDTH, cell_clip=0.5),
        lambda: tf.nn.rnn_cell.GRUCell(WIDTH),
        lambda: contrib.rnn.LSTMBlockCell(WIDTH, use_peephole=True),
        lambda: contrib.rnn.LSTMBlockCell(WIDTH, cell_clip=0.1),
        lambda: contrib.rnn.GRUBlockCellV2(WIDTH),
        lambda: contrib.rnn.LayerNormBasicLSTMCell(WIDTH),
        lambda: tf.nn.rnn_cell.ResidualWrapper(tf.nn.rnn_cell.GRUCell(WIDTH)),
        lambda: tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(2), tf.nn.rnn_cell.BasicRNNCell(WIDTH)]),
    ]
    return c.choice(*kinds)()


@block
def dynamic_rnn(c, h):
    sequence = tf.stack([h, tf.sin(h), h * 0.5], 1)
    lengths = c.choice(None, tf.where(h[:, 0] > 0, tf.fill(tf.shape(h)[:1], 1), tf.fill(tf.shape(h)[:1], 3)))
    outputs, _ = tf.nn.dynamic_rnn(cell(c), sequence, lengths, dtype=tf.float32, swap_memory=c.choice(True, False))
    return outputs[:, -1] + 0.1 * h


@block
def static_rnn(c, h):
    outputs, _ = tf.nn.static_rnn(cell(c), [h, h * 0.5], dtype=tf.float32)
    return outputs[-1]


@block
def fused_rnn(c, h):
    outputs, _ = contrib.rnn.LSTMBlockFusedCell(WIDTH)(tf.stack([h, h * 0.5]), dtype=tf.float32)
    return outputs[-1]


@block
def keras_rnn(c, h):
    layer = c.choice(tf.keras.layers.LSTM, tf.keras.layers.GRU, tf.keras.layers.SimpleRNN)
    return layer(WIDTH)(tf.stack([h, tf.sin(h)], 1))


def constant(values, dtype=np.float32):
    return tf.constant(np.array(values, dtype))
