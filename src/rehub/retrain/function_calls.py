"""Calls of functions, and the conditionals and loops that are functions: their bodies take the place of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from rehub import tf_internals
from rehub.retrain.nodes import Node
from rehub.retrain.variable_ops import is_variable

if TYPE_CHECKING:
    from rehub.retrain.retracing import Retracing, Scope


def call(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    """An op that is named as a function of the library calls it."""
    return _call(tracing, node.op, tracing.inputs(node, scope))


def _partitioned_call(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    return _call(tracing, node.attr["f"].func.name, tracing.inputs(node, scope))


def _call(tracing: Retracing, name: str, arguments: Sequence[Any]) -> Sequence[Any]:
    """Calls a function, which may have a gradient that its author gave: one of its arguments and of the gradients of
    its results (TensorFlow: GradientDef in function.proto).
    """
    gradient = tracing.program.library.gradients.get(name)
    if gradient is None or any(_is_handle(argument) for argument in arguments):
        return tracing.call(name, arguments)

    def with_gradient(*arguments: Any) -> Any:
        def backward(*gradients: Any) -> Any:
            return tracing.call(gradient, [*arguments, *gradients])

        return tracing.call(name, arguments), backward

    return _listed(tf_internals.import_tensorflow().custom_gradient(with_gradient)(*arguments))


def _if(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    tf = tf_internals.import_tensorflow()
    predicate, *arguments = tracing.inputs(node, scope)
    return _listed(
        tf.compat.v2.cond(
            _truth(predicate),
            lambda: _read(tracing, tracing.call(node.attr["then_branch"].func.name, arguments)),
            lambda: _read(tracing, tracing.call(node.attr["else_branch"].func.name, arguments)),
        )
    )


def _case(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    index, *arguments = tracing.inputs(node, scope)

    def branch(name: str) -> Callable[[], list[Any]]:
        return lambda: _read(tracing, tracing.call(name, arguments))

    branches = [branch(function.name) for function in node.attr["branches"].list.func]
    return _listed(tf_internals.import_tensorflow().switch_case(index, branches))


def _while(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    """Variables among what changes from turn to turn stay the same, and so stay outside of the loop."""
    tf = tf_internals.import_tensorflow()
    arguments = tracing.inputs(node, scope)
    changing = [at for at, argument in enumerate(arguments) if not _is_handle(argument)]

    def everything(values: Sequence[Any]) -> list[Any]:
        present = dict(zip(changing, values))
        return [present.get(at, argument) for at, argument in enumerate(arguments)]

    def condition(*values: Any) -> Any:
        return _truth(tracing.call(node.attr["cond"].func.name, everything(values))[0])

    def body(*values: Any) -> list[Any]:
        results = tracing.call(node.attr["body"].func.name, everything(values))
        return _read(tracing, [results[at] for at in changing])

    initial = [arguments[at] for at in changing]
    shapes = node.attr["output_shapes"].list.shape
    results = tf.compat.v2.while_loop(
        condition,
        body,
        initial,
        shape_invariants=[tf.TensorShape(shapes[at]) for at in changing] if shapes else None,
        parallel_iterations=node.attr["parallel_iterations"].i or 10,
    )
    return everything(_listed(results))


def _is_handle(value: Any) -> bool:
    return is_variable(value) or value.dtype == tf_internals.import_tensorflow().resource


def _truth(value: Any) -> Any:
    """Whether a predicate of any dtype counts as true (TensorFlow: ToBool)."""
    tf = tf_internals.import_tensorflow()
    return value if value.dtype == tf.bool else tf.raw_ops.ToBool(input=value)


def _read(tracing: Retracing, values: Sequence[Any]) -> list[Any]:
    return [tracing.reads.read(value) if is_variable(value) else value for value in values]


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


EMITTERS: dict[str, Callable[[Retracing, Node, Scope], Sequence[Any]]] = {
    **dict.fromkeys(["If", "StatelessIf"], _if),
    **dict.fromkeys(["Case", "StatelessCase"], _case),
    **dict.fromkeys(["While", "StatelessWhile"], _while),
    **dict.fromkeys(["PartitionedCall", "StatefulPartitionedCall"], _partitioned_call),
}
