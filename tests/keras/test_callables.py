"""Layers made from Python callables and objects instead of handles, and arguments that exclude each other."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub


def test_a_python_function_is_a_layer(keras):
    layer = hub.KerasLayer(lambda inputs: inputs * 2.0)
    np.testing.assert_allclose(layer(np.array([1.0, 2.0], np.float32)), [2.0, 4.0])
    inputs = keras.layers.Input((3,))
    assert keras.Model(inputs, layer(inputs)).predict(np.ones((2, 3), np.float32), verbose=0).shape == (2, 3)


def test_a_callable_gets_the_training_mode_if_it_takes_one():
    modes = []

    def positional(inputs, training=None):
        modes.append(training)
        return inputs

    class KeywordOnly:
        def __call__(self, inputs, *, training):
            modes.append(training)
            return inputs

    x = np.ones((1,), np.float32)
    for function in (positional, KeywordOnly()):
        for trainable, training in ((True, True), (True, False), (False, True), (True, None)):
            hub.KerasLayer(function, trainable=trainable)(x, training=training)
    assert modes == [True, False, False, False] * 2
    hub.KerasLayer(lambda inputs: inputs, trainable=True)(x, training=True)


def test_an_object_in_this_process_needs_no_saving(keras, x):
    class Scale(tf.train.Checkpoint):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(3.0)
            self.variables = self.trainable_variables = [self.scale]
            self.regularization_losses = [lambda: self.scale * 0.5]

    model = Scale()
    model.__call__ = tf.function(lambda inputs: inputs * model.scale)  # an attribute of the object alone
    layer = hub.KerasLayer(model, trainable=True)
    np.testing.assert_allclose(layer(x), 3.0 * x)
    np.testing.assert_allclose(layer.losses, [1.5])
    assert layer.resolved_object is model
    trainer = keras.Sequential([layer])
    trainer.compile(keras.optimizers.SGD(0.1), "mse")
    trainer.fit(x, np.zeros_like(x), verbose=0)
    assert model.scale.numpy() < 3.0


def test_a_signature_is_a_callable_too(reusable_model, x, y):
    signature = hub.load(reusable_model).signatures["serving_default"]
    np.testing.assert_allclose(hub.KerasLayer(signature, output_key="y")({"x": x}), y, rtol=1e-6)


def test_a_callable_excludes_tags_and_load_options():
    with pytest.raises(ValueError, match="callable handle is mutually exclusive with setting tags"):
        hub.KerasLayer(lambda inputs: inputs, tags=["serve"])
    with pytest.raises(ValueError, match="callable handle is mutually exclusive with setting load_options"):
        hub.KerasLayer(lambda inputs: inputs, load_options=object())


def test_a_value_that_is_neither_handle_nor_callable_is_refused():
    with pytest.raises(ValueError, match="Expected a string, got"):
        hub.KerasLayer(3)


def test_load_options_reach_the_loader(reusable_model, x, y):
    if not hasattr(tf.saved_model, "LoadOptions"):
        pytest.skip("LoadOptions came with TensorFlow 2.3")
    options = tf.saved_model.LoadOptions(experimental_io_device="/job:localhost")
    np.testing.assert_allclose(hub.KerasLayer(reusable_model, load_options=options)(x), y)
