"""Gradients that TensorFlow 1.15 lacks: other TensorFlows have the same."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from rehub.restore.missing_gradients import differentiate_einsum, register_missing_gradients

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
