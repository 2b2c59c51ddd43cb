"""Refuse gradients of TF1's loops in functions, where TensorFlow fails late or computes wrong values."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import GraphRequired


def has_loop(graph_def: Any) -> bool:
    """Whether a graph has a `tf.while_loop` of TF1."""
    return any(node.op in ("Enter", "RefEnter") for node in graph_def.node)


def check_when_differentiated(tensor: Any, module_op: str) -> Any:
    """Return a copy of a loop's result in a function. Its gradient raises an error where it would be wrong.

    Args:
        module_op: what the error calls the application of the module.
    """
    if not tensor.dtype.is_floating:
        return tensor
    tf = tf_internals.import_tensorflow()
    graph = tensor.graph

    def copy_result(result: Any) -> tuple[Any, Any]:
        def pass_gradient(incoming: Any) -> Any:
            _check_gradient(graph, tf.compat.v1.get_default_graph(), module_op)
            return incoming

        return tf.identity(result), pass_gradient

    return tf.custom_gradient(copy_result)(tensor)


def _check_gradient(of_loop: Any, of_gradient: Any, module_op: str) -> None:
    if of_gradient is not of_loop:
        # The loop keeps intermediate values for its gradient on stacks, which are deleted after the function's call.
        reason = "outside of that function"
    elif any(_is_of_cond(op) for op in of_loop.get_operations()):
        # In a function with a loop, TensorFlow adds the zeros for the branch not taken to the result of any branch.
        reason = "in a function that also has a tf.cond of TF1"
    else:
        return
    raise GraphRequired(
        f"{module_op!r} applies a module with a tf.while_loop of TF1 in a function, and TensorFlow cannot take its "
        f"gradients {reason}. Apply the module in the graph itself, not in tf.function or wrap_function. tf.cond and "
        "tf.while_loop are part of the graph itself after tf.compat.v1.disable_control_flow_v2()."
    )


def _is_of_cond(op: Any) -> bool:
    return op.type in ("Switch", "RefSwitch") and op.inputs[1].op.type != "LoopCond"
