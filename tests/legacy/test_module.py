"""hub.Module in a graph: its state, its applications, its fine-tuning and its errors."""

from __future__ import annotations

import module_fns
import numpy as np
import pytest
from saved_models import tf

import rehub as hub

pytestmark = pytest.mark.smoke

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as graph:
        yield graph


def module_of(module_fn, **arguments):
    return hub.Module(hub.create_module_spec(module_fn), **arguments)


def test_a_module_can_be_applied_several_times_with_shared_weights(run):
    module = module_of(module_fns.scaled)
    assert len(v1.global_variables()) == 1
    first, second = module([1.0, 2.0]), module(tf.constant([5.0]))
    assert len(v1.global_variables()) == 1
    values = run([first, second])
    np.testing.assert_array_equal(values[0], [3.0, 6.0])
    np.testing.assert_array_equal(values[1], [15.0])


def test_two_modules_of_one_spec_have_separate_weights(run):
    spec = hub.create_module_spec(module_fns.scaled)
    first, second = hub.Module(spec), hub.Module(spec)
    assert [first.variables[0].name, second.variables[0].name] == ["module/w:0", "module_1/w:0"]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(v1.assign(first.variables[0], 10.0))
        assert session.run([first([1.0]), second([1.0])]) == [[10.0], [3.0]]


def test_scopes_name_the_module_its_applications_and_its_ops(graph):
    with v1.variable_scope("outer"):
        module = module_of(module_fns.scaled, name="scale")
        module([1.0])
    assert module.variables[0].name == "outer/scale/w:0"
    assert list(module.variable_map) == ["w"]
    assert graph.get_tensor_by_name("outer/scale_apply_default/x:0").dtype == tf.float32


def test_a_module_needs_its_whole_scope():
    with v1.name_scope("module"):
        tf.constant(1.0)
    with pytest.raises(RuntimeError, match="name_scope was already taken"):
        module_of(module_fns.scaled)


def test_several_inputs_and_outputs_are_given_by_name(run):
    module = module_of(module_fns.two_in_two_out)
    outputs = module({"x": [3.0], "y": [1.0]}, as_dict=True)
    assert run(outputs) == {"sum": [4.0], "difference": [2.0]}


def test_unfetched_outputs_are_not_run(run):
    x = v1.placeholder(tf.float32, [None])
    module = module_of(module_fns.two_in_two_out)
    module({"x": x, "y": [1.0]}, as_dict=True)
    assert run(module({"x": [1.0], "y": [1.0]}, as_dict=True)["sum"]) == [2.0]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, r"missing \['x', 'y'\]"),
        ({"x": [1.0]}, r"missing \['y'\], extra given \[\]"),
        ({"x": [1.0], "y": [1.0], "z": 1}, r"extra given \['z'\]"),
        ([1.0], "expects multiple inputs. Use a dict"),
        ({"x": ["a"], "y": [1.0]}, "Can't convert 'x'"),
        ({"x": [[1.0]], "y": [1.0]}, "Can't convert 'x'"),
    ],
)
def test_inputs_that_do_not_fit_are_type_errors(inputs, message):
    module = module_of(module_fns.two_in_two_out)
    with pytest.raises(TypeError, match=message):
        module(inputs, as_dict=True)


def test_a_signature_without_a_default_output_needs_as_dict():
    module = module_of(module_fns.two_in_two_out)
    with pytest.raises(TypeError, match="Use as_dict=True"):
        module({"x": [1.0], "y": [1.0]})


def test_inputs_to_a_signature_without_inputs_are_errors():
    module = module_of(module_fns.partitioned)
    with pytest.raises(TypeError, match="expects no inputs"):
        module([1.0])


