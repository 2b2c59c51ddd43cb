"""The layer in a TF1 graph and session, as in programs for TensorFlow 1.15."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import NotTrainable


def _restored(weight):
    """The restored variable of a weight, which Keras 3 wraps."""
    value = getattr(weight, "value", None)
    return value if isinstance(value, tf.Variable) else weight


def test_a_layer_in_a_graph_computes_its_outputs_in_a_session(reusable_model, x, y):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        layer = hub.KerasLayer(reusable_model)
        features = tf.compat.v1.placeholder(tf.float32, [None, 3])
        outputs = layer(features)
        assert outputs.shape.as_list() == [None, 2]
        session.run(tf.compat.v1.global_variables_initializer())
        np.testing.assert_allclose(session.run(outputs, {features: x}), y, rtol=1e-6)


def test_a_layer_is_trained_by_an_optimizer_of_tf1(reusable_model, x):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        layer = hub.KerasLayer(reusable_model, trainable=True)
        outputs = layer(tf.constant(x), training=True)
        loss = tf.reduce_mean(outputs**2) + tf.add_n(layer.losses)
        variables = [_restored(weight) for weight in layer.trainable_weights]
        step = tf.compat.v1.train.GradientDescentOptimizer(0.01).minimize(loss, var_list=variables)
        session.run(tf.compat.v1.global_variables_initializer())
        first = session.run(loss)
        for _ in range(5):
            session.run(step)
        assert session.run(loss) < first


def test_a_text_layer_needs_its_tables_initialised(text_model):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        outputs = hub.KerasLayer(text_model)(tf.constant(["good", "bad"]))
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        np.testing.assert_allclose(session.run(outputs), [[0, 1, 2, 3], [4, 5, 6, 7]])


@pytest.fixture(scope="module")
def similar_names(export):
    """Path of y = x * kernel * kernel_1 + bias: a graph gives such names when it makes others unique."""

    class SimilarNames(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable([2.0], name="kernel")
            self.second = tf.Variable([3.0], name="kernel_1")
            self.bias = tf.Variable([0.0], name="bias")
            self.variables = self.trainable_variables = [self.kernel, self.second, self.bias]

        @tf.function(input_signature=[tf.TensorSpec([None, 1])])
        def __call__(self, x):
            return x * self.kernel * self.second + self.bias

    return export(SimilarNames())


@pytest.mark.parametrize(
    ("select", "config", "values"),
    [
        ("kernel", "kernel", [2.0]),
        ("kernel_1:0", "kernel_1:0", [3.0]),
        (re.compile("kernel$"), "kernel$", [2.0]),
        ("^(kernel_1|bias)$", "^(kernel_1|bias)$", [3.0, 0.0]),
        (["kernel", "bias"], ["kernel", "bias"], [2.0, 0.0]),
        (lambda variable: variable.name == "kernel_1:0", ["kernel_1"], [3.0]),
    ],
    ids=["name", "name with :0", "compiled", "expression", "list", "predicate"],
)
def test_trainable_names_variables_as_the_model_does(similar_names, select, config, values):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        layers = [hub.KerasLayer(similar_names, trainable=select) for _ in range(2)]
        with tf.compat.v1.name_scope("tower"):
            layers.append(hub.KerasLayer(similar_names, trainable=select))
        session.run(tf.compat.v1.global_variables_initializer())
        for layer in layers:
            trained = [session.run(_restored(weight)) for weight in layer.trainable_weights]
            assert [value.tolist() for value in trained] == [[value] for value in values]
            assert layer.get_config()["trainable"] == config


def test_names_that_exist_only_in_a_graph_are_refused(similar_names):
    with tf.Graph().as_default():
        hub.KerasLayer(similar_names)
        with pytest.raises(NotTrainable, match="They are: kernel, kernel_1, bias$"):
            hub.KerasLayer(similar_names, trainable="kernel_2")


def test_names_do_not_contain_the_name_scope_of_eager_mode(similar_names):
    with tf.name_scope("tower"):
        layer = hub.KerasLayer(similar_names, trainable=["kernel"])
        by_pattern = hub.KerasLayer(similar_names, trainable=lambda variable: variable.name.startswith("kernel"))
    assert layer.get_config()["trainable"] == ["kernel"]
    assert [weight.numpy() for weight in by_pattern.trainable_weights] == [2.0, 3.0]


def test_keras_initializes_all_variables_of_a_model(keras, reusable_model, x, tmp_path, needs_keras_2):
    with tf.Graph().as_default():
        model = keras.Sequential([keras.layers.Input((3,)), hub.KerasLayer(reusable_model, trainable=True)])
        model.compile(keras.optimizers.legacy.SGD(0.1) if hasattr(keras.optimizers, "legacy") else "sgd", "mse")
        model.fit(x, np.zeros((3, 2), np.float32), verbose=0)
        model.save_weights(str(tmp_path / "weights"), save_format="tf")
    saved = dict(tf.train.list_variables(str(tmp_path / "weights")))
    assert [name for name in saved if "save_counter" in name]
