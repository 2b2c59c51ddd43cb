"""Modules with variables that are more than weights."""

from __future__ import annotations

import tensorflow.compat.v1 as tf
from conditionals import weights
from feature import always, feature, floats, integers
from loops import signature
from tensorflow import contrib


@feature(x=floats(4, 3), has_train_variant=True)
def keras_batch_normalization(is_training):
    x = tf.placeholder(tf.float32, [None, 3])
    normalization = tf.keras.layers.BatchNormalization(momentum=0.5)
    y = normalization(tf.keras.layers.Dense(3)(x), training=is_training)
    for update in normalization.updates:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    signature(y, x=x)


@feature(x=floats(8, 3, 3, 2), has_train_variant=True)
def contrib_batch_norm(is_training):
    x = tf.placeholder(tf.float32, [None, 3, 3, 2])
    options = {"is_training": is_training, "decay": 0.5, "scale": True}
    y = contrib.layers.batch_norm(x, fused=True, **options)
    y = contrib.layers.batch_norm(contrib.layers.conv2d(y, 2, 2), fused=False, **options)
    y = contrib.layers.batch_norm(contrib.layers.flatten(y), **options)
    signature(contrib.layers.fully_connected(y, 2, weights_regularizer=contrib.layers.l2_regularizer(0.1)), x=x)


@feature(x=floats(2, 3, 3, 2), is_training=integers(2, dtype="bool"))
def batch_norm_with_a_fed_mode():
    """Its UPDATE_OPS are inside of conditionals."""
    x, is_training = tf.placeholder(tf.float32, [None, 3, 3, 2]), tf.placeholder(tf.bool, [])
    y = tf.layers.batch_normalization(tf.layers.conv2d(x, 2, 2), training=is_training, momentum=0.5)
    y = tf.layers.batch_normalization(tf.layers.dense(y, 2), training=is_training, momentum=0.5, fused=False)
    y = contrib.layers.batch_norm(y, is_training=is_training, decay=0.5)
    signature(y, x=x, is_training=is_training)


@feature(x=floats(2, 3))
def batch_norm_with_a_defaulted_mode():
    x = tf.placeholder(tf.float32, [None, 3])
    is_training = tf.placeholder_with_default(True, [])
    y = tf.layers.batch_normalization(tf.layers.dense(x, 3), training=is_training, momentum=0.5, renorm=False)
    signature(y, x=x)


@feature(x=floats(2, 3), flag=integers(2, dtype="bool"))
def update_ops_inside_cond():
    x, flag = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.bool, [])
    mean = tf.get_variable("mean", [3], initializer=tf.zeros_initializer(), trainable=False)
    y = tf.matmul(x, weights())
    update = tf.cond(flag, lambda: tf.assign(mean, mean * 0.5 + tf.reduce_mean(y, 0)), lambda: tf.identity(mean))
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    signature(y, x=x, flag=flag)


@feature(x=floats(2, 3), ids=always([2, 0], "int32"))
def scattered_reference_variables():
    x, ids = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [None])
    w = weights()
    memory, counts = weights("memory", (4, 3)), tf.get_variable("counts", [4], initializer=tf.zeros_initializer())
    y = tf.matmul(x, w)
    added = tf.scatter_add(memory, ids, y)
    with tf.control_dependencies([added]):
        updated = tf.scatter_nd_update(counts, ids[:, tf.newaxis], y[:, 0])
        with tf.control_dependencies([updated]):
            updated = tf.scatter_update(counts, ids[:1], [3.0])
    with tf.control_dependencies([updated]):
        seen = memory.read_value()
    signature({"y": y, "seen": seen * w[0], "updated": tf.stop_gradient(updated)}, x=x, ids=ids)


@feature(x=floats(2, 3), ids=always([2, 0], "int32"))
def scattered_resource_variables():
    x, ids = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int32, [None])
    w = weights()
    memory = tf.get_variable("memory", [4, 3], use_resource=True, trainable=False)
    y = tf.matmul(x, w)
    changes = [
        lambda: memory.scatter_add(tf.IndexedSlices(y, ids)),
        lambda: memory.scatter_nd_update([[1]], tf.ones([1, 3])),
        lambda: memory[3:, :2].assign(y[:1, :2]),
        memory.read_value,
    ]
    seen = y
    for change in changes:
        with tf.control_dependencies([seen]):
            seen = change()
    signature({"y": y, "seen": seen}, x=x, ids=ids)


@feature(x=floats(2, 3))
def assigned_and_read_back():
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    last = tf.get_variable("last", [3], initializer=tf.zeros_initializer(), trainable=False)
    before = last.read_value() + 0.0
    with tf.control_dependencies([before]):
        assigned = tf.assign(last, tf.reduce_mean(x, 0))
    with tf.control_dependencies([assigned]):
        after = last.read_value() + 0.0
    with tf.control_dependencies([after]):
        shifted = tf.identity(tf.assign_sub(last, tf.ones([3])))
    signature({"before": before * w[0], "after": after * w[1], "shifted": shifted}, x=x)


