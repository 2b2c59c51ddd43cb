"""Calls of functions, and conditionals and loops whose branches and bodies are functions."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from rehub import tf_internals
from rehub.retrain.context import Context, Converter, Scope, is_variable
from rehub.retrain.graph import Node


def call_by_op(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Trace an op that has the name of a function, which it calls."""
    return _call_with_gradient(context, node.op, context.get_inputs(node, scope))


def _convert_partitioned_call(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return _call_with_gradient(context, node.attr["f"].func.name, context.get_inputs(node, scope))


def _call_with_gradient(context: Context, name: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Call a function, which can have a gradient that its author gave it.

    That is a function of the arguments and of the gradients of the results (GradientDef in
    tensorflow/core/framework/function.proto).
    """
    gradient = context.program.library.gradients.get(name)
    if gradient is None or any(_is_handle(argument) for argument in arguments):
        return context.call_function(name, arguments)

    def with_gradient(*arguments: Any) -> Any:
        def compute_gradient(*gradients: Any) -> Any:
            return context.call_function(gradient, [*arguments, *gradients])

        return context.call_function(name, arguments), compute_gradient

    return _as_list(tf_internals.import_tensorflow().custom_gradient(with_gradient)(*arguments))


def _convert_if(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    predicate, *arguments = context.get_inputs(node, scope)
    return _as_list(
        tf_internals.import_tensorflow().compat.v2.cond(
            _as_bool(predicate),
            _make_branch(context, node.attr["then_branch"].func.name, arguments),
            _make_branch(context, node.attr["else_branch"].func.name, arguments),
        )
    )


def _convert_case(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    index, *arguments = context.get_inputs(node, scope)
    branches = [_make_branch(context, function.name, arguments) for function in node.attr["branches"].list.func]
    return _as_list(tf_internals.import_tensorflow().switch_case(index, branches))


def _make_branch(context: Context, name: str, arguments: Sequence[Any]) -> Callable[[], list[Any]]:
    return lambda: _read_variables(context, context.call_function(name, arguments))


def _convert_while(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Trace a loop. Variables among its arguments stay the same, and so stay outside of it."""
    tf = tf_internals.import_tensorflow()
    arguments = context.get_inputs(node, scope)
    changing = [at for at, argument in enumerate(arguments) if not _is_handle(argument)]

    def with_variables(values: Sequence[Any]) -> list[Any]:
        present = dict(zip(changing, values))
        return [present.get(at, argument) for at, argument in enumerate(arguments)]

    def check_condition(*values: Any) -> Any:
        return _as_bool(context.call_function(node.attr["cond"].func.name, with_variables(values))[0])

    def run_body(*values: Any) -> list[Any]:
        results = context.call_function(node.attr["body"].func.name, with_variables(values))
        return _read_variables(context, [results[at] for at in changing])

    shapes = node.attr["output_shapes"].list.shape
    results = tf.compat.v2.while_loop(
        check_condition,
        run_body,
        [arguments[at] for at in changing],
        shape_invariants=[tf.TensorShape(shapes[at]) for at in changing] if shapes else None,
        parallel_iterations=node.attr["parallel_iterations"].i or 10,
    )
    return with_variables(_as_list(results))


def _is_handle(value: Any) -> bool:
    return is_variable(value) or value.dtype == tf_internals.import_tensorflow().resource


def _as_bool(value: Any) -> Any:
    """Return whether a predicate of any dtype counts as true, as the kernels of If and While decide it."""
    tf = tf_internals.import_tensorflow()
    return value if value.dtype == tf.bool else tf.raw_ops.ToBool(input=value)


def _read_variables(context: Context, values: Sequence[Any]) -> list[Any]:
    return [context.reads.read_variable(value) if is_variable(value) else value for value in values]


def _as_list(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(["If", "StatelessIf"], _convert_if),
    **dict.fromkeys(["Case", "StatelessCase"], _convert_case),
    **dict.fromkeys(["While", "StatelessWhile"], _convert_while),
    **dict.fromkeys(["PartitionedCall", "StatefulPartitionedCall"], _convert_partitioned_call),
}
