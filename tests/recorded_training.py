"""Train a module in TF2 by the steps that `make_features.py` recorded in TF 1.15, and compare."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from legacy_features import RATE, compute_loss, flat_values, join_parts
from retraining import parts_by_name


def inputs_of(recorded, step):
    arrays = {key[len("inputs/") :]: value[step] for key, value in recorded.items() if key.startswith("inputs/")}
    return join_parts({key: tf.constant(array) for key, array in arrays.items()})


def step_of(module):
    def step(inputs):
        with tf.GradientTape() as tape:
            floats = {
                name: value
                for name, value in inputs.items()
                if isinstance(value, tf.Tensor) and value.dtype.is_floating
            }
            tape.watch(floats)
            loss = compute_loss(module(inputs, training=True, as_dict=True))
            loss += sum(penalty() for penalty in module.regularization_losses)
        trained = module.trainable_variables
        gradients, of_inputs = tape.gradient(loss, (trained, floats))
        for variable, gradient in zip(trained, gradients):
            if gradient is not None:
                variable.assign_sub(RATE * tf.convert_to_tensor(gradient))
        return loss, of_inputs

    return step


def assert_trained_as_recorded(module, recorded, in_function, tolerance=1e-5):
    final = {key[len("final/") :]: value for key, value in recorded.items() if key.startswith("final/")}
    if "losses" in recorded:
        step = tf.function(step_of(module)) if in_function else step_of(module)
        steps = [step(inputs_of(recorded, number)) for number in range(len(recorded["losses"]))]
        losses = [float(loss) for loss, _ in steps]
        np.testing.assert_allclose(losses, recorded["losses"], rtol=tolerance, atol=tolerance)
        for key, value in recorded.items():
            if key.startswith("input_gradients/") and "." not in key:
                gradient = steps[0][1][key.partition("/")[2]]
                gradient = np.zeros_like(value) if gradient is None else gradient.numpy()
                assert_equal(gradient, np.broadcast_to(value, gradient.shape), key, tolerance)
        variables = parts_by_name(module)
        assert sorted(variables) == sorted(final)
        for key, value in final.items():
            assert_equal(variables[key].numpy(), value, key, tolerance)
    outputs = module(inputs_of(recorded, -1), as_dict=True)
    for key, value in recorded.items():
        if key.startswith("after/"):
            assert_equal(flat_values(outputs[key[len("after/") :]]).numpy(), value, key, tolerance)


def assert_equal(array, expected, name, tolerance):
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(array, expected, rtol=tolerance, atol=tolerance, err_msg=name)
    else:
        np.testing.assert_array_equal(array.astype(expected.dtype), expected, err_msg=name)
