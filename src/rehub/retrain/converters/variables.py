"""Ops on variables: reference variables of TF1 and resource variables alike become `tf.Variable`s of the module."""

from __future__ import annotations

from typing import Any, Sequence

from rehub import tf_internals
from rehub.retrain.context import Context, Converter, Scope, cannot_trace, is_variable
from rehub.retrain.converters.plain_ops import copy_op, create_op
from rehub.retrain.graph import Node

VARIABLES = frozenset(["AutoReloadVariable", "VarHandleOp", "Variable", "VariableV2"])

_ASSIGN = {
    "Assign": "assign",
    "AssignAdd": "assign_add",
    "AssignSub": "assign_sub",
    "AssignVariableOp": "assign",
    "AssignAddVariableOp": "assign_add",
    "AssignSubVariableOp": "assign_sub",
}

# Ops that take a reference, and those that take a handle instead.
_SCATTER = {f"Scatter{change}": f"ResourceScatter{change}" for change in ("Update", "Add", "Sub", "Mul", "Div")}
_SCATTER.update({f"Scatter{change}": f"ResourceScatter{change}" for change in ("Min", "Max")})
_SCATTER.update({f"ScatterNd{change}": f"ResourceScatterNd{change}" for change in ("Update", "Add", "Sub")})


def _convert_variable(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return [context.state.get_variable(node)]


def _convert_read(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    (given,), (value,) = context.get_inputs(node, scope), context.get_input_tensors(node, scope)
    # A read of a value that has been read already, or of the flow of a TensorArray, changes nothing.
    is_tensor = tf_internals.import_tensorflow().is_tensor(value)
    return [value] if is_variable(given) or not is_tensor else copy_op(context, node, scope)


def _convert_is_initialized(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return [tf_internals.import_tensorflow().constant(True)]


def _convert_assignment(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    variable = context.get_value(node.inputs[0], scope)
    value = context.get_tensor(node.inputs[1], scope, node.name)
    if not is_variable(variable):
        raise cannot_trace(node, "it does not assign to a variable")
    done = getattr(variable, _ASSIGN[node.op])(value, read_value=False)
    scope.operations[node.name] = [] if done is None else [getattr(done, "op", done)]
    # An assignment to a reference returns the reference; one to a handle returns nothing.
    return [] if node.op.endswith("VariableOp") else [variable]


def _convert_scatter(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    variable = context.get_value(node.inputs[0], scope)
    arguments = [context.get_tensor(source, scope, node.name) for source in node.inputs[1:]]
    op = _SCATTER[node.op]
    attr = {"Tindices": node.attr["Tindices"], "T" if "Nd" in op else "dtype": node.attr["T"]}
    scope.operations[node.name] = [create_op(op, [variable.handle, *arguments], attr, node.name)]
    return [variable]


def _convert_gather(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    variable = context.get_value(node.inputs[0], scope)
    indices = context.get_tensor(node.inputs[1], scope, node.name)
    if not is_variable(variable) or node.attr["batch_dims"].i:
        return copy_op(context, node, scope)
    tf = tf_internals.import_tensorflow()
    gather = tf.gather_nd if node.op == "ResourceGatherNd" else tf.gather
    in_loop = scope.is_in_loop() and not context.reads.is_assigned(variable)
    return [gather(context.reads.read_variable(variable) if in_loop else variable, indices)]


CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(VARIABLES, _convert_variable),
    **dict.fromkeys(_ASSIGN, _convert_assignment),
    **dict.fromkeys(_SCATTER, _convert_scatter),
    **dict.fromkeys(["Identity", "RefIdentity", "ReadVariableOp"], _convert_read),
    **dict.fromkeys(["ResourceGather", "ResourceGatherNd"], _convert_gather),
    **dict.fromkeys(["IsVariableInitialized", "VarIsInitializedOp"], _convert_is_initialized),
}
