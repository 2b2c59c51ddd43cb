"""A layer belongs to one Keras, chosen when it is made. With the other it raises one clear error."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import KerasMismatch


@pytest.fixture
def both(monkeypatch):
    """Keras 3 and tf_keras, with Keras 3 in use."""
    keras_3 = pytest.importorskip("keras", minversion="3.0", reason="needs Keras 3 beside tf_keras")
    tf_keras = pytest.importorskip("tf_keras", reason="needs tf_keras beside Keras 3")
    monkeypatch.setenv("REHUB_KERAS", "keras")
    return keras_3, tf_keras


@pytest.mark.peers
@pytest.mark.parametrize(
    ("layer_package", "model_package", "message"),
    [
        ("keras", "tf_keras", r"layer of keras 3.*model of tf_keras 2.*TF_USE_LEGACY_KERAS=1"),
        ("tf_keras", "keras", r"layer of tf_keras 2.*model of keras 3"),
    ],
)
def test_error_of_a_layer_in_a_model_of_the_other_keras_names_both(
    both, layer_package, model_package, message, reusable_model, monkeypatch
):
    monkeypatch.setenv("REHUB_KERAS", layer_package)
    keras = {"keras": both[0], "tf_keras": both[1]}
    layer = hub.KerasLayer(reusable_model)
    assert isinstance(layer, keras[layer_package].layers.Layer)
    with pytest.raises(KerasMismatch, match=message):
        keras[model_package].Sequential([layer])
    with pytest.raises(KerasMismatch, match=message):
        layer(keras[model_package].layers.Input((3,)))


@pytest.mark.peers
def test_a_subclassed_model_of_the_other_keras_is_refused_when_it_calls_the_layer(both, reusable_model, x):
    _, tf_keras = both

    class Model(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.features = hub.KerasLayer(reusable_model, trainable=True)

        def call(self, inputs):
            return self.features(inputs)

    with pytest.raises(KerasMismatch, match=r"layer of keras 3.*model of tf_keras 2"):
        Model()(x)


@pytest.mark.peers
def test_both_serve_one_process(both, reusable_model, x, y, monkeypatch):
    keras_3, tf_keras = both
    of_keras_3 = keras_3.Sequential([hub.KerasLayer(reusable_model)])
    monkeypatch.setenv("REHUB_KERAS", "tf_keras")
    of_tf_keras = tf_keras.Sequential([hub.KerasLayer(reusable_model)])
    np.testing.assert_allclose(of_keras_3(x), y)
    np.testing.assert_allclose(of_tf_keras(x), y)
    assert all(isinstance(model.layers[0], hub.KerasLayer) for model in (of_keras_3, of_tf_keras))


def test_an_unknown_keras_is_refused(reusable_model, monkeypatch):
    monkeypatch.setenv("REHUB_KERAS", "keras_core")
    with pytest.raises(ValueError, match="REHUB_KERAS.*keras or tf_keras"):
        hub.KerasLayer(reusable_model)


def test_a_backend_other_than_tensorflow_is_refused(reusable_model, monkeypatch):
    keras_3 = pytest.importorskip("keras", minversion="3.0", reason="only Keras 3 has backends")
    monkeypatch.setenv("REHUB_KERAS", "keras")
    monkeypatch.setattr(keras_3.backend, "backend", lambda: "jax")  # Keras with JAX cannot be in this process too
    with pytest.raises(KerasMismatch, match="'jax' backend. Set KERAS_BACKEND=tensorflow"):
        hub.KerasLayer(reusable_model)


def test_the_keras_in_use_is_tf_keras_by_default(keras, reusable_model):
    assert isinstance(hub.KerasLayer(reusable_model), tf.keras.layers.Layer)
