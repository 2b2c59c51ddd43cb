"""Forms of a function and their comparison: constants instead of variables, and bfloat16."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
import tensorflow as tf

if saved_models.IS_TF1:
    pytest.skip("TensorFlow 1.15 cannot optimize", allow_module_level=True)

from rehub import tf_internals
from rehub.optimize import frozen
from rehub.optimize.blockers import Blockers
from rehub.optimize.comparison import compare_forms

X = tf.constant(np.random.RandomState(0).random_sample((2, 8, 8, 3)), tf.float32)


@pytest.fixture
def network():
    """A convolution with batch norm, and a layer after it; and its variables."""
    module = tf.Module()
    module.kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 4], (1, 2)))
    module.scale = tf.Variable(tf.fill([4], 2.0))
    module.out = tf.Variable(tf.random.stateless_normal([4, 5], (3, 4)))

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32)])
    def call(images):
        hidden = tf.nn.relu(tf.nn.conv2d(images, module.kernel, 1, "SAME") * tf.math.rsqrt(module.scale))
        return {"features": tf.reduce_mean(hidden, [1, 2]) @ module.out, "count": tf.shape(images)[0]}

    module.call = call
    return module


def freeze(trace):
    return frozen.freeze_function(
        lambda inputs: tf_internals.functions.call_trace(trace, inputs), trace.structured_input_signature
    )


def test_a_frozen_function_sees_no_change_of_a_variable(network):
    trace = network.call.get_concrete_function()
    function = frozen.make_function(freeze(trace), trace, "frozen")
    before = trace(X)
    assert not function.variables
    network.out.assign(tf.zeros([4, 5]))
    np.testing.assert_allclose(function(X)["features"].numpy(), before["features"].numpy(), rtol=1e-5, atol=1e-5)


def test_a_frozen_function_has_the_shapes_of_outputs_that_its_trace_has():
    module = tf.Module()
    module.scale = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def call(x):
        doubled = tf.compat.v1.placeholder_with_default(x * module.scale, None)
        doubled.set_shape([None, 4])
        return {
            "doubled": doubled,
            "positive": tf.boolean_mask(x, x[:, 0] > 0.0),
            "ragged": tf.RaggedTensor.from_tensor(x),
        }

    trace = call.get_concrete_function()
    function = frozen.make_function(freeze(trace), trace, "frozen")
    shapes = {name: output.shape.as_list() for name, output in function.structured_outputs.items()}
    assert shapes == {"doubled": [None, 4], "positive": [None, 4], "ragged": [None, 4]}


def test_bfloat16_is_inside_the_graph_and_not_in_inputs_and_outputs(network):
    trace = network.call.get_concrete_function()
    graph = frozen.convert_to_bfloat16(freeze(trace))
    convolution = next(node for node in graph.graph_def.node if node.op == "Conv2D")
    assert convolution.attr["T"].type == tf.bfloat16.as_datatype_enum
    function = frozen.make_function(graph, trace, "bf16")
    expected, result = trace(X), function(X)
    assert result["features"].dtype == tf.float32
    assert result["count"].numpy() == 2
    scale = np.abs(expected["features"].numpy()).max()
    difference = np.abs(expected["features"].numpy() - result["features"].numpy()).max() / scale
    assert 0 < difference < 0.02


def test_a_graph_that_does_not_gain_by_bfloat16_has_no_such_form():
    trace = tf.function(lambda x: x + 1, [tf.TensorSpec([], tf.int32)]).get_concrete_function()
    assert frozen.convert_to_bfloat16(freeze(trace)) is None


def test_conditionals_loops_and_lookups_in_variables_are_frozen():
    table = tf.Variable([[1.0], [2.0], [3.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.bool)])
    def call(ids, twice):
        total = tf.gather(table, ids)
        for _ in tf.range(3):
            total += table[0]
        return tf.cond(twice, lambda: total * 2 * table[0], lambda: total)

    trace = call.get_concrete_function()
    function = frozen.make_function(freeze(trace), trace, "frozen")
    for twice in (tf.constant(True), tf.constant(False)):
        ids = tf.constant([0, 2])
        np.testing.assert_array_equal(function(ids, twice).numpy(), trace(ids, twice).numpy())


def test_two_forms_of_a_function_with_a_conditional_coexist():
    weights = tf.Variable(tf.random.stateless_normal([4, 4], (1, 2)))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def call(rows):
        tf.debugging.assert_non_negative(rows)
        return tf.cond(tf.reduce_sum(rows) > 1, lambda: rows @ weights, lambda: rows)

    trace = call.get_concrete_function()
    forms = [frozen.make_function(freeze(trace), trace, "frozen") for _ in range(2)]
    rows = tf.ones([2, 4])
    for form in (*forms, tf.function(lambda x: forms[0](x) + 0 * forms[1](x))):
        np.testing.assert_allclose(form(rows).numpy(), trace(rows).numpy(), rtol=1e-5)


def test_a_form_with_other_outputs_or_a_failure_is_refused():
    def fails(_):
        raise tf.errors.UnimplementedError(None, None, "no such kernel\nand more")

    calls = {"plain": lambda x: {"y": x}, "frozen": lambda x: {"y": x * 1.01}, "bf16": fails}
    plain, wrong, failing = compare_forms(calls, [tf.constant([1.0, 2.0])])
    assert plain.refused == ""
    assert wrong.refused == "output 'y' differs by 1.0e-02 of its size, more than 0.0001"
    assert wrong.differences[0].absolute == pytest.approx(0.02)
    assert failing.refused == "it does not run: UnimplementedError: no such kernel"
    assert wrong.seconds is failing.seconds is None


@pytest.mark.parametrize(
    ("expected", "found", "refused"),
    [
        ([1.0, float("nan")], [1.0, float("nan")], False),
        ([1.0, 2.0], [1.0, float("nan")], True),
        ([0.0, 0.0], [0.0, 1e-9], True),
        ([1.0, float("inf")], [1.0, float("inf")], False),
        (["a", "b"], ["a", "b"], False),
        (["a", "b"], ["a", "c"], True),
        ([1, 1000], [2, 1000], False),
        ([1, 2], [2, 2], True),
        ([1.0], [1.0, 1.0], True),
    ],
)
def test_differences_are_relative_to_the_magnitude_of_outputs(expected, found, refused):
    calls = {"plain": lambda _: tf.constant(expected), "bf16": lambda _: tf.constant(found)}
    assert bool(compare_forms(calls, [()])[1].refused) is refused


def test_outputs_that_differ_from_call_to_call_cannot_be_compared():
    calls = iter(range(100))
    assert compare_forms({"plain": lambda _: tf.constant(next(calls))}, [()]) == "its outputs differ from call to call"


def test_functions_with_handles_of_resources_are_not_frozen():
    trace = tf.function(
        lambda: tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=1, element_dtype=tf.int32)
    ).get_concrete_function()
    assert "a handle of a resource" in Blockers([("f", trace)]).why_not_frozen(trace)
