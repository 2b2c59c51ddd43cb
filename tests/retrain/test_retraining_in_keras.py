"""KerasLayer trains legacy modules, in the Keras in use."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from retraining import assert_outputs, assert_values_are_final, parts_by_name
from saved_models import LEGACY
from trajectories import with_each_trajectory

import rehub as hub

pytestmark = [pytest.mark.keras, pytest.mark.smoke]

keras = tf.keras


def _fits_in_keras(trajectory):
    return all(not isinstance(value, tuple) for value in trajectory.inputs("steps", 0).values())


def _model(trajectory, module):
    recipe = trajectory.recipe
    inputs = {
        key: keras.layers.Input(
            value.shape[1:], dtype="string" if value.dtype.kind == "S" else value.dtype.name, name=key
        )
        for key, value in trajectory.inputs("steps", 0).items()
    }
    features = []
    for signature, feeds in recipe["calls"]:
        layer = hub.KerasLayer(module, trainable=True, signature=signature, output_key="default")
        fed = {name: inputs[key] for name, key in feeds.items()}
        features.append(layer(fed if len(fed) > 1 else next(iter(fed.values()))))
    joined = features[0] if len(features) == 1 else keras.layers.Concatenate()(features)
    head = keras.layers.Dense(len(trajectory.data["head_b"]), trainable=recipe["head_trained"])
    model = keras.Model(inputs, head(joined))
    head.set_weights([trajectory.data["head_w"], trajectory.data["head_b"]])
    softmax = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(recipe["lr"]), softmax if recipe["loss_kind"] == "softmax" else "mean_squared_error"
    )
    return model


@with_each_trajectory(_fits_in_keras)
def test_fit_has_the_losses_and_weights_of_tf_1_15(trajectory):
    module = hub.load(trajectory.path)
    model = _model(trajectory, module)
    labels = trajectory.data["labels"]
    losses = []
    for number in range(trajectory.recipe["steps"]):
        inputs = {
            key: tf.constant(value) if value.dtype.kind == "S" else value
            for key, value in trajectory.inputs("steps", number).items()
        }
        losses += model.fit(inputs, labels[number], batch_size=len(labels[number]), verbose=0).history["loss"]
    recorded = trajectory.recorded["losses"]
    calls = len(trajectory.recipe["calls"])
    if calls == 1:  # Each of several layers on one module adds the module's regularization losses.
        np.testing.assert_allclose(losses, recorded, rtol=0, atol=trajectory.tolerance)
        assert_values_are_final(trajectory, parts_by_name(module))
        assert_outputs(trajectory, module, "after", trajectory.tolerance)


def test_a_layer_shows_the_weights_and_losses_of_the_module():
    layer = hub.KerasLayer(str(LEGACY / "conv_bn"), trainable=True)
    module = layer.resolved_object
    assert len(layer.trainable_weights) == len(module.trainable_variables) > 0
    assert len(layer.weights) == len(module.variables) > len(layer.trainable_weights)
    assert len(layer.losses) == len(module.regularization_losses) == 5
    assert float(sum(layer.losses)) > 0


def test_some_of_the_weights_can_be_trained():
    layer = hub.KerasLayer(str(LEGACY / "conv_bn"), trainable="beta|bias")
    assert 0 < len(layer.trainable_weights) < len(layer.resolved_object.trainable_variables)


def test_arguments_freeze_the_statistics_of_batch_normalization():
    layer = hub.KerasLayer(str(LEGACY / "conv_bn"), trainable=True, arguments={"update_ops": False})
    moving = [variable for variable in layer.resolved_object.variables if "moving" in variable.name]
    before = [variable.numpy() for variable in moving]
    size = [*hub.get_expected_image_size(layer.resolved_object), 3]
    layer(np.ones([2, *size], np.float32), training=True)
    assert all((variable.numpy() == value).all() for variable, value in zip(moving, before))


def test_a_frozen_layer_infers_in_training():
    layer = hub.KerasLayer(str(LEGACY / "conv_bn"))
    size = [*hub.get_expected_image_size(layer.resolved_object), 3]
    images = np.random.default_rng(1).random([2, *size], np.float32)
    np.testing.assert_array_equal(layer(images, training=True), layer(images, training=False))


def test_a_trained_model_is_saved_and_loaded(tmp_path, trained_text_model):
    model, sentences = trained_text_model
    model.save(str(tmp_path / "model.keras"))
    again = keras.models.load_model(str(tmp_path / "model.keras"), safe_mode=False)
    np.testing.assert_allclose(again.predict(sentences, verbose=0), model.predict(sentences, verbose=0), rtol=1e-6)


def test_a_trained_model_is_exported_with_its_table(tmp_path, trained_text_model):
    model, sentences = trained_text_model
    path = str(tmp_path / "export")
    if hasattr(keras, "KerasTensor"):
        model.export(path)
        served = hub.load(path).serve(sentences)
    else:  # The export() of Keras 2 does not know of tables; its SavedModels do.
        model.save(path, save_format="tf")
        served = hub.load(path)(sentences)
    np.testing.assert_allclose(served, model.predict(sentences, verbose=0), rtol=1e-6)


@pytest.fixture
def trained_text_model():
    text = keras.layers.Input([], dtype="string")
    features = hub.KerasLayer(str(LEGACY / "text_embed"), trainable=True)(text)
    model = keras.Model(text, keras.layers.Dense(1)(features))
    model.compile("sgd", "mse")
    sentences = tf.constant(["the cat", "a dog", "the dog"])
    model.fit(sentences, np.ones([3, 1], np.float32), verbose=0)
    return model, sentences
