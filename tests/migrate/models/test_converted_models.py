"""Conversions by hub.convert, restored: they describe themselves as the module does, and layers train them."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tensorflow as tf
from module_fns import export_module
from retraining import tensors
from saved_models import LEGACY
from trajectories import load_trajectories

import rehub as hub
from rehub.errors import AttachmentNotFound, NotTrainable, SignatureNotFound

keras = tf.keras


def names_of(variable_map):
    return {
        name: [part.name for part in found] if isinstance(found, list) else found.name
        for name, found in variable_map.items()
    }


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
@pytest.mark.parametrize("name", ["conv_bn", "multi_sig", "text_embed_part"])
def test_a_conversion_describes_itself_as_the_module_does(converted, name, loader):
    module, model = hub.load(str(LEGACY / name)), hub.load(converted(name), loader=loader)
    assert names_of(model.variable_map) == names_of(module.variable_map)
    assert list(model.variable_map) == list(module.variable_map)
    mapped = tf.nest.flatten(dict(model.variable_map))
    assert {id(variable) for variable in mapped} == {id(variable) for variable in model.variables}
    assert model.get_signature_names() == module.get_signature_names() == sorted(module.signatures)
    for signature in [None, *module.signatures]:
        for describe in ("get_input_info_dict", "get_output_info_dict"):
            ours, its = (getattr(each, describe)(signature) for each in (module, model))
            assert list(its) == list(ours)
            assert [info.type_spec for info in its.values()] == [info.type_spec for info in ours.values()]
    with pytest.raises(SignatureNotFound, match="has no signature 'nope'; it has: default"):
        model.get_output_info_dict(signature="nope")
    with pytest.raises(AttachmentNotFound, match="'nothing'"):
        model.get_attached_message("nothing", hub.ImageModuleInfo, required=True)


def test_a_conversion_that_was_trained_and_saved_again_is_a_conversion(converted, tmp_path):
    model = hub.load(converted("text_embed_part"))
    model.get_input_info_dict()
    for part in model.variables:
        part.assign_add(tf.ones_like(part))
    tf.saved_model.save(model, str(tmp_path / "again"))
    again = hub.load(tmp_path / "again")
    for name, parts in model.variable_map.items():
        np.testing.assert_array_equal(tf.concat(again.variable_map[name], 0), tf.concat(parts, 0))
    assert again.get_signature_names() == ["default", "tokens"]


def test_a_conversion_has_its_variable_map_in_plain_tensorflow(converted):
    model, module = tf.saved_model.load(converted("conv_bn")), hub.load(str(LEGACY / "conv_bn"))
    assert names_of(model.variable_map) == names_of(module.variable_map)
    assert {id(variable) for variable in model.variable_map.values()} == {id(each) for each in model.variables}


def train(handle, images, **arguments):
    """Return the losses of a layer with a linear head in fit, and the variables of the module afterwards."""
    layer = hub.KerasLayer(handle, trainable=True, **arguments)
    features = layer(keras.layers.Input(images.shape[2:]))
    model = keras.Sequential([keras.layers.Input(images.shape[2:]), layer, keras.layers.Flatten()])
    model.add(keras.layers.Dense(1, kernel_initializer="ones"))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    labels = np.linspace(-1, 1, images.shape[1], dtype=np.float32)[:, None]
    losses = [
        model.fit(batch, labels, batch_size=len(labels), shuffle=False, verbose=0).history["loss"][0]
        for batch in images
    ]
    values = {name: variable.numpy() for name, variable in layer.resolved_object.variable_map.items()}
    return losses, values, features.shape, len(layer.trainable_weights)


@pytest.mark.keras
@pytest.mark.parametrize(
    "arguments",
    [
        {"signature": "image_feature_vector", "output_key": "ConvNet/Sep3"},
        {"output_key": "default"},
        {"signature": "default", "arguments": {"update_ops": False}},
    ],
    ids=["another output", "default", "without updates"],
)
def test_a_layer_trains_a_signature_as_that_of_the_module(converted, caplog, arguments):
    images = np.random.default_rng(1).random([3, 4, 16, 16, 3], np.float32)
    initial = {name: value.numpy() for name, value in hub.load(str(LEGACY / "conv_bn")).variable_map.items()}
    losses, values, shape, trained = train(str(LEGACY / "conv_bn"), images, **arguments)
    moved = {name for name, value in values.items() if (value != initial[name]).any()}
    assert any("moving_mean" in name for name in moved) == ("arguments" not in arguments)
    assert any("moving" not in name for name in moved)
    with caplog.at_level(logging.WARNING, "rehub"):
        for handle in (converted("conv_bn"), tf.saved_model.load(converted("conv_bn"))):
            its_losses, its_values, its_shape, its_trained = train(handle, images, **arguments)
            np.testing.assert_allclose(its_losses, losses, rtol=1e-5)
            assert sorted(its_values) == sorted(values)
            for name, value in values.items():
                np.testing.assert_allclose(its_values[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
            assert (tuple(its_shape), its_trained) == (tuple(shape), trained)
    assert not [record for record in caplog.records if record.name.startswith("rehub")]


@pytest.mark.keras
def test_signatures_of_all_kinds_of_inputs_are_layers(converted):
    (trajectory, *_) = [each for each in load_trajectories() if each.module == "multi_sig"]
    module, arrays = hub.load(trajectory.path), tensors(trajectory.inputs("eval"))
    calls = {
        signature: {name: arrays[key] for name, key in feeds.items()} for signature, feeds in trajectory.recipe["infer"]
    }
    calls["ragged"] = {"ids": tf.ragged.constant([[1, 2], [3]], tf.int64)}
    assert sorted(calls) == module.get_signature_names()
    for signature, inputs in calls.items():
        chosen = {"signature": signature, "output_key": "default", "trainable": True}
        results = []
        for handle in (module, converted("multi_sig")):
            layer = hub.KerasLayer(handle, **chosen)
            owner = layer.resolved_object
            with tf.GradientTape() as tape:
                outputs = layer(inputs, training=True)
            gradients = tape.gradient(outputs, owner.trainable_variables)
            results.append((outputs, [None if each is None else tf.convert_to_tensor(each) for each in gradients]))
        assert [each is None for each in results[0][1]] == [each is None for each in results[1][1]]
        for ours, its in zip(tf.nest.flatten(results[0]), tf.nest.flatten(results[1])):
            np.testing.assert_allclose(its, ours, rtol=1e-5) if ours is not None else None
        config = layer.get_config()
        assert {key: config.get(key) for key in ("arguments", "signature", "output_key")} == {
            "arguments": None,
            "signature": signature,
            "output_key": "default",
        }
        again = type(layer).from_config(config)
        np.testing.assert_allclose(again(inputs), hub.load(trajectory.path)(inputs, signature=signature), rtol=1e-5)


def test_update_ops_has_no_effect_in_inference(converted):
    model = tf.saved_model.load(converted("conv_bn"))
    images = tf.ones([1, 16, 16, 3])
    np.testing.assert_array_equal(model(images, update_ops=False), model(images))


@pytest.mark.keras
def test_a_signature_that_cannot_be_trained_is_a_frozen_layer(tmp_path):
    def queue_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        queue = tf.queue.FIFOQueue(10, [tf.float32], [[]])
        with tf.control_dependencies([queue.enqueue_many([x])]):
            hub.add_signature(inputs=x, outputs=queue.dequeue_many(1) * tf.compat.v1.get_variable("w", []))

    path = export_module(queue_fn, tmp_path / "queue")
    hub.convert(path, tmp_path / "new")
    for handle in (path, tmp_path / "new"):
        layer = hub.KerasLayer(handle, signature="default", output_key="default")
        assert layer.supports_jit is False
        assert layer(tf.ones([1]), training=True).shape == (1,)
        layer.trainable = True
        with pytest.raises(NotTrainable, match="'default'.*training=False"):
            layer(tf.ones([1]), training=True)


def test_a_conversion_is_inspected_as_a_conversion(converted):
    info = hub.inspect(converted("text_embed_part"))
    assert info.saved_by == "hub.convert"
    assert [function.path for function in info.callables] == ["__call__", "serve", "train"]
    assert [variable.path for variable in info.variables] == [f"variables[{part}]" for part in range(3)]
    assert str(info).splitlines()[1].split() == [
        *["format", "TF2", "SavedModel", "of", "hub.convert,", "written", "by", "TensorFlow", tf.__version__],
    ]
    assert "_rehub" not in str(info)
