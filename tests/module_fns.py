"""Functions that build the graphs of legacy modules, each with the feature in its name."""

from __future__ import annotations

import contextlib

from saved_models import tf, vocabulary_table

import rehub as hub

v1 = tf.compat.v1


def export_module(module_fn, path, tags_and_args=None):
    """Write a module with the initial values of its variables. Return its path as text."""
    spec = hub.create_module_spec(module_fn, tags_and_args)
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec, tags=spec.get_tags()[-1])
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        module.export(str(path), session)
    return str(path)


def scaled():
    """x * w, w = 3."""
    x = v1.placeholder(tf.float32, [None], "x")
    w = v1.get_variable("w", initializer=3.0)
    hub.add_signature(inputs=x, outputs=x * w)


def scaled_by_reference():
    """x * w, w = 3, a reference variable; its read is colocated with it."""
    x = v1.placeholder(tf.float32, [None], "x")
    w = v1.get_variable("w", initializer=3.0, use_resource=False)
    hub.add_signature(inputs=x, outputs=x * w)


def two_in_two_out():
    """x, y -> sum, difference; no output "default"."""
    x, y = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.float32, [None], "y")
    hub.add_signature(inputs={"x": x, "y": y}, outputs={"sum": x + y, "difference": x - y})


def partitioned():
    """No inputs -> a 7 x 2 variable in 3 parts, added to a whole one."""
    partitioner = v1.fixed_size_partitioner(3)
    parts = v1.get_variable("parts", initializer=tf.ones([7, 2]), partitioner=partitioner)
    whole = v1.get_variable("whole", initializer=tf.ones([7, 2]))
    hub.add_signature(outputs=tf.convert_to_tensor(parts) + whole)


def partitioned_by_columns():
    """No inputs -> a 2 x 5 variable in 2 parts along its columns."""
    parts = v1.get_variable(
        "parts", initializer=tf.reshape(tf.range(10.0), [2, 5]), partitioner=v1.fixed_size_partitioner(2, axis=1)
    )
    hub.add_signature(outputs=tf.convert_to_tensor(parts))


def regularized(is_training=False):
    """x @ w with the loss 0.5 * sum(w**2), and with is_training an update op that keeps the outputs' mean."""
    x = v1.placeholder(tf.float32, [None, 2], "x")
    w = v1.get_variable(
        "w", [2, 1], initializer=v1.ones_initializer(), regularizer=lambda w: 0.5 * tf.reduce_sum(tf.square(w))
    )
    mean = v1.get_variable("mean", [], initializer=v1.zeros_initializer(), trainable=False)
    y = tf.matmul(x, w)
    if is_training:
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign(mean, tf.reduce_mean(y)))
    hub.add_signature(inputs=x, outputs={"default": y, "mean": mean + 0.0})


def updates_of_two_signatures():
    """Signatures "a" and "b", each with an update op and a loss that depend on its input, and a shared counter."""
    for name in "ab":
        x = v1.placeholder(tf.float32, [], f"x_{name}")
        seen = v1.get_variable(f"seen_{name}", initializer=0.0, trainable=False)
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign(seen, x))
        v1.add_to_collection(v1.GraphKeys.REGULARIZATION_LOSSES, tf.square(x))
        hub.add_signature(name, inputs=x, outputs=x + 0.0)


def word_index(vocabulary):
    """Words -> their lines in a file, -1 for others."""

    def module_fn():
        words = v1.placeholder(tf.string, [None], "words")
        hub.add_signature(inputs=words, outputs=vocabulary_table(str(vocabulary)).lookup(words))

    return module_fn


def squares():
    """Signatures for a sparse and a ragged tensor: the values squared."""
    sparse = v1.sparse_placeholder(tf.int64, name="sparse")
    squared = tf.SparseTensor(sparse.indices, sparse.values * sparse.values, sparse.dense_shape)
    hub.add_signature("sparse", inputs=sparse, outputs=squared)
    ragged = v1.ragged.placeholder(tf.int64, 1, [], "ragged")
    hub.add_signature("ragged", inputs=ragged, outputs=ragged.with_values(ragged.values * ragged.values))


def relu_by_cond():
    """max(x, 0), by a cond within a cond."""
    x = v1.placeholder(tf.float32, [], "x")
    small = lambda: tf.cond(x < 3.0, lambda: tf.identity(x), lambda: x * 1.0)  # noqa: E731
    hub.add_signature(inputs=x, outputs=tf.cond(x > 0.0, small, lambda: tf.constant(0.0)))


def power_by_while():
    """x ** n, by a while loop."""
    x, n = v1.placeholder(tf.float32, [], "x"), v1.placeholder(tf.int32, [], "n")
    power = tf.while_loop(lambda i, _: i < n, lambda i, p: (i + 1, p * x), [tf.constant(0), tf.constant(1.0)])[1]
    hub.add_signature(inputs={"x": x, "n": n}, outputs=power)


@contextlib.contextmanager
def v1_control_flow():
    """Build `tf.cond` and `tf.while_loop` with the ops of TF1, as in modules that TF1 wrote."""
    enabled = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        yield
    finally:
        if enabled:
            v1.enable_control_flow_v2()


def scaled_by_v1_cond():
    """x * w if 0 < x < 3, x if 3 <= x, else 0; w = 3."""
    x = v1.placeholder(tf.float32, [], "x")
    w = v1.get_variable("w", initializer=3.0)
    with v1_control_flow():
        small = lambda: tf.cond(x < 3.0, lambda: w * x, lambda: x * 1.0)  # noqa: E731
        hub.add_signature(inputs=x, outputs=tf.cond(x > 0.0, small, lambda: tf.constant(0.0)))


def power_by_v1_while():
    """(x * w) ** 3, w = 3."""
    x = v1.placeholder(tf.float32, [], "x")
    w = v1.get_variable("w", initializer=3.0)
    with v1_control_flow():
        start = [tf.constant(0), tf.constant(1.0)]
        hub.add_signature(
            inputs=x, outputs=tf.while_loop(lambda i, _: i < 3, lambda i, p: (i + 1, p * x * w), start)[1]
        )


def power_by_v1_cond_in_while():
    """(x * w) ** 3, w = 3, with a cond in the loop that multiplies only while the result is below a million."""
    x = v1.placeholder(tf.float32, [], "x")
    w = v1.get_variable("w", initializer=3.0)
    with v1_control_flow():
        step = lambda i, p: (i + 1, tf.cond(p < 1e6, lambda: p * x * w, lambda: p))  # noqa: E731
        start = [tf.constant(0), tf.constant(1.0)]
        hub.add_signature(inputs=x, outputs=tf.while_loop(lambda i, _: i < 3, step, start)[1])


def assigned_in_v1_cond():
    """x + n, after n is increased by one if x > 0; n = 0."""
    x = v1.placeholder(tf.float32, [], "x")
    n = v1.get_variable("n", initializer=0.0, use_resource=True)
    with v1_control_flow():
        after = tf.cond(x > 0.0, lambda: v1.assign_add(n, 1.0), n.read_value)
    hub.add_signature(inputs=x, outputs=x + after)


def deep(levels):
    """x + 1 + 1 + ..., deeper than Python's stack."""

    def module_fn():
        x = y = v1.placeholder(tf.float32, [], "x")
        for _ in range(levels):
            y = y + 1.0
        hub.add_signature(inputs=x, outputs=y)

    return module_fn