def test_sparse_and_ragged_tensors_are_inputs_and_outputs(run):
    module = module_of(module_fns.squares)
    sparse = tf.SparseTensor([[0, 1], [2, 0]], tf.constant([3, 4], tf.int64), [3, 2])
    ragged = tf.ragged.constant([[1, 2], [], [3]], dtype=tf.int64)
    outputs = [module(sparse, signature="sparse"), module(ragged, signature="ragged")]
    assert isinstance(outputs[0], tf.SparseTensor) and isinstance(outputs[1], tf.RaggedTensor)
    values = run([outputs[0], outputs[1].to_tensor()])
    assert values[0].values.tolist() == [9, 16]
    assert values[1].tolist() == [[1, 4], [0, 0], [9, 0]]
    with pytest.raises(TypeError, match="Got Tensor. Expected SparseTensor"):
        module(tf.constant([1], tf.int64), signature="sparse")


def test_get_info_describes_signatures():
    module = module_of(module_fns.squares)
    assert sorted(module.get_signature_names()) == ["ragged", "sparse"]
    info = module.get_input_info_dict("sparse")["default"]
    assert (info.dtype, info.is_sparse, info.is_composite) == (tf.int64, True, True)
    assert module.get_output_info_dict("ragged")["default"].get_shape().as_list() == [None, None]
    with pytest.raises(ValueError, match="Signature 'default' is missing from meta graph.*ragged, sparse"):
        module.get_input_info_dict()


def test_partitioned_variables_are_one_in_the_map_and_several_in_the_list(run):
    module = module_of(module_fns.partitioned)
    assert [variable.name for variable in module.variables] == [
        "module/parts/part_0:0",
        "module/parts/part_1:0",
        "module/parts/part_2:0",
        "module/whole:0",
    ]
    assert [len(module.variable_map["parts"]), module.variable_map["whole"].name] == [3, "module/whole:0"]
    np.testing.assert_array_equal(run(module()), np.full([7, 2], 2.0))


def test_variables_partitioned_along_another_axis_survive_an_export(export, run):
    module = hub.Module(export(module_fns.partitioned_by_columns))
    assert len(module.variable_map["parts"]) == 2
    np.testing.assert_array_equal(run(module()), np.arange(10.0).reshape(2, 5))


def test_only_a_trainable_module_shows_its_variables_and_losses_to_training():
    spec = hub.create_module_spec(module_fns.regularized, [({"train"}, {"is_training": True}), (set(), {})])
    hub.Module(spec, tags={"train"})(tf.ones([1, 2]))
    assert not v1.trainable_variables() and not v1.losses.get_regularization_losses()
    assert not v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    hub.Module(spec, trainable=True, tags={"train"})(tf.ones([1, 2]))
    assert [variable.name for variable in v1.trainable_variables()] == ["module_1/w:0"]
    assert len(v1.losses.get_regularization_losses()) == 1
    assert len(v1.get_collection(v1.GraphKeys.UPDATE_OPS)) == 1


def test_update_ops_and_losses_come_with_the_signature_whose_inputs_they_need(run):
    module = module_of(module_fns.updates_of_two_signatures, trainable=True)
    assert not v1.losses.get_regularization_losses()
    module(7.0, signature="b")
    updates, losses = v1.get_collection(v1.GraphKeys.UPDATE_OPS), v1.losses.get_regularization_losses()
    assert len(updates) == len(losses) == 1
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert session.run([updates[0], losses[0]])[1] == 49.0
        assert session.run([module.variable_map["seen_a"], module.variable_map["seen_b"]]) == [0.0, 7.0]


def test_the_error_for_unknown_tags_lists_the_variants():
    spec = hub.create_module_spec(module_fns.scaled)
    with pytest.raises(ValueError, match=r"No such graph variant: tags=\['train'\].*leave tags unset"):
        hub.Module(spec, tags={"train"})
    with pytest.raises(KeyError):
        spec.get_signature_names(tags={"train"})


def test_a_module_works_in_branches_and_loops_of_the_graph(run):
    module = module_of(module_fns.scaled)
    chosen = tf.cond(v1.placeholder_with_default(True, []), lambda: module([1.0]), lambda: tf.constant([0.0]))
    looped = tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, module(x)), [0, tf.constant([1.0])])[1]
    mapped = tf.map_fn(module, tf.constant([[1.0], [2.0]]))
    gradient = tf.gradients(looped, module.variables)[0]  # d(w**3)/dw
    values = run([chosen, looped, mapped, gradient])
    assert [value.tolist() for value in values] == [[3.0], [27.0], [[3.0], [6.0]], 27.0]