def part(shape, use_resource):
    return tf.get_variable(
        "resource" if use_resource else "reference",
        shape,
        initializer=tf.random_normal_initializer(stddev=0.5),
        partitioner=tf.fixed_size_partitioner(3),
        use_resource=use_resource,
    )


@feature(x=floats(2, 5))
def partitioned_weights():
    x = tf.placeholder(tf.float32, [None, 5])
    y = tf.matmul(x, part([5, 3], False)) + tf.matmul(x, part([5, 3], True).as_tensor())
    signature(y, x=x)


@feature(ids=integers(7, 4, dtype="int64"))
def partitioned_embeddings():
    ids = tf.placeholder(tf.int64, [None])
    indices = tf.stack([tf.range(tf.size(ids, out_type=tf.int64)) // 2, tf.range(tf.size(ids, out_type=tf.int64))], 1)
    sparse = tf.SparseTensor(indices, ids, [2, 4])
    outputs = {}
    for use_resource, strategy in ((False, "mod"), (True, "div")):
        table = part([7, 2], use_resource)
        lookup = tf.nn.embedding_lookup_sparse(table, sparse, None, strategy, combiner="sqrtn")
        outputs["sparse_" + strategy] = lookup
        outputs["dense_" + strategy] = tf.nn.embedding_lookup(table, ids, strategy, max_norm=0.7)
    signature(outputs, ids=ids)


@feature(x=floats(2))
def variables_of_other_types():
    x = tf.placeholder(tf.float32, [None])
    w = tf.get_variable("w", [2])
    count = tf.get_variable("count", [], tf.int64, tf.zeros_initializer(), trainable=False)
    name = tf.get_variable("name", [2], tf.string, tf.constant_initializer(["a", "b"]), trainable=False)
    flag = tf.get_variable("flag", [], tf.bool, tf.constant_initializer(True), trainable=False, use_resource=True)
    half = tf.get_variable("half", [2], tf.float16, tf.constant_initializer(2.0), trainable=False)
    y = tf.where(tf.fill(tf.shape(x), flag.read_value()), x * w, x)
    with tf.control_dependencies([tf.assign_add(count, 2)]):
        seen = tf.identity(count.read_value())
    outputs = {"y": y * tf.cast(half, tf.float32), "count": seen, "name": name + "!"}
    signature(outputs, x=x)


@feature()
def output_that_is_a_variable():
    resource = tf.get_variable("resource", [2], use_resource=True)
    count = tf.get_variable("count", [], tf.int32, tf.zeros_initializer(), trainable=False)
    outputs = {"reference": weights(), "resource": resource, "count": count}
    signature({name: tf.convert_to_tensor(variable) for name, variable in outputs.items()})


@feature(x=floats(3, 2))
def spectral_normalization():
    """A power iteration whose vector is kept from call to call."""
    x = tf.placeholder(tf.float32, [None, 2])
    w = weights("w", (2, 2))
    u = tf.get_variable("u", [1, 2], initializer=tf.ones_initializer(), trainable=False)
    v = tf.nn.l2_normalize(tf.matmul(u, w, transpose_b=True))
    new = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(v, w)))
    sigma = tf.matmul(tf.matmul(tf.stop_gradient(v), w), new, transpose_b=True)
    with tf.control_dependencies([u.assign(new)]):
        y = tf.matmul(x, w / tf.reduce_sum(sigma))
    signature(y, x=x)


@feature(x=floats(2, 3), has_train_variant=True)
def variables_trained_in_one_variant(is_training):
    """The variant for training says what is trained, although the other one would train something else."""
    x = tf.placeholder(tf.float32, [None, 3])
    w = tf.get_variable("w", [3, 3], trainable=not is_training)
    u = tf.get_variable("u", [3, 3], trainable=is_training)
    signature(tf.matmul(x, w + u), x=x)


@feature(x=floats(2, 3))
def references_read_after_assignments():
    """What uses a reference variable sees its value at that time, although `read` ops of variables wait for nothing."""
    x = tf.placeholder(tf.float32, [None, 3])
    w = weights()
    a = tf.get_variable("a", [], initializer=tf.ones_initializer(), trainable=False)
    b = tf.get_variable("b", [], initializer=tf.zeros_initializer(), trainable=False)
    c = tf.get_variable("c", [3], initializer=tf.ones_initializer())
    y = tf.matmul(x, w)
    added = tf.assign_add(a, tf.reduce_mean(y) + 1.0)
    with tf.control_dependencies([added]):
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(b, a * 2.0 + tf.identity(added)))
    changed = tf.assign(c, c * 0.5)
    with tf.control_dependencies([changed]):
        seen = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.identity(c) * w[0], lambda: c * w[1])
    signature({"y": y + 0.0 * (a - b), "seen": seen, "changed": changed * w[2]}, x=x)
