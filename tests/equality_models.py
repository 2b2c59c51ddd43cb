"""Models of every kind, made with the installed TensorFlow and Keras, to compare the loaders on."""

from __future__ import annotations

import collections
import importlib.util
import warnings

import numpy as np
import saved_models
import tensorflow as tf
from effort import scaled
from model_cache import saved_once

HAS_KERAS_2 = importlib.util.find_spec("tf_keras") is not None or tf.__version__.startswith("2.15")
IS_215 = tf.__version__.startswith("2.15")
FLOATS = tf.TensorSpec([None, 3], tf.float32)


@tf.custom_gradient
def doubled_gradient(x):
    def gradient(upstream):
        return 2.0 * upstream * tf.cos(x)

    return tf.sin(x), gradient


class Kitchen(tf.Module):
    """Many features in one module: nested modules, shared variables, control flow, custom gradients, several traces."""

    def __init__(self):
        super().__init__(name="kitchen")
        self.weight = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="weight")
        self.same = self.weight
        self.count = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.half = tf.Variable([1.5, 2.5], dtype=tf.bfloat16, name="half")
        self.small = tf.Variable([1, -2], dtype=tf.int8)
        self.flag = tf.Variable(
            True,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.words = tf.Variable(["a", "bc"])
        self.parts = {"first": tf.Module(), "list": [tf.Variable(7.0), tf.Variable(8.0)]}
        self.parts["first"].inner = tf.Variable([0.5])
        self.constant = tf.constant([10.0, 20.0])

    @tf.function
    def __call__(self, x, training=False, scale=None):
        y = tf.matmul(doubled_gradient(x), self.weight) + self.constant
        if scale is not None:
            y *= scale
        if training:
            self.count.assign_add(1)
            y *= self.parts["list"][0]
        return {"y": y, "half": tf.cast(self.half, tf.float32)}

    @tf.function(input_signature=[FLOATS])
    def power(self, x):
        # TensorFlow has no gradients for a restored loop that reads a variable, or has a custom gradient within a cond.
        total, inner, doubled = tf.zeros_like(x), self.parts["first"].inner.read_value(), doubled_gradient(x)
        for i in tf.range(3):
            if tf.reduce_sum(x) > 0:
                total += doubled * tf.cast(i, tf.float32)
            else:
                total -= x * inner
        return self.helper(total)

    @tf.function
    def helper(self, x):
        return x * x

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.float32)])
    def ragged(self, x):
        return tf.reduce_sum(x, axis=1), x * 2.0

    @tf.function(input_signature=[tf.SparseTensorSpec([None, 3], tf.float32)])
    def sparse(self, x):
        return tf.sparse.sparse_dense_matmul(x, self.weight)

    @tf.function(input_signature=[{"a": FLOATS, "b": [FLOATS, FLOATS]}])
    def nested(self, inputs):
        return (inputs["a"] + inputs["b"][0], [inputs["b"][1]])


@saved_once
def save_kitchen(path):
    model = Kitchen()
    x = tf.ones([2, 3])
    model(x)
    model(x, training=True)
    model(x, scale=tf.constant(2.0))
    model.count.assign(0)
    signatures = {"power": model.power, "call": model.__call__.get_concrete_function(FLOATS)}
    tf.saved_model.save(model, path, signatures)


def save_lookup(path):
    saved_models.save_lookup(path)


