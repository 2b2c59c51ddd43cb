"""Training in an older TensorFlow follows that of the one that wrote the model: tests/data/newer_models records it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from newer_models import FILES, extract, name_file

import rehub as hub
from rehub import tf_internals

pytestmark = pytest.mark.skipif(
    not FILES or tf.__version__ >= "2", reason="the recorded training is repeated in the tf.keras of TensorFlow 1.15"
)


def make_layer_model(path):
    layer = hub.KerasLayer(path, trainable=True, input_shape=[4])
    model = tf.keras.Sequential([layer])
    model.compile(tf.keras.optimizers.SGD(0.5), "mse")
    return model


@pytest.mark.parametrize("file", FILES, ids=name_file)
def test_fit_follows_the_newer_tensorflow(file, tmp_path):
    path, recorded = extract_trained(file, tmp_path)
    model = make_layer_model(path)
    history = model.fit(recorded["x"], recorded["target"], epochs=10, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], recorded["losses"], rtol=1e-5)
    np.testing.assert_allclose(model.predict(recorded["x"]), recorded["prediction"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("file", FILES[:1], ids=name_file)
def test_an_estimator_follows_the_newer_tensorflow(file, tmp_path):
    path, recorded = extract_trained(file, tmp_path)

    def model_fn(features, labels, mode):
        layer = hub.KerasLayer(path, trainable=True)
        outputs = layer(features, training=mode == tf.estimator.ModeKeys.TRAIN)
        if mode == tf.estimator.ModeKeys.PREDICT:
            return tf.estimator.EstimatorSpec(mode, predictions=outputs)
        loss = tf.reduce_mean((outputs - labels) ** 2) + tf.add_n(layer.losses)
        step = tf.compat.v1.train.get_global_step()
        train_op = tf.compat.v1.train.GradientDescentOptimizer(0.5).minimize(loss, step, layer.trainable_weights)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=tf.group(train_op, *layer.updates))

    def read_inputs():
        return tf.data.Dataset.from_tensors((recorded["x"], recorded["target"])).repeat()

    estimator = tf.estimator.Estimator(model_fn, str(tmp_path / "training"))
    estimator.train(read_inputs, steps=10)
    prediction = list(estimator.predict(lambda: tf.data.Dataset.from_tensors(recorded["x"])))
    np.testing.assert_allclose(np.array(prediction), recorded["prediction"], rtol=1e-5, atol=1e-5)


def extract_trained(file, directory):
    """Extracts the trained model; returns its path and what was recorded."""
    path, inputs, _ = extract(file, "trained", directory)
    return path, inputs


def test_nested_calls_without_named_gradients_are_trained(tmp_path):
    """Save nested functions as TensorFlow from 2.4 on does: calls do not name their gradients."""
    module = tf.Module()
    module.weight = tf.Variable([1.0, 2.0])
    signature = [tf.TensorSpec([None, 2])]
    inner = tf.function(lambda x: tf.tanh(x * module.weight), input_signature=signature)
    middle = tf.function(lambda x: 2.0 * inner(x), input_signature=signature)
    module.f = tf.function(lambda x: 3.0 * middle(x), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path))
    file = tmp_path / "saved_model.pb"
    model = tf_internals.protos.parse_message("SavedModel", file.read_bytes())
    model.meta_graphs[0].meta_info_def.tensorflow_version = "2.4.0"
    for function in model.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            node.attr.pop("_gradient_op_type", None)
    file.write_bytes(model.SerializeToString())
    loaded = hub.load(str(tmp_path))
    x = tf.constant([[0.1, 0.2]])
    with tf.GradientTape() as tape:
        output = loaded.f(x)
    (gradient,) = tape.gradient(output, [loaded.weight])
    np.testing.assert_allclose(gradient, 6 * x[0] * (1 - np.tanh([0.1, 0.4]) ** 2), rtol=1e-5)
