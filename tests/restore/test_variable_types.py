"""Models whose functions do not say the variables that they take, as TensorFlow before 2.8 wrote them."""

from __future__ import annotations

import pytest
import tensorflow as tf

import rehub as hub
from rehub import tf_internals

pytestmark = pytest.mark.skipif(tf.__version__ < "2", reason="TensorFlow 1.15 needs no types of variables")


def save_as_older_tensorflow(path):
    """Save a function that calls one with a loop over variables; return its gradients for ones."""
    module = tf.Module()
    module.kernel, module.bias = tf.Variable([[0.5, 0.1], [-0.2, 0.3]]), tf.Variable([0.1, 0.2])

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def run_loop(x):
        return tf.while_loop(
            lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y @ module.kernel + module.bias)), (0, x)
        )[1]

    module.__call__ = tf.function(lambda x: 2.0 * run_loop(x), input_signature=[tf.TensorSpec([None, 2])])
    tf.saved_model.save(module, path)
    remove_types(path)
    return differentiate(module.__call__, [module.kernel, module.bias])


def remove_types(path):
    """Make a SavedModel as TensorFlow 2.0 wrote it."""
    file = f"{path}/saved_model.pb"
    with open(file, "rb") as content:
        model = tf_internals.protos.parse_message("SavedModel", content.read())
    (metagraph,) = model.meta_graphs
    metagraph.meta_info_def.tensorflow_version = "2.0.0"
    for function in metagraph.graph_def.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            del argument.handle_data[:]
    with open(file, "wb") as content:
        content.write(model.SerializeToString())


def differentiate(model, variables):
    with tf.GradientTape() as tape:
        output = model(tf.ones([3, 2]))
    return tape.gradient(output, variables)


@pytest.mark.parametrize("loader", ["lazy", "tensorflow"])
def test_loops_of_an_older_tensorflow_are_trained(loader, tmp_path):
    expected = save_as_older_tensorflow(str(tmp_path))
    model = hub.load(str(tmp_path), loader=loader)
    for found, wanted in zip(differentiate(model, [model.kernel, model.bias]), expected):
        assert found is not None
        tf.debugging.assert_near(found, wanted)


@pytest.mark.parametrize("second", [[0.5], 0.5], ids=["other size", "other rank"])
def test_a_loop_over_variables_of_two_shapes_is_trained(second, tmp_path):
    module = tf.Module()
    module.first, module.second = tf.Variable([0.5, 0.2]), tf.Variable(second)

    @tf.function(input_signature=[tf.TensorSpec([], tf.resource), tf.TensorSpec([None, 2])])
    def run_loop(handle, x):
        return tf.while_loop(
            lambda i, _: i < 3,
            lambda i, y: (i + 1, tf.tanh(y * tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32))),
            (0, x),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape(None)),
        )[1]

    def run_both(x):
        return run_loop(module.first.handle, x) + run_loop(module.second.handle, x)

    module.__call__ = tf.function(run_both, input_signature=[tf.TensorSpec([None, 2])])
    tf.saved_model.save(module, str(tmp_path))
    remove_types(str(tmp_path))
    model = hub.load(str(tmp_path))

    def run_in_python(x):
        first = second = x
        for _ in range(3):
            first, second = tf.tanh(first * module.first), tf.tanh(second * module.second)
        return first + second

    expected = differentiate(run_in_python, [module.first, module.second])
    for found, wanted in zip(differentiate(model, [model.first, model.second]), expected):
        assert found is not None
        tf.debugging.assert_near(found, wanted)