def test_a_module_works_in_functions_within_its_graph(run):
    module = module_of(module_fns.scaled)

    @tf.function
    def twice(x):
        return module(module(x))

    outputs = twice(tf.constant([1.0]))
    assert run([outputs, tf.gradients(outputs, module.variables)[0]]) == [[9.0], 6.0]


def test_a_module_made_in_a_function_has_its_state_in_the_outer_graph(run):
    spec = hub.create_module_spec(module_fns.scaled)
    made = []

    @tf.function
    def scale(x):
        made.append(hub.Module(spec))
        return made[-1](x)

    outputs = scale(tf.constant([1.0]))
    assert made[0].variables[0] in v1.global_variables()
    assert run(outputs) == [3.0]


def test_update_ops_run_with_the_function_that_they_are_in(run):
    spec = hub.create_module_spec(module_fns.regularized, [((), {"is_training": True})])
    module = hub.Module(spec, trainable=True)

    @tf.function
    def apply(x):
        return module(x)

    outputs = apply(tf.constant([[2.0, 4.0]]))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(outputs)
        assert session.run(module.variable_map["mean"]) == 6.0


def test_reference_variables_are_read_in_functions_and_branches(run):
    module = module_of(module_fns.scaled_by_reference)

    @tf.function
    def scale(x):
        return module(x)

    chosen = tf.cond(v1.placeholder_with_default(True, []), lambda: module([2.0]), lambda: tf.constant([0.0]))
    assert run([scale(tf.constant([1.0])), chosen]) == [[3.0], [6.0]]


def test_a_module_with_control_flow_has_gradients(run):
    x = tf.constant(2.0)
    relu, power = module_of(module_fns.relu_by_cond), module_of(module_fns.power_by_while)
    outputs = [relu(x), power({"x": x, "n": 3})]
    values = run([outputs, [tf.gradients(output, x)[0] for output in outputs]])
    assert values == [[2.0, 8.0], [1.0, 12.0]]


def test_a_module_with_control_flow_works_in_a_function(run):
    relu, power = module_of(module_fns.relu_by_cond), module_of(module_fns.power_by_while)

    @tf.function
    def both(x):
        return relu(x), power({"x": x, "n": 3})

    assert run(both(tf.constant(2.0))) == (2.0, 8.0)


def test_a_graph_can_be_deeper_than_the_stack(run):
    module = module_of(module_fns.deep(3000))

    @tf.function
    def apply(x):
        return module(x)

    assert run([module(1.0), apply(tf.constant(1.0))]) == [3001.0, 3001.0]


def test_state_does_not_depend_on_the_control_dependencies_of_the_caller(graph):
    spec = hub.create_module_spec(module_fns.scaled)
    fed = v1.placeholder(tf.float32, [])
    with tf.control_dependencies([fed]):
        module = hub.Module(spec)
    assert all(fed.op not in op.control_inputs for op in graph.get_operations())
    with tf.control_dependencies([fed]):
        module([1.0])
    assert any(fed.op in op.control_inputs for op in graph.get_operations())


def test_a_module_belongs_to_one_graph():
    module = module_of(module_fns.scaled)
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="in the graph it was instantiated for"):
        module([1.0])


def test_a_module_is_evaluated_without_a_graph_of_the_caller(export):
    with hub.eval_function_for_module(export(module_fns.scaled)) as scale:
        assert scale([1.0]).tolist() == [3.0]
        assert scale(np.array([2.0]), as_dict=True)["default"].tolist() == [6.0]
        with pytest.raises(TypeError, match="missing"):
            scale()
    with hub.eval_function_for_module(hub.create_module_spec(module_fns.squares)) as square:
        value = square(v1.SparseTensorValue([[0, 0]], [3], [1, 1]), signature="sparse")
        assert value.values.tolist() == [9]
        assert square(v1.ragged.constant_value([[1, 2], []]), signature="ragged").to_list() == [[1, 4], []]


def test_an_object_that_is_not_a_spec_is_refused():
    with pytest.raises(ValueError, match="Unknown module spec type"):
        hub.Module(42)
