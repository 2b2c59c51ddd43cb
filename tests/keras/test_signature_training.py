"""Signatures of TF2 objects can be trained: the variables that they use, in their only mode."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import NotTrainable


@pytest.fixture(scope="module")
def saved_keras_model(tmp_path_factory, keras):
    """A model of Keras, and the path that `tf.saved_model.save` wrote it to: [batch, 3] -> [batch, 2]."""
    # Outputs that happen to be near zero would differ by more in the last digit.
    seeded = keras.initializers.RandomUniform(-1.0, 1.0, seed=1)
    model = keras.Sequential(
        [
            keras.layers.Input((3,)),
            keras.layers.Dense(4, activation="tanh", kernel_initializer=seeded),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2, kernel_initializer=seeded),
        ]
    )
    path = str(tmp_path_factory.mktemp("keras_model"))
    tf.saved_model.save(model, path)
    return model, path


def _names(variables):
    return sorted(variable.name.split("/")[-1].split(":")[0] for variable in variables)


@pytest.mark.usefixtures("needs_keras_3")
def test_training_a_model_of_keras_3_matches_tfsm_layer(keras, saved_keras_model, x):
    original, path = saved_keras_model
    layer = hub.KerasLayer(path, trainable=True)
    reference = keras.layers.TFSMLayer(path, call_endpoint="serving_default", trainable=True)
    np.testing.assert_allclose(layer(x), original(x), rtol=1e-6)
    assert len(layer.trainable_weights) == len(reference.trainable_weights) == 6
    assert len(layer.non_trainable_weights) == len(reference.non_trainable_weights) == 2
    losses = []
    for trained, pick in ((layer, lambda outputs: outputs), (reference, lambda outputs: outputs["output_0"])):
        inputs = keras.layers.Input((3,))
        model = keras.Model(inputs, pick(trained(inputs)))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        losses.append(model.fit(x, np.ones((3, 2)), epochs=3, verbose=0).history["loss"])
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_a_signature_trains_the_variables_that_it_uses(keras, export, caplog):
    model = tf.train.Checkpoint()
    model.used, model.frozen = tf.Variable(2.0, name="used"), tf.Variable(1.0, name="frozen", trainable=False)
    model.other = tf.Variable(3.0, name="other")
    model.variables = [model.other, model.used, model.frozen]
    model.trainable_variables = [model.other, model.used]
    model.__call__ = tf.function(lambda x: x * model.used * model.other, [tf.TensorSpec([None, 1])], autograph=False)
    scale = tf.function(
        lambda x: {"y": x * model.used + model.frozen}, [tf.TensorSpec([None, 1], name="x")], autograph=False
    )
    path = export(model, signatures={"scale": scale})
    layer = hub.KerasLayer(path, signature="scale", output_key="y", trainable=True)
    assert _names(layer.trainable_weights) == ["used"]
    assert _names(layer.weights) == ["frozen", "other", "used"]
    classifier = keras.Sequential([layer])
    classifier.compile(keras.optimizers.SGD(0.1), "mse")
    with caplog.at_level(logging.WARNING, "rehub"):
        classifier.fit(np.ones((4, 1), np.float32), np.zeros((4, 1), np.float32), batch_size=2, verbose=0)
    warnings = [record for record in caplog.records if "no training mode" in record.getMessage()]
    assert len(warnings) == 1
    assert layer.resolved_object.used.numpy() < 2.0
    assert layer.resolved_object.other.numpy() == 3.0
    layer.trainable = False
    assert not layer.trainable_weights


def test_a_signature_of_a_graph_of_tf1_is_not_trained(tmp_path, x):
    v1 = tf.compat.v1
    path = str(tmp_path / "v1")
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = v1.placeholder(tf.float32, [None, 3])
        kernel = v1.get_variable("kernel", [3, 2], use_resource=True)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, path, {"x": inputs}, {"y": tf.matmul(inputs, kernel)})
    layer = hub.KerasLayer(path, signature="serving_default", output_key="y", trainable=True)
    with pytest.raises(NotTrainable, match="unsupported when calling a SavedModel signature.*hub.convert"):
        layer(x)
