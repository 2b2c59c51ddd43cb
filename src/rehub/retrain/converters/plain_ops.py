"""Ops that are the same in TF2, and nodes that need none."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain.context import Context, Converter, Scope, cannot_trace
from rehub.retrain.converters.custom_gradients import gradient_attribute
from rehub.retrain.graph.nodes import Node, NodeOutput, output_dtypes, require_op_def

# Colocation and inferred shapes: TensorFlow decides both again.
_DROPPED_ATTRIBUTES = frozenset(["_class", "_output_shapes"])


def copy_op(context: Context, node: Node, scope: Scope, op: str | None = None) -> Sequence[Any]:
    """Make an op of the same type, or of the type `op`, with the same attributes, on what its inputs have become."""
    inputs = [_convert_input(context, node, source, scope) for source in node.inputs]
    attr = {key: value for key, value in node.attr.items() if key not in _DROPPED_ATTRIBUTES}
    attr.update(gradient_attribute(node))
    functions = context.program.library.load_functions(node)
    for function in functions.values():
        function.add_to_graph(scope.graph)
    attr = {key: _rename_functions(value, functions) for key, value in attr.items()} if functions else attr
    created = create_op(op or node.op, inputs, attr, node.name)
    scope.operations[node.name] = [created]
    return list(created.outputs)


def _rename_functions(value: Any, functions: Mapping[str, Any]) -> Any:
    """Return an AttrValue with the names by which TensorFlow knows functions."""
    renamed = type(value)()
    renamed.CopyFrom(value)
    for named in [renamed.func, *renamed.list.func] if renamed.WhichOneof("value") in ("func", "list") else []:
        if named.name in functions:
            named.name = functions[named.name].name
    return renamed


def _convert_input(context: Context, node: Node, source: NodeOutput, scope: Scope) -> Any:
    tf = tf_internals.import_tensorflow()
    value = context.get_value(source, scope)
    if isinstance(value, tf.Variable) and (node.op.startswith("Resource") or node.op == "VariableShape"):
        value.read_value()  # This makes a GradientTape watch the variable.
        return value.handle
    value = context.get_tensor(source, scope, node.name)
    if isinstance(value, tf.TensorArray) or not tf.is_tensor(value):
        raise cannot_trace(node, "it takes the flow of a TensorArray")
    return value


def create_op(op: str, inputs: Sequence[Any], attr: Mapping[str, Any], name: str) -> Any:
    """Make an op in the default graph. An input that is a list is given tensor by tensor."""
    graph = tf_internals.import_tensorflow().compat.v1.get_default_graph()
    return graph.create_op(
        op, list(inputs), output_dtypes(op, attr), attrs=dict(attr), name=name, op_def=require_op_def(op)
    )


def convert_asset_path(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Return the path of a file of the module. It differs in a copy of the module, so it is not a constant."""
    path = context.state.get_asset(context.program, node).asset_path
    shape = [dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]
    return [tf_internals.import_tensorflow().reshape(path, shape)]


def _convert_parse_example(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Copy an op with inputs of the ranks that TensorFlow's shape inference asks for, and its kernel does not."""
    tf = tf_internals.import_tensorflow()
    serialized, names, *others = context.get_input_tensors(node, scope)
    if names.shape.rank != 1:
        names = tf.constant([], tf.string)  # They are for messages only.
    keys = node.attr["Nsparse"].i + node.attr["Ndense"].i
    others = [tf.reshape(key, []) if key.shape.num_elements() == 1 else key for key in others[:keys]] + others[keys:]
    attr = {key: value for key, value in node.attr.items() if key not in _DROPPED_ATTRIBUTES}
    return list(create_op(node.op, [serialized, names, *others], attr, node.name).outputs)


def _refuse_placeholder(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    raise InvalidModule(f"Placeholder {node.name!r} needs a value: it is not an input.")


def _take_input(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return context.get_input_tensors(node, scope)[:1]


def _skip_node(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return []


CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(["Placeholder", "PlaceholderV2"], _refuse_placeholder),
    "LoopCond": _take_input,
    "ParseExample": _convert_parse_example,
    "NoOp": _skip_node,  # What it groups has been traced before it.
    "PlaceholderWithDefault": _take_input,
}
