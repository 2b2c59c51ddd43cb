"""A loop of TF1, made of Enters, Merges, Switches and Exits, becomes one `tf.while_loop`."""

from __future__ import annotations

from typing import Any, Sequence

from rehub import tf_internals
from rehub.retrain.context import Context, Scope
from rehub.retrain.graph import Loop, NodeOutput, Program


def convert_loop(context: Context, loop: Loop, scope: Scope) -> None:
    """Trace a loop. Its values and operations go into the scope."""
    tf = tf_internals.import_tensorflow()
    initial = [context.get_tensor(variable.initial, scope) for variable in loop.variables]

    def begin_iteration(values: Sequence[Any]) -> Scope:
        inside = Scope(tf.compat.v1.get_default_graph(), scope, loop)
        for variable, value in zip(loop.variables, values):
            inside.values[NodeOutput(variable.merge, 0)] = value
            inside.traced.add(variable.merge)
            for switch in variable.switches:
                inside.values[NodeOutput(switch, 1)] = value
                inside.traced.add(switch)
        return inside

    def check_condition(*values: Any) -> Any:
        return context.get_tensor(loop.condition, begin_iteration(values))

    def run_body(*values: Any) -> list[Any]:
        inside = begin_iteration(values)
        for control in context.program.find_controls(name for it in loop.variables for name in it.before_next):
            context.trace_node(control.node, inside)
        return [context.get_tensor(variable.next, inside) for variable in loop.variables]

    results = _make_while_loop(context.program, loop, check_condition, run_body, initial)
    if not loop.options.back_prop:
        results = [_stop_gradient(result) for result in results]
    for variable, result in zip(loop.variables, results):
        for name in variable.exits:
            scope.values[NodeOutput(name, 0)] = result
            scope.operations[name] = scope.operations_of(result)
            scope.traced.add(name)


def _make_while_loop(program: Program, loop: Loop, condition: Any, body: Any, initial: list[Any]) -> Sequence[Any]:
    """Make a `tf.while_loop` with shape invariants that are as strict as its body allows."""
    tf = tf_internals.import_tensorflow()
    results: Sequence[Any] = ()
    declared = [_declared_shape(program, variable.merge) for variable in loop.variables]
    for relax in (_keep_declared_shape, _keep_rank, _allow_any_shape):
        try:
            results = tf.compat.v2.while_loop(
                condition,
                body,
                initial,
                shape_invariants=[relax(value, shape) for value, shape in zip(initial, declared)],
                parallel_iterations=loop.parallel_iterations,
                swap_memory=loop.options.swap_memory,
            )
        except ValueError as error:
            # TensorFlow's message about a shape that changes between iterations has this word.
            if relax is _allow_any_shape or "shape" not in str(error):
                raise
        else:
            break
    return results


def _declared_shape(program: Program, merge: str) -> Any:
    """Return the shape that TF1 inferred for a loop's variable, if the graph has it."""
    attr = program.graph.nodes[merge].attr
    shapes = attr["_output_shapes"].list.shape if "_output_shapes" in attr else ()
    return tf_internals.import_tensorflow().TensorShape(shapes[0]) if shapes else None


def _keep_declared_shape(value: Any, declared: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    if not isinstance(value, tf.Tensor):
        return tf.TensorShape(None)
    if declared is None or declared.ndims is None or value.shape.ndims != declared.ndims:
        return value.shape if declared is None else tf.TensorShape(None)
    pairs = zip(value.shape.as_list(), declared.as_list())
    return tf.TensorShape([size if size == other else None for size, other in pairs])


def _keep_rank(value: Any, declared: Any) -> Any:
    del declared
    tf = tf_internals.import_tensorflow()
    if not isinstance(value, tf.Tensor) or value.shape.ndims is None:
        return tf.TensorShape(None)
    return tf.TensorShape([None] * value.shape.ndims)


def _allow_any_shape(value: Any, declared: Any) -> Any:
    del value, declared
    return tf_internals.import_tensorflow().TensorShape(None)


def _stop_gradient(value: Any) -> Any:
    """Return a tensor, or a TensorArray with its flow, that passes no gradient on."""
    tf = tf_internals.import_tensorflow()
    if isinstance(value, tf.TensorArray):
        return tf_internals.v1_graphs.tensor_array_with_flow(value, tf.stop_gradient(value.flow))
    return tf.stop_gradient(value) if tf.is_tensor(value) else value
