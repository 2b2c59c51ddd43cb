"""Blocks with variables that change, tables, functions, and ops of other kinds."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from blocks import WIDTH, block, constant, update
from tensorflow.python.framework import function  # noqa: TID251  Defun has no public name.

# Variables that are assigned to


@block
def moving_average(c, h):
    average = tf.train.ExponentialMovingAverage(0.5, zero_debias=c.choice(True, False))
    w = c.variable("w", [WIDTH])
    update(average.apply([w]))
    return h * w + (0.0 if c.is_training else average.average(w))


@block
def counter(c, h):
    count = c.state("count", dtype=c.choice(tf.float32, tf.int64, tf.int32))
    with tf.control_dependencies([tf.assign_add(count, 1)]):
        seen = count.read_value() if c.choice(True, False) else tf.identity(count)
    return h * c.variable("w", [WIDTH]) + 0.1 * tf.cast(seen, tf.float32)


@block
def chained_updates(c, h):
    a, b = c.state("a", value=1.0), c.state("b")
    added = tf.assign_add(a, tf.reduce_mean(h) + 1.0)
    with tf.control_dependencies([added]):
        update(tf.assign(b, a * 2.0 + tf.identity(added)))
    return h * c.variable("w", [WIDTH])


@block
def assigned_trainable(c, h):
    w = c.variable("w", [WIDTH])
    changed = tf.assign(w, w * 0.9)
    with tf.control_dependencies([changed]):
        seen = c.choice(w * 1.0, w.read_value() * 1.0)
    return h * seen + 0.1 * tf.identity(changed)


@block
def assigned_before_a_loop(c, h):
    w = tf.get_variable("w", [WIDTH], initializer=tf.ones_initializer(), use_resource=False)
    with tf.control_dependencies([tf.assign(w, w * 0.5)]):
        return tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, v * w + 0.1), [0, h])[1]


@block
def statistics_of_the_last_batch(c, h):
    last = c.state("last", [WIDTH])
    before = last.read_value() + 0.0
    with tf.control_dependencies([before]):
        assigned = tf.assign(last, tf.reduce_mean(h, 0))
    with tf.control_dependencies([assigned]):
        return tf.identity(h) - 0.5 * before


@block
def scattered(c, h):
    memory = c.state("memory", [4, WIDTH])
    change = c.choice(tf.scatter_update, tf.scatter_add, tf.scatter_sub)
    with tf.control_dependencies([change(memory, [2, 0], tf.stop_gradient(tf.stack([h[0], h[-1]])))]):
        return h + 0.1 * (memory.read_value() + 0.0)[2]


@block
def trained_in_one_variant(c, h):
    w = c.variable("w", [WIDTH], trainable=c.is_training)
    u = c.variable("u", [WIDTH], trainable=not c.is_training)
    return h * w + u


@block
def spectral_normalization(c, h):
    w, u = c.variable("w"), c.state("u", [1, WIDTH], 1.0)
    v = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(u, w, transpose_b=True)))
    new = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(v, w)))
    update(u.assign(new))
    return tf.matmul(h, w / tf.reduce_sum(tf.matmul(tf.matmul(v, w), new, transpose_b=True)))


# Lookups


def ids_of(h, size):
    return tf.cast(tf.abs(h[:, 0]) * 3.0, tf.int64) % size


@block
def embedding(c, h):
    return h + tf.nn.embedding_lookup(c.variable("table", [5, WIDTH]), ids_of(h, 5))


@block
def embedding_of_parts(c, h):
    with tf.variable_scope("parts", partitioner=tf.fixed_size_partitioner(2), use_resource=c.choice(True, False)):
        table = tf.get_variable("table", [5, WIDTH], initializer=tf.random_normal_initializer(seed=3))
    return h + tf.nn.embedding_lookup(table, ids_of(h, 5), c.choice("mod", "div"))


@block
def sparse_embedding(c, h):
    rows = tf.range(tf.shape(h, out_type=tf.int64)[0])
    sparse = tf.SparseTensor(
        tf.stack([rows, rows * 0], 1), ids_of(h, 5), tf.stack([tf.size(rows, out_type=tf.int64), 1])
    )
    table = c.variable("table", [5, WIDTH])
    return h + tf.nn.embedding_lookup_sparse(table, sparse, None, combiner=c.choice("mean", "sum", "sqrtn"))


@block
def gathered(c, h):
    table, ids = c.variable("table", [5, WIDTH]), ids_of(h, 5)
    return h * c.choice(tf.gather(table, ids), tf.gather_nd(table, ids[:, tf.newaxis]), table.read_value()[:1])


@block
def table_of_words(c, h):
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["0", "1", "2"], [2.0, 0.5, 1.0]), -1.0)
    return h * c.variable("w", [WIDTH]) + table.lookup(tf.as_string(ids_of(h, 4)))[:, tf.newaxis]


# Functions, and gradients of their own


@block
def defun(c, h):
    @function.Defun(tf.float32, tf.float32, func_name=f"scaled_{c.rng.randint(1 << 30)}")
    def scaled(x, w):
        return tf.tanh(x * w) + x

    y = scaled(h, tf.identity(c.variable("w", [WIDTH])))
    y.set_shape(h.shape)
    return y


@block
def tf_function(c, h):
    w = c.variable("w", [WIDTH])
    return tf.function(lambda x, u: tf.sin(x) * u + tf.reduce_mean(x), autograph=False)(h, tf.identity(w))


@block
def gradient_as_output(c, h):
    w = c.variable("w", [WIDTH])
    return h + 0.1 * tf.gradients(tf.reduce_sum(tf.sin(h * w)), h)[0]


@block
def stopped(c, h):
    w = c.variable("w", [WIDTH])
    return tf.stop_gradient(h * w) + c.choice(h, h * w, w - h)


# Other ops


@block
def where(c, h):
    w = c.variable("w", [WIDTH])
    kept = tf.boolean_mask(h, h[:, 0] > -10.0)
    return tf.where(h > 0, h * w, kept)


@block
def split_and_joined(c, h):
    a, b, last = tf.split(h, 3, 1)
    return tf.concat([last * c.variable("w", []), a, tf.unstack(tf.stack([b, a]))[0]], 1)


@block
def segments(c, h):
    ids = tf.cast(ids_of(h, 2), tf.int32)
    reduce = c.choice(tf.unsorted_segment_sum, tf.unsorted_segment_max, tf.unsorted_segment_mean)
    return h * c.variable("w", [WIDTH]) + 0.1 * tf.gather(reduce(h, ids, 2), ids)


@block
def ordered(c, h):
    return tf.nn.top_k(h, WIDTH).values * c.variable("w", [WIDTH]) + tf.cumsum(h, 1, reverse=c.choice(True, False))


@block
def normalized(c, h):
    kind = c.choice(tf.nn.softmax, tf.nn.log_softmax, lambda v: tf.nn.l2_normalize(v, -1, 1e-3))
    return kind(h) * c.variable("w", [WIDTH])


@block
def linear_algebra(c, h):
    w = c.variable("w")
    kind = c.choice(
        lambda: tf.einsum("ij,jk->ik", h, w),
        lambda: tf.matmul(h[:, tf.newaxis], tf.tile(w[tf.newaxis], [tf.shape(h)[0], 1, 1]))[:, 0],
        lambda: tf.transpose(tf.matrix_solve(tf.eye(WIDTH) + 0.1 * tf.matmul(w, w, transpose_b=True), tf.transpose(h))),
    )
    return kind()


@block
def sparse_matmul(c, h):
    sparse = tf.SparseTensor([[0, 1], [2, 0]], c.variable("values", [2]) + 0.0, [WIDTH, WIDTH])
    return h + tf.transpose(tf.sparse.sparse_dense_matmul(sparse, h, adjoint_b=True))


@block
def ragged(c, h):
    rows = tf.RaggedTensor.from_row_lengths(tf.reshape(h, [-1]), tf.fill(tf.shape(h)[:1], WIDTH))
    return h * c.variable("w", [WIDTH]) + tf.reduce_sum(rows * 0.1, 1)[:, tf.newaxis]


@block
def checked(c, h):
    with tf.control_dependencies([tf.assert_less(tf.abs(h), constant(1e6)), tf.check_numerics(h, "finite")]):
        return tf.identity(h) * c.variable("w", [WIDTH])
