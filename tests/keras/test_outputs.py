"""Outputs picked from signatures and dicts."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import SignatureNotFound


def _sizes(shape):
    return tuple(tf.TensorShape(shape).as_list())


def test_a_signature_returns_one_output_or_all(reusable_model, x, y):
    one = hub.KerasLayer(reusable_model, signature="serving_default", output_key="twice")
    np.testing.assert_allclose(one(x), 2 * y)
    everything = hub.KerasLayer(reusable_model, signature="serving_default", signature_outputs_as_dict=True)
    result = everything(x)
    assert set(result) == {"y", "twice"}
    np.testing.assert_allclose(everything({"x": x})["y"], y)


def test_a_signature_works_in_a_functional_model(keras, reusable_model, x, y):
    inputs = keras.layers.Input((3,))
    layer = hub.KerasLayer(reusable_model, signature="serving_default", output_key="y")
    outputs = layer(inputs)
    assert _sizes(outputs.shape) == (None, 2)
    np.testing.assert_allclose(keras.Model(inputs, outputs).predict(x, verbose=0), y, rtol=1e-6)


def test_errors_name_wrong_choices_of_outputs(reusable_model, dict_model, x):
    with pytest.raises(ValueError, match="either output_key or signature_outputs_as_dict=True should be set"):
        hub.KerasLayer(reusable_model, signature="serving_default")
    with pytest.raises(ValueError, match="either output_key or signature_outputs_as_dict=True should be set"):
        hub.KerasLayer(reusable_model, signature="serving_default", output_key="y", signature_outputs_as_dict=True)
    with pytest.raises(ValueError, match="only valid if specifying a signature"):
        hub.KerasLayer(reusable_model, signature_outputs_as_dict=True)
    with pytest.raises(SignatureNotFound, match="predict.*serving_default"):
        hub.KerasLayer(reusable_model, signature="predict", output_key="y")
    with pytest.raises(ValueError, match="output type .* is not a dict"):
        hub.KerasLayer(reusable_model, output_key="y")(x)
    layer = hub.KerasLayer(dict_model, output_key="pooled")
    with pytest.raises(ValueError, match="pooled.*'default', 'sequence'"):
        layer({"ids": np.zeros((1, 4), np.int32), "mask": np.zeros((1, 4), np.float32)})


class _OnlySignatures(tf.train.Checkpoint):
    @tf.function(input_signature=[tf.TensorSpec([None], name="x")])
    def double(self, x):
        return {"doubled": 2.0 * x}

    @tf.function(input_signature=[tf.TensorSpec([None], name="x")])
    def powers(self, x):
        return {"square": x * x, "cube": x * x * x}


def test_an_object_that_cannot_be_called_lists_its_signatures(export):
    model = _OnlySignatures()
    two = export(model, signatures={"double": model.double, "powers": model.powers})
    with pytest.raises(SignatureNotFound, match="Signature name has to be specified.*'double', 'powers'"):
        hub.KerasLayer(two)
    one = export(model, signatures={"powers": model.powers})
    with pytest.raises(SignatureNotFound, match="Signature name has to be specified.*'powers'.*'cube', 'square'"):
        hub.KerasLayer(one)
    x = np.array([2.0], np.float32)
    np.testing.assert_allclose(hub.KerasLayer(two, signature="double", output_key="doubled")(x), [4.0])
    np.testing.assert_allclose(hub.KerasLayer(one, output_key="cube")(x), [8.0])


def test_the_only_signature_is_used_if_it_has_one_output(export, caplog):
    model = _OnlySignatures()
    path = export(model, signatures={"double": model.double})
    with caplog.at_level(logging.INFO, "rehub"):
        layer = hub.KerasLayer(path)
    assert "signature='double', output_key='doubled'" in caplog.text
    np.testing.assert_allclose(layer(np.array([1.0], np.float32)), [2.0])
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_allclose(again(np.array([1.0], np.float32)), [2.0])


def test_an_export_of_keras_3_is_called_by_its_endpoint(keras, keras_3_export, x):
    layer = hub.KerasLayer(keras_3_export, trainable=True)
    np.testing.assert_allclose(layer(x), np.tile(x.sum(axis=1, keepdims=True), (1, 2)))
    assert len(layer.trainable_weights) == 2
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, np.zeros((3, 2), np.float32), verbose=0)
    assert not np.allclose(layer.get_weights()[0], 1.0)


def test_a_legacy_module_is_used_for_inference(legacy_module):
    layer = hub.KerasLayer(legacy_module)
    features = layer(["hello world"])
    assert features.shape[0] == 1
    as_dict = hub.KerasLayer(legacy_module, signature="default", signature_outputs_as_dict=True)(["hello world"])
    np.testing.assert_allclose(as_dict["default"], features)


def test_a_legacy_module_is_trained_only_in_tf2(legacy_module):
    if not tf.__version__.startswith("1."):
        assert len(hub.KerasLayer(legacy_module, trainable=True).trainable_weights) == 1
        return
    with pytest.raises(ValueError, match="trainable.*=.*True.*unsupported.*TF1 Hub format"):
        hub.KerasLayer(legacy_module, trainable=True)(["hello"])
