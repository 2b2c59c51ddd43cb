"""A layer's config, and models with the layer saved and loaded again."""

from __future__ import annotations

import json
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub
from rehub.errors import NotSerializable, UntrustedModel

pytestmark = pytest.mark.smoke


@pytest.fixture
def trained(keras, reusable_model, x):
    """A model with a fine-tuned layer."""
    layer = hub.KerasLayer(reusable_model, trainable=True)
    model = keras.Sequential([keras.layers.Input((3,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((3, 1), np.float32), verbose=0)
    return model


def test_the_config_holds_every_argument(reusable_model):
    layer = hub.KerasLayer(
        reusable_model,
        trainable=False,
        arguments={"a": 1.5},
        tags=["serve"],
        signature="serving_default",
        output_key="y",
        output_shape=[2],
        name="features",
    )
    config = json.loads(json.dumps(layer.get_config()))
    expected = {
        "handle": reusable_model,
        "trainable": False,
        "arguments": {"a": 1.5},
        "tags": ["serve"],
        "signature": "serving_default",
        "output_key": "y",
        "output_shape": [2],
        "name": "features",
    }
    assert {key: config[key] for key in expected} == expected
    as_dict = hub.KerasLayer(reusable_model, signature="serving_default", signature_outputs_as_dict=True)
    assert as_dict.get_config()["signature_outputs_as_dict"] is True


def test_from_config_makes_the_same_layer(reusable_model, scaled_model, x, y):
    layer = hub.KerasLayer.from_config(hub.KerasLayer(reusable_model, trainable=True).get_config())
    assert layer.trainable
    np.testing.assert_allclose(layer(x), y)
    scaled = hub.KerasLayer(scaled_model, arguments={"a": 10.0}, output_shape=[1])
    again = type(scaled).from_config(scaled.get_config())
    np.testing.assert_allclose(again(np.array([[1.0]], np.float32)), [[10.0]])
    assert again.get_config() == scaled.get_config()


@pytest.mark.parametrize("select", ["bias", re.compile("b.as"), ["head/bias"], lambda v: v.shape.rank == 1])
def test_the_config_names_the_trained_weights(reusable_model, select):
    layer = hub.KerasLayer(reusable_model, trainable=select)
    again = hub.KerasLayer.from_config(json.loads(json.dumps(layer.get_config())))
    assert [tuple(weight.shape) for weight in again.trainable_weights] == [(2,)]
    again.trainable = False
    later = hub.KerasLayer.from_config(json.loads(json.dumps(again.get_config())))
    assert later.trainable_weights == []
    later.trainable = True
    assert [tuple(weight.shape) for weight in later.trainable_weights] == [(2,)]


def test_an_empty_tag_set_is_kept(legacy_module):
    config = hub.KerasLayer(legacy_module, tags=set()).get_config()
    assert config["tags"] == []
    assert hub.KerasLayer.from_config(config)(["hello"]).shape[0] == 1


def test_a_path_object_becomes_its_text(reusable_model):
    assert hub.KerasLayer(pathlib.Path(reusable_model)).get_config()["handle"] == reusable_model


def test_a_layer_without_a_handle_has_no_config(reusable_model):
    with pytest.raises(NotImplementedError, match="Can only generate a valid config"):
        hub.KerasLayer(hub.load(reusable_model)).get_config()
    with pytest.raises(NotSerializable, match="non json-serializable values in key: a"):
        hub.KerasLayer(reusable_model, arguments={"a": object()}).get_config()


def test_a_model_is_cloned_with_fresh_weights(keras, trained, reusable_model, x):
    clone = keras.models.clone_model(trained)
    fresh, tuned = clone.layers[-2].get_weights()[0], trained.layers[-2].get_weights()[0]
    assert not np.allclose(fresh, tuned)
    np.testing.assert_array_equal(fresh, hub.KerasLayer(reusable_model, trainable=True).get_weights()[0])
    clone.set_weights(trained.get_weights())
    np.testing.assert_allclose(clone.predict(x, verbose=0), trained.predict(x, verbose=0))


def test_a_models_json_makes_it_again(keras, is_keras_3, trained, x):
    if is_keras_3:
        with pytest.raises(UntrustedModel, match="enable_unsafe_deserialization"):
            keras.models.model_from_json(trained.to_json())
        return
    again = keras.models.model_from_json(trained.to_json(), custom_objects={"KerasLayer": hub.KerasLayer})
    again.set_weights(trained.get_weights())
    np.testing.assert_allclose(again.predict(x, verbose=0), trained.predict(x, verbose=0))


def test_weights_are_saved_to_h5_and_loaded(keras, trained, x, tmp_path):
    path = str(tmp_path / "tuned.weights.h5")
    trained.save_weights(path)
    again = keras.models.clone_model(trained)
    again.load_weights(path)
    np.testing.assert_allclose(again.predict(x, verbose=0), trained.predict(x, verbose=0))


def test_a_keras_file_is_reloaded_when_it_is_trusted(keras, trained, x, tmp_path, needs_keras_files):
    path = str(tmp_path / "tuned.keras")
    trained.save(path)
    again = keras.models.load_model(path, safe_mode=False, custom_objects={"KerasLayer": hub.KerasLayer})
    np.testing.assert_allclose(again.predict(x, verbose=0), trained.predict(x, verbose=0))
    again.fit(x, np.ones((3, 1), np.float32), verbose=0)


def test_error_of_safe_mode_says_how_to_allow_the_model(keras, trained, tmp_path, needs_keras_files):
    path = str(tmp_path / "tuned.keras")
    trained.save(path)
    with pytest.raises(UntrustedModel, match="safe_mode=False"):
        keras.models.load_model(path)


def test_a_fine_tuned_object_is_exported_again(keras, reusable_model, x, tmp_path):
    restored = hub.load(reusable_model)
    model = keras.Sequential([hub.KerasLayer(restored, trainable=True)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, np.zeros((3, 2), np.float32), verbose=0)
    tf.saved_model.save(restored, str(tmp_path / "tuned"))
    again = hub.KerasLayer(str(tmp_path / "tuned"), trainable=True)
    np.testing.assert_allclose(again(x), model.predict(x, verbose=0), rtol=1e-6)
    assert len(again.trainable_weights) == 2 and len(again.losses) == 1
    again(x, training=True)
    assert not np.allclose(again.resolved_object.mean.numpy(), restored.mean.numpy())


def test_a_model_is_written_as_a_saved_model(keras, is_keras_3, trained, x, tmp_path):
    path = str(tmp_path / "exported")
    trained.export(path, verbose=False) if is_keras_3 else tf.saved_model.save(trained, path)
    restored = hub.load(path)
    outputs = restored.signatures["serving_default"](tf.constant(x))
    np.testing.assert_allclose(next(iter(outputs.values())), trained.predict(x, verbose=0), rtol=1e-6)


def test_a_text_model_is_exported_with_its_table(keras, is_keras_3, text_model, tmp_path):
    model = keras.Sequential([keras.layers.Input((), dtype="string"), hub.KerasLayer(text_model)])
    path = str(tmp_path / "exported")
    model.export(path, verbose=False) if is_keras_3 else tf.saved_model.save(model, path)
    outputs = hub.load(path).signatures["serving_default"](tf.constant(["bad"]))
    np.testing.assert_allclose(next(iter(outputs.values())), [[4, 5, 6, 7]])


def test_keras_2_saves_and_loads_a_saved_model_of_the_layer(keras, trained, x, tmp_path, needs_keras_2):
    path = str(tmp_path / "saved")
    trained.save(path, save_format="tf")
    again = keras.models.load_model(path, custom_objects={"KerasLayer": hub.KerasLayer})
    if not tf.__version__.startswith("1."):  # TF1 makes every layer of its own class.
        assert isinstance(again.layers[0], hub.KerasLayer)
    np.testing.assert_allclose(again.predict(x, verbose=0), trained.predict(x, verbose=0))
    assert len(again.trainable_weights) == len(trained.trainable_weights) == 4


def test_a_checkpoint_restores_the_layer(reusable_model, tmp_path):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    layer.resolved_object.bias.assign([9.0, 9.0])
    path = tf.train.Checkpoint(layer=layer).write(str(tmp_path / "checkpoint"))
    again = hub.KerasLayer(reusable_model)
    tf.train.Checkpoint(layer=again).restore(path)
    np.testing.assert_array_equal(again.resolved_object.bias.numpy(), [9.0, 9.0])
