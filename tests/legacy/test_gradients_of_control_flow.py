"""Gradients of modules with conds and loops of TF1, applied in functions: correct, or an error with a remedy."""

from __future__ import annotations

import module_fns
import pytest
from module_fns import v1_control_flow
from saved_models import tf

import rehub as hub
from rehub.errors import GraphRequired

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture(params=["function", "wrap_function"])
def as_function(request):
    """Make a function of a scalar."""
    if request.param == "function":
        return in_function
    return lambda function: v1.wrap_function(function, [tf.TensorSpec([], tf.float32)])


def in_function(function):
    @tf.function(autograph=False)
    def call(x):
        return function(x)

    return call


def module_of(module_fn):
    return hub.Module(hub.create_module_spec(module_fn), trainable=True)


def gradients(result, module, x):
    return tf.gradients(result, [x, *module.variables])


def test_gradients_of_a_cond_are_right_in_a_function_and_around_it(as_function, run):
    module, x = module_of(module_fns.scaled_by_v1_cond), tf.constant(2.0)
    outside = as_function(module)(x)
    inside = as_function(lambda x: gradients(module(x), module, x))(x)
    assert run([outside, gradients(outside, module, x), inside]) == [6.0, [3.0, 2.0], [3.0, 2.0]]


def test_gradients_of_a_cond_are_right_in_branches_and_loops(run):
    module, x = module_of(module_fns.scaled_by_v1_cond), tf.constant(2.0)
    chosen = tf.cond(v1.placeholder_with_default(True, []), lambda: module(x), lambda: x)
    looped = tf.while_loop(lambda i, _: i < 1, lambda i, y: (i + 1, module(y)), [0, x])[1]
    assert run([gradients(chosen, module, x), gradients(looped, module, x)]) == [[3.0, 2.0], [3.0, 2.0]]


def test_a_variable_that_a_cond_assigns_is_read_after_it(run):
    module = module_of(module_fns.assigned_in_v1_cond)
    add = in_function(module)
    assert run(add(tf.constant(1.0))) == 2.0
    assert run(add(tf.constant(-1.0))) == -1.0


def test_gradients_of_a_loop_are_right_in_its_function(as_function, run):
    module = module_of(module_fns.power_by_v1_while)
    inside = as_function(lambda x: gradients(module(x), module, x))(tf.constant(2.0))
    assert run(inside) == [324.0, 216.0]


def test_gradients_of_a_loop_outside_of_its_function_are_an_error(as_function, run):
    module, x = module_of(module_fns.power_by_v1_while), tf.constant(2.0)
    outside = as_function(module)(x)
    assert run(outside) == 216.0
    with pytest.raises(GraphRequired, match=r"outside of that function.*disable_control_flow_v2\(\)"):
        gradients(outside, module, x)


def test_gradients_of_a_loop_are_right_in_branches_and_loops_of_the_graph_itself(run):
    module, x = module_of(module_fns.power_by_v1_while), tf.constant(2.0)
    with v1_control_flow():
        chosen = tf.cond(v1.placeholder_with_default(True, []), lambda: module(x), lambda: x)
        looped = tf.while_loop(lambda i, _: i < 1, lambda i, y: (i + 1, module(y)), [0, x])[1]
    assert run([gradients(chosen, module, x), gradients(looped, module, x)]) == [[324.0, 216.0], [324.0, 216.0]]


def test_gradients_of_a_loop_and_a_cond_in_a_function_are_an_error(as_function, run):
    module, x = module_of(module_fns.power_by_v1_cond_in_while), tf.constant(2.0)
    assert run(as_function(module)(x)) == 216.0
    with pytest.raises(GraphRequired, match="in a function that also has a tf.cond of TF1"):
        as_function(lambda x: gradients(module(x), module, x))(x)
