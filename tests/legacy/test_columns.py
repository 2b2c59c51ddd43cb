"""Feature columns that embed by a module, in functions of TF1, the layer of Keras 2 and Estimators."""

from __future__ import annotations

import module_fns
import numpy as np
import pytest
from saved_models import LEGACY, tf

import rehub as hub

pytestmark = pytest.mark.keras

v1 = tf.compat.v1

DenseFeatures = getattr(tf.keras.layers, "DenseFeatures", None)
needs_dense_features = pytest.mark.skipif(DenseFeatures is None, reason="Keras 3 has no DenseFeatures")
needs_estimator = pytest.mark.skipif(
    not hasattr(v1, "estimator"), reason="TensorFlow 2.16 and newer come without Estimator"
)


def length_and_one():
    """Texts -> [number of bytes * w, 1], w = 2."""
    texts = v1.placeholder(tf.string, [None])
    lengths = tf.cast(tf.strings.length(texts), tf.float32) * v1.get_variable("w", initializer=2.0)
    hub.add_signature(inputs=texts, outputs=tf.stack([lengths, tf.ones_like(lengths)], axis=1))


def sums_of_channels():
    """Images of 1 x 2 pixels -> the sums of their channels."""
    images = v1.placeholder(tf.float32, [None, 1, 2, 3])
    w = v1.get_variable("w", initializer=1.0)
    hub.add_signature(inputs={"images": images}, outputs=tf.reduce_sum(images, axis=[1, 2]) * w)


@pytest.fixture(scope="module")
def text():
    return hub.create_module_spec(length_and_one)


@pytest.fixture(scope="module")
def images():
    return hub.create_module_spec(sums_of_channels)


IMAGES = np.arange(12, dtype=np.float32).reshape(2, 1, 2, 3)


def test_a_text_column_has_the_embeddings_of_the_module(text, run):
    columns = [hub.text_embedding_column(key, text) for key in ("a", "b")]
    with tf.Graph().as_default():
        embedded = v1.feature_column.input_layer({"a": ["x", "yy"], "b": [["zzz"], [""]]}, columns)
        assert run(embedded).tolist() == [[2.0, 1.0, 6.0, 1.0], [4.0, 1.0, 0.0, 1.0]]
        assert not v1.trainable_variables()


def test_a_trainable_column_is_fine_tuned(text):
    with tf.Graph().as_default(), v1.Session() as session:
        column = hub.text_embedding_column("a", text, trainable=True)
        embedded = v1.feature_column.input_layer({"a": ["x"]}, [column])
        step = v1.train.GradientDescentOptimizer(0.25).minimize(tf.square(embedded[0, 0] - 5.0))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        for _ in range(20):
            session.run(step)
        np.testing.assert_allclose(session.run(embedded), [[5.0, 1.0]], rtol=1e-5)


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [
        ("mean", [[3.0, 1.0], [10.0, 1.0]]),
        ("sum", [[6.0, 2.0], [10.0, 1.0]]),
        ("sqrtn", [[4.242641, 1.414214], [10.0, 1.0]]),
    ],
)
def test_sparse_texts_are_combined(text, run, combiner, expected):
    column = hub.sparse_text_embedding_column("a", text, combiner, "empty")
    with tf.Graph().as_default():
        texts = tf.SparseTensor([[0, 0], [0, 2]], ["x", "yy"], [2, 3])
        np.testing.assert_allclose(run(v1.feature_column.input_layer({"a": texts}, [column])), expected, rtol=1e-6)


def test_an_image_column_has_the_features_of_the_module(images, run):
    column = hub.image_embedding_column("image", images)
    assert hub.get_expected_image_size(column.module_spec) == [1, 2]
    with tf.Graph().as_default():
        embedded = v1.feature_column.input_layer({"image": IMAGES}, [column])
        assert run(embedded).tolist() == [[3.0, 5.0, 7.0], [15.0, 17.0, 19.0]]


def test_a_column_has_a_spec_to_parse_examples(text, images):
    columns = [
        hub.text_embedding_column("text", text),
        hub.sparse_text_embedding_column("texts", text, "mean", None),
        hub.image_embedding_column("image", images),
        hub.image_embedding_column("large", images, image_size=[7, 9]),
    ]
    assert v1.feature_column.make_parse_example_spec(columns) == {
        "text": v1.FixedLenFeature([1], tf.string),
        "texts": v1.VarLenFeature(tf.string),
        "image": v1.FixedLenFeature([1, 2, 3], tf.float32),
        "large": v1.FixedLenFeature([7, 9, 3], tf.float32),
    }
    assert [column.parents for column in columns] == [["text"], ["texts"], ["image"], ["large"]]
    assert [column.variable_shape.as_list() for column in columns] == [[2], [2], [3], [3]]
    assert len(set(columns)) == 4


def test_a_column_of_a_handle_has_a_config(text):
    column = hub.text_embedding_column("text", str(LEGACY / "text_embed"), trainable=True)
    clone = type(column).from_config(column.get_config())
    assert clone == column and clone.module_spec.get_signature_names() == column.module_spec.get_signature_names()
    with pytest.raises(NotImplementedError, match="Make it from the handle"):
        hub.text_embedding_column("text", text).get_config()


def test_modules_that_are_not_embeddings_are_refused(text, images):
    with pytest.raises(ValueError, match="not a text-embedding.*only one input.*'default' must be float32"):
        hub.text_embedding_column("text", hub.create_module_spec(module_fns.two_in_two_out))
    with pytest.raises(ValueError, match="not a text-embedding"):
        hub.sparse_text_embedding_column("text", images, "mean", None)
    with pytest.raises(ValueError, match="not usable as image embedding.*single input 'images'"):
        hub.image_embedding_column("image", text)
    with pytest.raises(ValueError, match="combiner must be"):
        hub.sparse_text_embedding_column("text", text, "max", None)


@needs_dense_features
def test_a_layer_of_columns_applies_one_module_each_time(text, run):
    with tf.Graph().as_default():
        layer = DenseFeatures([hub.text_embedding_column("a", text, trainable=True)])
        first, second = layer({"a": ["x"]}), layer({"a": ["yy"]})
        assert len(v1.global_variables()) == len(v1.trainable_variables()) == 1
        assert [value.tolist() for value in run([first, second])] == [[[2.0, 1.0]], [[4.0, 1.0]]]


@needs_estimator
def test_an_estimator_learns_by_columns(text, images, tmp_path):
    features = {"text": np.array([["x"], ["yyyy"]]), "image": IMAGES}
    input_fn = v1.estimator.inputs.numpy_input_fn(features, np.array([[1], [0]]), shuffle=False, num_epochs=None)
    columns = [hub.text_embedding_column("text", text, trainable=True), hub.image_embedding_column("image", images)]
    estimator = v1.estimator.DNNClassifier([4], columns, model_dir=str(tmp_path))
    estimator.train(input_fn, steps=2)
    assert estimator.evaluate(input_fn, steps=1)["global_step"] == 2
    assert any("w" in name.rpartition("/")[2] for name in estimator.get_variable_names())