@saved_once
def save_mutable_table(path):
    model = tf.Module()
    model.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    model.table.insert(tf.constant(["a", "b"]), tf.constant([5, 6], tf.int64))
    model.v = tf.Variable(3.0)
    model.find = tf.function(model.table.lookup, [tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(model, path)


@saved_once
def save_checkpoint(path):
    model = tf.train.Checkpoint(v=tf.Variable([2.0, 3.0]))
    model.f = tf.function(lambda x: x * model.v, [tf.TensorSpec([None, 2], tf.float32)])
    tf.saved_model.save(model, path)


@saved_once
def save_no_variables(path):
    model = tf.Module()
    model.f = tf.function(lambda x: x + 1.0, [tf.TensorSpec([None, 2], tf.float32)])
    tf.saved_model.save(model, path)


@saved_once
def save_keras(path):
    keras = tf.keras
    model = keras.Sequential(
        [
            keras.layers.Input([3]),
            keras.layers.Dense(4, "swish"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, kernel_regularizer="l2"),
        ]
    )
    model.compile(keras.optimizers.Adam(), "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of Keras, about itself.
        model.fit(np.ones([4, 3], np.float32), np.ones([4, 2], np.float32), verbose=0)
        if hasattr(model, "save_spec"):
            model.save(path, save_format="tf")
        else:
            model.export(path, verbose=False)


@saved_once
def save_dtypes(path):
    """Variables of every type and of odd shapes."""
    model = tf.Module()
    model.numbers = [
        tf.Variable(tf.cast([[0, 1, 2], [3, 4, 5]], dtype), name=dtype.name)
        for dtype in (
            tf.float16, tf.float32, tf.float64, tf.bfloat16, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16,
            tf.uint32, tf.uint64, tf.complex64, tf.complex128, tf.bool,
        )
    ]  # fmt: skip
    model.text = tf.Variable([["a", ""], ["bc", "d\0e"]])
    model.none = tf.Variable(tf.zeros([0, 3]))
    model.scalar = tf.Variable(7)
    model.any_shape = tf.Variable([1.0, 2.0], shape=tf.TensorShape(None))
    model.any_length = tf.Variable([[1.0, 2.0]], shape=tf.TensorShape([None, 2]), trainable=False)
    model.total = tf.function(
        lambda x: {
            "sum": x + tf.reduce_sum([tf.reduce_sum(tf.cast(tf.math.real(v), tf.float32)) for v in model.numbers[:-1]]),
            "text": tf.strings.join([model.text, model.text]),
            "shape": tf.shape(model.any_shape) + tf.shape(model.any_length)[:1],
            "none": tf.concat([model.none, tf.ones([1, 3])], 0),
        },
        [tf.TensorSpec([], tf.float32)],
    )
    tf.saved_model.save(model, path, model.total)


Pair = collections.namedtuple("Pair", ["left", "right"])


@saved_once
def save_collections(path):
    """Lists, tuples and dicts of variables, modules, functions, each other and nothing; shared and circular."""
    model = tf.Module()
    with tf.name_scope("scope"):
        model.v = tf.Variable(1.0, name="v")
    model.w = tf.Variable(2.0)
    inner = tf.Module()
    inner.back = model
    inner.shared = [model.v, model.w]
    model.list = [model.v, [model.w, []], inner, {"v": model.v}, (model.w, inner)]
    model.mixed = [1, model.v, "text", None]
    model.pair = Pair(model.v, [model.w])
    model.again = inner.shared
    model.dict = {"a": [model.v], "b": {"c": model.w}}
    model.functions = [tf.function(lambda x: x + model.v, [tf.TensorSpec([], tf.float32)])]
    model.empty = tf.Module()
    model.f = tf.function(lambda x: x * model.v + model.w, [tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(model, path, model.f)


@saved_once
def save_tables(path):
    """Tables of several kinds, one of them used by two functions, and a list of resources."""
    model = tf.Module()
    keys, values = tf.constant(["a", "b"]), tf.constant([3, 4], tf.int64)
    model.static = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
    model.dense = tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, -2, -3)
    model.dense.insert(tf.constant([7], tf.int64), tf.constant([8], tf.int64))
    model.find = tf.function(model.static.lookup, [tf.TensorSpec([None], tf.string)])
    model.find_twice = tf.function(
        lambda x: model.dense.lookup(model.static.lookup(x)), [tf.TensorSpec([None], tf.string)]
    )
    model.size = tf.function(lambda: (model.static.size(), model.dense.size()), [])
    tf.saved_model.save(model, path, {"find": model.find, "find_twice": model.find_twice})


@saved_once
def save_nested_functions(path):
    """Functions that call functions, in branches and loops, that change variables and return nothing."""
    model = tf.Module()
    model.v = tf.Variable([1.0, 2.0])
    model.seen = tf.Variable(0, trainable=False)

    @tf.function
    def innermost(x):
        return tf.nn.relu(x) * model.v

    @tf.function
    def inner(x):
        return innermost(x) + innermost(-x)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32), tf.TensorSpec([], tf.int32)])
    def outer(x, steps):
        for _ in tf.range(steps):
            x = tf.cond(tf.reduce_sum(x) > 3.0, lambda x=x: inner(x) * 0.5, lambda x=x: x + innermost(x))
            model.seen.assign_add(1)
        return tf.switch_case(steps, [lambda: x, lambda: inner(x)], default=lambda: -x)

    @tf.function(input_signature=[])
    def count():
        model.seen.assign_add(10)

    model.outer, model.count = outer, count
    tf.saved_model.save(model, path, {"outer": outer})


@saved_once
def save_many_functions(path):
    """With REHUB_TEST_EFFORT=1 more than 1,000 functions, which is the deepest that Python recurses."""
    model = tf.Module()
    model.v = tf.Variable(2.0)
    for number in range(scaled(510)):
        function = tf.function(lambda x, number=number: x * model.v + float(number), [tf.TensorSpec([], tf.float32)])
        setattr(model, f"f{number}", function)
    tf.saved_model.save(model, path, model.f7)


@saved_once
def save_optimizer(path):
    """An optimizer of Keras 2 with the slots that it keeps for each variable."""
    from tf_keras.optimizers import legacy

    v = tf.Variable([1.0, 2.0])
    model = tf.train.Checkpoint(v=v, optimizer=legacy.Adam(0.1))
    for _ in range(2):
        model.optimizer.minimize(lambda: tf.reduce_sum(v * v), [v])
    model.f = tf.function(lambda x: x * v, [tf.TensorSpec([2], tf.float32)])
    tf.saved_model.save(model, path, model.f)


MODELS = {
    "kitchen": save_kitchen,
    "lookup": save_lookup,
    "mutable_table": save_mutable_table,
    "checkpoint": save_checkpoint,
    "no_variables": save_no_variables,
    "keras": save_keras,
    "dtypes": save_dtypes,
    "collections": save_collections,
    "tables": save_tables,
    "nested_functions": save_nested_functions,
    "many_functions": save_many_functions,
}
if importlib.util.find_spec("tf_keras") is not None and not IS_215:
    # In 2.15 TensorFlow's loader breaks Keras 2 for the tests after this: see test_optimizer.py.
    MODELS["optimizer"] = save_optimizer
