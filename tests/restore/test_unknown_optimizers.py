"""Models saved with their optimizer: of Keras 2, also where no Keras 2 is installed, and of TensorFlow 1."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub import tf_internals
from rehub.migrate.models.for_older import convert_for_tensorflow

assert saved_models  # It enables eager mode in TensorFlow 1.15.
MODEL = str(Path(__file__).parents[1] / "data" / "optimizer_of_keras_2" / "model")  # Made by make.py beside it.
EXPECTED = [[-0.33364856, -0.02076808], [0.3744911, -0.46433607], [-0.5982078, -0.28882107]]
VERSION = tf_internals.tensorflow_version()
HAS_KERAS_2 = (2, 0) <= VERSION < (2, 16) or importlib.util.find_spec("tf_keras") is not None


@pytest.mark.parametrize("loader", ["auto", "tensorflow"])
def test_a_model_is_loaded_without_its_optimizer_where_no_keras_has_it(loader):
    model = hub.load(MODEL, loader=loader)
    (output,) = model.signatures["serving_default"](tf.eye(3)).values()
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-5)
    left_out = hub.load_report(model).left_out
    if HAS_KERAS_2:
        assert left_out == ()
    else:
        assert left_out == ("4 slot variables of optimizers: no function takes them",)


def test_a_layer_trains_such_a_model():
    layer = hub.KerasLayer(MODEL, trainable=True)
    assert [weight.shape.as_list() for weight in layer.trainable_weights] == [[3, 2], [2]]


@pytest.mark.parametrize("loader", ["auto", "tensorflow"])
def test_a_function_that_trains_goes_on_with_the_slot_variables_of_its_optimizer(loader):
    model = hub.load(str(Path(MODEL).with_name("trainer")), loader=loader)
    assert hub.load_report(model).left_out == ()
    # What TensorFlow 2.15 computes.
    np.testing.assert_array_equal(model.train(tf.constant([5.0, -1.0])), np.float32([0.82268643, 1.81760645]))
    slots = [model.optimizer.get_slot(model.weight, name).numpy() for name in ("m", "v")]
    np.testing.assert_array_equal(slots, np.float32([[4.6800022, 1.8200004], [2.0289705, 0.27018052]]))


def make_trainer():
    """Make an object and a function that trains its two variables, which have the same name.

    Each has an optimizer of TensorFlow 1, which is restored after it. Their slot variables have the same names too.
    """
    root = tf.Module()
    root.kernels = [tf.Variable([1.0, 2.0], name="kernel"), tf.Variable([3.0, 4.0], name="kernel")]
    root.optimizers = [tf.compat.v1.train.AdamOptimizer(rate) for rate in (0.1, 0.2)]

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])
    def train(x):
        for number, (kernel, optimizer) in enumerate(zip(root.kernels, root.optimizers)):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(x * (number + 1) * kernel**2)
            optimizer.apply_gradients([(tape.gradient(loss, kernel), kernel)])
        return [kernel.read_value() for kernel in root.kernels]

    train(tf.constant([1.0, 2.0]))
    return root, train


def train_and_list_state(model):
    kernels = [each.numpy() for each in model.train(tf.constant([5.0, -1.0]))]
    slots = [
        optimizer.get_slot(kernel, name).numpy()
        for kernel, optimizer in zip(model.kernels, model.optimizers)
        for name in optimizer.get_slot_names()
    ]
    return kernels + slots


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    """The directory of a saved object that trains, and its state after one step more, and after two."""
    model, model.train = make_trainer()
    path = str(tmp_path_factory.mktemp("trainer"))
    tf.saved_model.save(model, path, signatures=model.train)
    return path, train_and_list_state(model), train_and_list_state(model)


@pytest.mark.parametrize("loader", ["auto", "tensorflow"])
def test_optimizers_whose_variables_have_the_same_names_keep_their_own_values(trainer, loader):
    path, after_one_step, _ = trainer
    np.testing.assert_array_equal(train_and_list_state(hub.load(path, loader=loader)), after_one_step)


def test_a_model_that_was_saved_again_or_copied_keeps_the_slot_variables(trainer, tmp_path):
    path, after_one_step, after_two_steps = trainer
    model = hub.load(path)
    np.testing.assert_array_equal(train_and_list_state(model), after_one_step)
    tf.saved_model.save(model, str(tmp_path))
    for again in (copy.deepcopy(model), hub.load(str(tmp_path))):
        np.testing.assert_array_equal(train_and_list_state(again), after_two_steps)


@pytest.mark.skipif(VERSION >= (2, 0), reason="TensorFlow 1.15 restores variables without their optimizer by names")
def test_variables_of_the_same_name_are_not_mistaken_for_each_other_without_their_optimizers(tmp_path):
    model, _ = make_trainer()

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])
    def train_first(x):
        model.optimizers[0].apply_gradients([(x, model.kernels[0])])
        return model.kernels[0].read_value()

    tf.saved_model.save(model, str(tmp_path / "model"), signatures=train_first)
    convert_for_tensorflow(tmp_path / "model", tmp_path / "converted", "1.15")
    train = hub.load(str(tmp_path / "converted")).signatures["serving_default"]
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized"):
        train(x=tf.constant([5.0, -1.0]))
