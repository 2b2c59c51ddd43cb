"""Gradients that TensorFlow 1.15 lacks: other TensorFlows have the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from rehub.restore.missing_gradients import (
    differentiate_einsum,
    differentiate_ragged_to_tensor,
    register_missing_gradients,
)

EINSUMS = [
    ("abc,cde->abde", [(2, 3, 4), (4, 2, 3)]),
    ("...x,xy->...y", [(2, 3, 4), (4, 5)]),
    ("abc,dc->db", [(2, 3, 4), (5, 4)]),  # `a` is summed over.
    ("abc->ca", [(2, 3, 4)]),
    ("aecd,abcd->acbe", [(2, 3, 4, 5), (2, 6, 4, 5)]),
    ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EINSUMS, ids=[each[0] for each in EINSUMS])
def test_the_gradient_of_einsum_is_that_of_numpy(equation, shapes):
    register_missing_gradients()
    random = np.random.RandomState(0)
    operands = [random.normal(size=shape) for shape in shapes]
    result = np.einsum(equation, *operands)
    weights = random.normal(size=result.shape)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tensors = [tf.constant(each) for each in operands]
        output = tf.raw_ops.Einsum(inputs=tensors, equation=equation)
        registered = tf.gradients(output, tensors, [tf.constant(weights)])
        found, ours = session.run([registered, differentiate_einsum(output.op, tf.constant(weights))])
    for index, operand in enumerate(operands):
        others = [np.zeros_like(operand) if index == place else each for place, each in enumerate(operands)]
        expected = np.zeros_like(operand)
        for place in np.ndindex(operand.shape):
            others[index] = np.zeros_like(operand)
            others[index][place] = 1
            expected[place] = np.sum(np.einsum(equation, *others) * weights)
        np.testing.assert_allclose(found[index], expected, atol=1e-9)
        np.testing.assert_allclose(ours[index], expected, atol=1e-9)


@pytest.mark.parametrize("shape", [-1, [-1, 2, 2], [4, 4, 2]], ids=["as it is", "shorter", "longer"])
@pytest.mark.parametrize("default", [7.0, [7.0, 8.0]], ids=["number", "vector"])
def test_the_gradient_of_a_padded_ragged_tensor(shape, default):
    register_missing_gradients()
    splits = [0, 3, 3, 4]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        values, padding = tf.constant(np.arange(8.0).reshape(4, 2)), tf.constant(default, tf.float64)

        def pad(values, padding):
            return tf.raw_ops.RaggedTensorToTensor(
                shape=tf.constant(shape, tf.int64),
                values=values,
                default_value=padding,
                row_partition_tensors=[tf.constant(splits, tf.int64)],
                row_partition_types=["ROW_SPLITS"],
            )

        output = pad(values, padding)
        weights = np.random.RandomState(0).normal(size=session.run(output).shape)
        registered = tf.gradients(tf.function(pad)(values, padding), [values, padding], weights)
        ours = differentiate_ragged_to_tensor(output.op, tf.constant(weights))[1:3]
        found, ours = session.run([[tf.convert_to_tensor(each) for each in registered], ours])
    of_values, of_padding = np.zeros([4, 2]), np.zeros(2)
    for row, column in np.ndindex(weights.shape[:2]):
        if row < 3 and column < splits[row + 1] - splits[row]:
            of_values[splits[row] + column] += weights[row, column]
        else:
            of_padding += weights[row, column]
    for pair in (found, ours):
        np.testing.assert_allclose(pair[0], of_values)
        np.testing.assert_allclose(pair[1], of_padding if isinstance(default, list) else of_padding.sum())
