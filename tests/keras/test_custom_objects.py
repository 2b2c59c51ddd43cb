"""The class that Keras uses for the KerasLayer in a file, and whole-model files of tensorflow_hub's layer."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest
import tensorflow as tf

import rehub as hub

X = np.array([[1.0], [2.0]], np.float32)


def _save(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That .h5 is an old format.
        model.save(str(path))
    return str(path)


def _reload(keras, model, form, directory, **arguments):
    if form == "json":
        return keras.models.model_from_json(model.to_json(), **arguments)
    return keras.models.load_model(_save(model, directory / f"model{form}"), **arguments)


@pytest.fixture(params=[".h5", ".keras", "json"])
def form(request):
    if request.param == ".keras" and tf.__version__.startswith("1."):
        pytest.skip("the tf.keras of TensorFlow 1.15 has no .keras files")
    return request.param


@pytest.mark.parametrize("how", ["argument", "scope"])
def test_the_class_that_a_caller_gives_comes_first(keras, is_keras_3, scaled_model, form, how, tmp_path):
    if (form, how, is_keras_3) == (".h5", "scope", False) and not tf.__version__.startswith("1."):
        pytest.skip("Keras 2 forgets a scope before it reads an .h5 file, if the name is registered")

    class Other(keras.layers.Layer):
        def __init__(self, handle, **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs):
            return 7.0 * inputs

    model = keras.Sequential([keras.layers.Input((1,)), hub.KerasLayer(scaled_model)])
    given = {"KerasLayer": Other}
    scope = keras.utils.custom_object_scope(given) if how == "scope" else contextlib.nullcontext()
    with scope:
        again = _reload(keras, model, form, tmp_path, custom_objects=given if how == "argument" else None)
    assert type(again.layers[-1]) is Other
    np.testing.assert_array_equal(again.predict(X), 7.0 * X)


def test_a_subclass_that_a_caller_gives_comes_first(keras, scaled_model, tmp_path, needs_keras_2):
    class Mine(hub.KerasLayer):
        pass

    model = keras.Sequential([keras.layers.Input((1,)), hub.KerasLayer(scaled_model, arguments={"a": 3.0})])
    again = _reload(keras, model, ".h5", tmp_path, custom_objects={"KerasLayer": Mine})
    assert type(again.layers[-1]) is Mine
    np.testing.assert_array_equal(again.predict(X), 3.0 * X)


@pytest.mark.parametrize("custom_objects", [None, {"KerasLayer": hub.KerasLayer}], ids=["none", "rehub's"])
def test_a_reloaded_model_has_the_variables_that_its_function_captures(
    keras, bare_model, form, custom_objects, tmp_path, needs_keras_2
):
    model = keras.Sequential([keras.layers.Input((3,)), hub.KerasLayer(bare_model, trainable=True)])
    model.layers[-1].set_weights([np.float32(5.0), np.float32(1.0)])
    trust = {"safe_mode": False} if form == ".keras" else {}
    again = _reload(keras, model, form, tmp_path, custom_objects=custom_objects, **trust)
    assert isinstance(again.layers[-1], hub.KerasLayer)
    expected = [2.0, 1.0] if form == "json" else [5.0, 1.0]
    assert again.get_weights() == expected
    assert keras.models.clone_model(again).get_weights() == [2.0, 1.0]


@pytest.fixture
def tensorflow_hub(keras, is_keras_3, monkeypatch):
    """tensorflow_hub and the Keras 2 that it makes layers for; rehub uses that Keras too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That pkg_resources is an old module.
        real = pytest.importorskip("tensorflow_hub", reason="tensorflow_hub is not installed here, or broken")
    keras_2 = pytest.importorskip("tf_keras", reason="tensorflow_hub needs Keras 2") if is_keras_3 else keras
    if is_keras_3:
        monkeypatch.setenv("REHUB_KERAS", "tf_keras")
    return real, keras_2


@pytest.mark.parametrize("trainable", [False, True])
def test_files_of_tensorflow_hub_load_if_the_object_lists_no_variables(tensorflow_hub, bare_model, trainable, tmp_path):
    real, keras_2 = tensorflow_hub
    layer = real.KerasLayer(bare_model, trainable=trainable)
    model = keras_2.Sequential([keras_2.layers.Input((3,)), layer, keras_2.layers.Dense(1)])
    assert len(model.get_weights()) == 2  # tensorflow_hub shows no weights of that object.
    path, x = _save(model, tmp_path / "model.h5"), np.ones((1, 3), np.float32)
    hub.KerasLayer(bare_model)  # Registers the name KerasLayer.
    ours = keras_2.models.load_model(path, custom_objects={"KerasLayer": hub.KerasLayer})
    theirs = keras_2.models.load_model(path, custom_objects={"KerasLayer": real.KerasLayer})
    assert isinstance(ours.layers[0], hub.KerasLayer) and type(theirs.layers[0]) is real.KerasLayer
    for again in (ours, theirs):
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    twice = keras_2.models.load_model(_save(ours, tmp_path / "ours.h5"), custom_objects={"KerasLayer": real.KerasLayer})
    np.testing.assert_array_equal(twice.predict(x, verbose=0), model.predict(x, verbose=0))
