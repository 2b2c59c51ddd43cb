"""Modules of `data/legacy_features`, one for each feature of TF1's graphs, trained in TF2 as TF 1.15 trained them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from legacy_features import FEATURES, dense, loss_of
from retraining import parts_by_name

import rehub as hub

RATE = 0.1  # As in make.py there.
IN_FUNCTION = {"batch_norm_with_a_fed_mode", "cond_in_while", "dynamic_rnn", "tables", "while_with_tensor_arrays"}


def inputs_of(recorded, step):
    arrays = {key[len("inputs/") :]: value[step] for key, value in recorded.items() if key.startswith("inputs/")}
    inputs = {}
    for key, array in arrays.items():
        name, _, part = key.partition(".")
        if not part:
            inputs[name] = tf.constant(array)
        elif part == "indices":
            inputs[name] = tf.SparseTensor(array, arrays[name + ".values"], arrays[name + ".dense_shape"])
        elif part == "row_splits":
            inputs[name] = tf.RaggedTensor.from_row_splits(arrays[name + ".flat_values"], array)
    return inputs


def step_of(module):
    def step(inputs):
        with tf.GradientTape() as tape:
            loss = loss_of(module(inputs, training=True, as_dict=True))
            loss += sum(penalty() for penalty in module.regularization_losses)
        trained = module.trainable_variables
        for variable, gradient in zip(trained, tape.gradient(loss, trained)):
            if gradient is not None:
                variable.assign_sub(RATE * tf.convert_to_tensor(gradient))
        return loss

    return step


@pytest.mark.parametrize("name", sorted(path.stem for path in FEATURES.glob("*.npz")))
@pytest.mark.filterwarnings("ignore:Converting sparse IndexedSlices:UserWarning")
def test_a_feature_is_trained_as_by_tf_1_15(name):
    with np.load(FEATURES / f"{name}.npz") as file:
        recorded = dict(file)
    module = hub.load(str(FEATURES / name))
    final = {key[len("final/") :]: value for key, value in recorded.items() if key.startswith("final/")}
    if "losses" in recorded:
        step = tf.function(step_of(module)) if name in IN_FUNCTION else step_of(module)
        losses = [float(step(inputs_of(recorded, number))) for number in range(len(recorded["losses"]))]
        np.testing.assert_allclose(losses, recorded["losses"], rtol=1e-5, atol=1e-5)
        variables = parts_by_name(module)
        assert sorted(variables) == sorted(final)
        for key, value in final.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(variables[key], value, rtol=1e-5, atol=1e-5, err_msg=key)
            else:
                np.testing.assert_array_equal(variables[key].numpy().astype(value.dtype), value, err_msg=key)
    outputs = module(inputs_of(recorded, -1), as_dict=True)
    for key, value in recorded.items():
        if key.startswith("after/"):
            output = dense(outputs[key[len("after/") :]]).numpy()
            if value.dtype.kind == "f":
                np.testing.assert_allclose(output, value, rtol=1e-5, atol=1e-5, err_msg=key)
            else:
                np.testing.assert_array_equal(output.astype(value.dtype), value, err_msg=key)
