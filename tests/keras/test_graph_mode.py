"""The layer in a TF1 graph and session, where TensorFlow 1.15's users are."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import rehub as hub


def test_a_layer_in_a_graph_gives_its_outputs_in_a_session(reusable_model, x, y):  # P24, P28
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        layer = hub.KerasLayer(reusable_model)
        features = tf.compat.v1.placeholder(tf.float32, [None, 3])
        outputs = layer(features)
        assert outputs.shape.as_list() == [None, 2]
        session.run(tf.compat.v1.global_variables_initializer())
        np.testing.assert_allclose(session.run(outputs, {features: x}), y, rtol=1e-6)


def test_a_layer_is_trained_by_an_optimizer_of_tf1(reusable_model, x):  # P15, P24
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        layer = hub.KerasLayer(reusable_model, trainable=True)
        outputs = layer(tf.constant(x), training=True)
        loss = tf.reduce_mean(outputs**2) + tf.add_n(layer.losses)
        variables = [getattr(weight, "value", weight) for weight in layer.trainable_weights]
        variables = [
            v if isinstance(v, tf.Variable) else weight for v, weight in zip(variables, layer.trainable_weights)
        ]
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
