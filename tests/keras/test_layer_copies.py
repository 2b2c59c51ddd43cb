"""Copies of layers: `pickle` and `copy.deepcopy` make an independent layer with the same values."""

from __future__ import annotations

import copy
import io
import os
import pickle
import re

import numpy as np
import pytest
import tensorflow as tf
from forked_programs import run_forked

import rehub as hub

X = tf.constant([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])


def _pickled(layer):
    return pickle.loads(pickle.dumps(layer))


COPIES = {"pickle": _pickled, "deepcopy": copy.deepcopy}


@pytest.fixture(params=list(COPIES))
def copied(request):
    return COPIES[request.param]


def _arrays(layer):
    return [weight.numpy().tolist() for weight in layer.weights]


def _train(layer):
    for weight in layer.trainable_weights:
        weight.assign(weight + 1.0)


@pytest.mark.parametrize("built", [False, True])
def test_a_copy_is_an_independent_layer_with_the_trained_values(built, copied, reusable_model):
    layer = hub.KerasLayer(reusable_model, trainable=True, name="features", output_shape=[2])
    if built:
        layer(X)
    _train(layer)
    layer.resolved_object.mean.assign([1.0, 1.0, 1.0])
    made = copied(layer)
    assert isinstance(made, type(layer)) and made.get_config() == layer.get_config() and made.name == "features"
    assert made.built == layer.built
    assert [len(made.trainable_weights), len(made.non_trainable_weights)] == [2, 1]
    np.testing.assert_array_equal(made(X), layer(X))
    before = _arrays(layer)
    assert _arrays(made) == before
    _train(made)
    assert _arrays(layer) == before != _arrays(made)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(made(X, training=True))
    assert all(gradient is not None for gradient in tape.gradient(loss, [made.resolved_object.kernel]))


@pytest.mark.parametrize(
    "selection", ["bias$", re.compile("KERNEL", re.IGNORECASE), ["head/bias"], lambda v: "bias" in v.name]
)
def test_a_copy_trains_the_same_selection(selection, copied, reusable_model):
    layer = hub.KerasLayer(reusable_model, trainable=selection)
    for frozen in (False, True):
        layer.trainable = not frozen
        made = copied(layer)
        assert made.trainable is (not frozen)
        made.trainable = layer.trainable = True
        assert [w.shape for w in made.trainable_weights] == [w.shape for w in layer.trainable_weights]
        assert len(made.trainable_weights) == 1


def test_a_copy_of_a_signature_and_of_a_table(copied, reusable_model, text_model):
    signature = hub.KerasLayer(reusable_model, signature="serving_default", output_key="twice")
    np.testing.assert_array_equal(copied(signature)(X), signature(X))
    text = hub.KerasLayer(text_model, trainable=True)
    _train(text)
    words = tf.constant(["good bad", "unknown"])
    np.testing.assert_array_equal(copied(text)(words), text(words))


def test_copies_of_layers_that_share_an_object_share_one(copied, reusable_model):
    one = hub.KerasLayer(reusable_model, trainable=True)
    both = [one, copy.copy(one)]
    assert both[1].resolved_object is one.resolved_object and both[1].get_config() == one.get_config()
    made = copied(both)
    assert made[0].resolved_object is made[1].resolved_object is not one.resolved_object


class WithBias(hub.KerasLayer):
    """A user's subclass, with an argument and a weight of its own."""

    def __init__(self, *args, factor=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.factor = factor
        self.own = self.add_weight(name="own", shape=(2,), initializer="zeros")

    def call(self, inputs, training=None):
        return super().call(inputs, training=training) * self.factor + self.own

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_a_copy_of_a_subclass_has_its_own_weights(copied, reusable_model):
    layer = WithBias(reusable_model, factor=3.0)
    layer.own.assign([5.0, 6.0])
    made = copied(layer)
    assert type(made) is WithBias
    np.testing.assert_array_equal(made(X), layer(X))


def test_a_layer_of_an_object_is_copied_but_not_pickled(reusable_model):
    layer = hub.KerasLayer(hub.load(reusable_model), trainable=True)
    _train(layer)
    made = copy.deepcopy(layer)
    np.testing.assert_array_equal(made(X), layer(X))
    before = _arrays(layer)
    _train(made)
    assert _arrays(layer) == before
    with pytest.raises(pickle.PicklingError, match=r"can be pickled if it was made from a handle") as error:
        pickle.dumps(layer)
    assert isinstance(error.value, hub.HubError) and isinstance(error.value, TypeError)


def test_a_layer_of_a_function_over_foreign_variables_is_shared_but_not_copied():
    kernel = tf.Variable([2.0])
    function = tf.function(lambda x: x * kernel, input_signature=[tf.TensorSpec([None], tf.float32)])
    function.variables = function.trainable_variables = [kernel]
    layer = hub.KerasLayer(function, trainable=True)
    for make in (copy.deepcopy, pickle.dumps):
        with pytest.raises(pickle.PicklingError, match="from a handle"):
            make(layer)
    _train(copy.copy(layer))
    assert layer(tf.constant([1.0])).numpy().tolist() == [3.0]


def test_a_pickle_has_no_secrets_of_the_handle(reusable_model):
    class Resolver:
        def is_supported(self, handle):
            return handle.startswith("secret-test://")

        def __call__(self, handle):
            return reusable_model

    hub.register_resolver(Resolver())
    layer = hub.KerasLayer("secret-test://models.example.com/m?token=hush-hush")
    written = pickle.dumps(layer)
    assert b"hush-hush" not in written
    np.testing.assert_array_equal(pickle.loads(written)(X), layer(X))
    assert copy.deepcopy(layer).get_config() == layer.get_config()


def test_whole_models_are_copied_as_before(keras, copied, reusable_model):
    if tf.__version__.startswith("1."):
        pytest.skip("models of the tf.keras of TensorFlow 1.15 can be neither pickled nor copied")
    layer = hub.KerasLayer(reusable_model, trainable=True)
    model = keras.Sequential([keras.layers.Input((3,)), layer, keras.layers.Dense(1)])
    _train(layer)
    made = copied(model)
    np.testing.assert_allclose(made(X), model(X), rtol=1e-6)
    before = _arrays(layer)
    _train(made.layers[0])
    assert _arrays(layer) == before


def test_a_pickled_layer_loads_in_another_process(reusable_model, tmp_path):
    layer = hub.KerasLayer(os.path.relpath(reusable_model), trainable=True, name="features")
    assert _pickled(layer).get_config() == layer.get_config()
    _train(layer)
    file = tmp_path / "layer.pickle"
    file.write_bytes(pickle.dumps(layer))
    program = (
        "import pickle, sys, warnings; warnings.simplefilter('ignore')\n"
        "import numpy as np, tensorflow as tf\n"
        "if tf.__version__.startswith('1.'): tf.compat.v1.enable_v2_behavior()\n"
        "layer = pickle.load(open(sys.argv[1], 'rb'))\n"
        "np.save(sys.argv[2], layer(tf.constant([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])).numpy())\n"
    )
    written = str(tmp_path / "result.npy")
    # Another working directory: the handle was a relative path.
    run_forked(program, file, written, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(written), layer(X))


def test_a_pickle_of_changed_values_is_not_stale(reusable_model):
    layer = hub.KerasLayer(reusable_model, trainable=True)
    stream = io.BytesIO()
    pickle.dump(layer, stream)
    before = layer(X)
    _train(layer)
    again = _pickled(layer)
    stream.seek(0)
    np.testing.assert_array_equal(pickle.load(stream)(X), before)
    np.testing.assert_array_equal(again(X), layer(X))
