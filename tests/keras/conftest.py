"""The Keras in use, and models to make layers of: exported once for all tests, by plain TensorFlow."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="KerasLayer needs TensorFlow")
if tf.__version__.startswith("1."):
    tf.compat.v1.enable_v2_behavior()


@pytest.fixture(scope="session")
def keras():
    """The Keras that `hub.KerasLayer` makes layers for in this environment."""
    return tf.keras


@pytest.fixture(scope="session")
def is_keras_3(keras):
    return keras.layers.Layer.__module__.startswith("keras.") and hasattr(keras, "KerasTensor")


@pytest.fixture
def needs_keras_files(keras):
    """For tests of the `.keras` format, which came with Keras 2.12."""
    if tf.__version__.startswith("1."):
        pytest.skip("the tf.keras of TensorFlow 1.15 has no .keras files")


@pytest.fixture
def needs_keras_3(is_keras_3):
    if not is_keras_3:
        pytest.skip("the feature is one of Keras 3")


@pytest.fixture
def needs_keras_2(is_keras_3):
    if is_keras_3:
        pytest.skip("the feature is one of Keras 2")


class _ReusableModel(tf.train.Checkpoint):
    """y = normalise(x) @ kernel + bias, with moving statistics and an L2 loss: the Reusable SavedModel interface."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="head/kernel")
        self.bias = tf.Variable([0.5, -0.5], name="head/bias")
        self.mean = tf.Variable([0.0, 0.0, 0.0], name="norm/mean", trainable=False)
        self.variables = [self.kernel, self.bias, self.mean]
        self.trainable_variables = [self.kernel, self.bias]
        self.regularization_losses = [tf.function(self._l2, input_signature=[])]

    def _l2(self):
        return 0.01 * tf.reduce_sum(self.kernel**2)

    @tf.function
    def __call__(self, inputs, training=False):
        mean = self.mean
        if training:
            mean = tf.reduce_mean(inputs, axis=0)
            self.mean.assign(0.9 * self.mean + 0.1 * mean)
        return tf.matmul(inputs - mean, self.kernel) + self.bias


@pytest.fixture(scope="session")
def export(tmp_path_factory):
    """`export(obj, **arguments of tf.saved_model.save)` writes a SavedModel and returns its path."""

    def write(obj, **arguments):
        path = str(tmp_path_factory.mktemp("model"))
        tf.saved_model.save(obj, path, **arguments)
        return path

    return write


@pytest.fixture(scope="session")
def reusable_model(export):
    """Path of a Reusable SavedModel, [batch, 3] float32 -> [batch, 2] float32, both training modes traced."""
    model = _ReusableModel()
    for training in (False, True):
        model.__call__.get_concrete_function(tf.TensorSpec([None, 3], tf.float32), training=training)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def serve(x):
        y = model(x, training=False)
        return {"y": y, "twice": 2.0 * y}

    return export(model, signatures={"serving_default": serve})


@pytest.fixture(scope="session")
def text_model(export, tmp_path_factory):
    """Path of a text embedding: [batch] strings -> [batch, 4], with a vocabulary table and a trainable embedding."""
    vocabulary = tmp_path_factory.mktemp("vocabulary") / "tokens.txt"
    vocabulary.write_text("good\nbad\n")

    class TextEmbedding(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            initializer = tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticVocabularyTable(initializer, num_oov_buckets=1)
            self.embeddings = tf.Variable(np.arange(12, dtype=np.float32).reshape(3, 4), name="embeddings")
            self.variables = self.trainable_variables = [self.embeddings]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, sentences):
            words = tf.strings.split(sentences)
            words = words if isinstance(words, tf.RaggedTensor) else tf.RaggedTensor.from_sparse(words)
            ids = tf.RaggedTensor.from_row_splits(self.table.lookup(words.values), words.row_splits)
            vectors = tf.gather(self.embeddings, ids.values)
            totals = tf.math.segment_sum(vectors, ids.value_rowids())
            return tf.reshape(totals, [-1, 4])

    return export(TextEmbedding())


@pytest.fixture(scope="session")
def dict_model(export):
    """Path of an encoder: a dict of token ids and mask -> a dict with `default` and `sequence`."""

    class Encoder(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            self.table = tf.Variable(np.eye(5, dtype=np.float32), name="table")
            self.variables = self.trainable_variables = [self.table]

        @tf.function(
            input_signature=[{"ids": tf.TensorSpec([None, 4], tf.int32), "mask": tf.TensorSpec([None, 4], tf.float32)}]
        )
        def __call__(self, inputs):
            sequence = tf.gather(self.table, inputs["ids"]) * inputs["mask"][:, :, tf.newaxis]
            return {"default": tf.reduce_sum(sequence, axis=1), "sequence": sequence}

    return export(Encoder())


@pytest.fixture(scope="session")
def scaled_model(export):
    """Path of y = a * x + b with the hyperparameters a and b."""

    class Scaled(tf.train.Checkpoint):
        @tf.function(
            input_signature=[tf.TensorSpec([None, 1]), tf.TensorSpec([], name="a"), tf.TensorSpec([], name="b")]
        )
        def __call__(self, x, a=1.0, b=0.0):
            return a * x + b

    return export(Scaled())


@pytest.fixture(scope="session")
def bare_model(export):
    """Path of a SavedModel whose root has a `__call__`, but neither `variables` nor `trainable_variables`."""

    class Bare(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(2.0, name="scale")
            self.offset = tf.Variable(1.0, name="offset", trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def __call__(self, x):
            return x * self.scale + self.offset

    return export(Bare())


@pytest.fixture(scope="session")
def keras_3_export(tmp_path_factory, is_keras_3, keras):
    """Path of what `keras_model.export()` of Keras 3 writes: [batch, 3] -> [batch, 2]."""
    if not is_keras_3:
        pytest.skip("only Keras 3 writes such exports")
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])
    path = str(tmp_path_factory.mktemp("keras_3_export"))
    model.export(path, verbose=False)
    return path


@pytest.fixture
def x():
    """Three examples for `reusable_model`."""
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]], dtype=np.float32)


@pytest.fixture
def y(x):
    """What `reusable_model` makes of `x` before any training."""
    return x @ np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32) + np.float32([0.5, -0.5])


@pytest.fixture
def legacy_module():
    """Path of a legacy module with a table: [batch] strings -> [batch, features]."""
    return str(pathlib.Path(__file__).parent.parent / "data" / "legacy" / "text_embed")
