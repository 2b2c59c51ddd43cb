"""Ops that are made again as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain import gradients
from rehub.retrain.nodes import Node, Output, definition_of, output_dtypes

if TYPE_CHECKING:
    from rehub.retrain.retracing import Retracing, Scope

# Where TF1 wanted things to be, and what it had found out about shapes: TensorFlow decides anew.
_DROPPED = frozenset(["_class", "_output_shapes"])

# Ops on tables that took references to strings, and those that take resources.
_NEWER = {
    "LookupTableExport": "LookupTableExportV2",
    "LookupTableFind": "LookupTableFindV2",
    "LookupTableImport": "LookupTableImportV2",
    "LookupTableInsert": "LookupTableInsertV2",
    "LookupTableSize": "LookupTableSizeV2",
    "InitializeTable": "InitializeTableV2",
    "InitializeTableFromTextFile": "InitializeTableFromTextFileV2",
}

TABLES = {
    "HashTable": "HashTableV2",
    "HashTableV2": "HashTableV2",
    "MutableDenseHashTable": "MutableDenseHashTableV2",
    "MutableDenseHashTableV2": "MutableDenseHashTableV2",
    "MutableHashTable": "MutableHashTableV2",
    "MutableHashTableOfTensors": "MutableHashTableOfTensorsV2",
    "MutableHashTableOfTensorsV2": "MutableHashTableOfTensorsV2",
    "MutableHashTableV2": "MutableHashTableV2",
}


def copy(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    """Makes an op of the same type, with the same attributes, on what its inputs have become."""
    inputs = [_as_argument(tracing, node, source, scope) for source in node.inputs]
    attr = {key: value for key, value in node.attr.items() if key not in _DROPPED}
    attr.update(gradients.attribute(node))
    if tracing.program.library.called_by(node):
        return tf_internals.ops.import_node(node, attr, inputs, tracing.program.library.functions)
    op = create(_NEWER.get(node.op, node.op), inputs, attr, node.name)
    scope.operations[node.name] = [op]
    return list(op.outputs)


def _as_argument(tracing: Retracing, node: Node, source: Output, scope: Scope) -> Any:
    tf = tf_internals.import_tensorflow()
    value = tracing.value(source, scope)
    if isinstance(value, tf.Variable) and (node.op.startswith("Resource") or node.op == "VariableShape"):
        value.read_value()  # By this a GradientTape learns that the variable is in use.
        return value.handle
    value = tracing.tensor(source, scope, node.name)
    if isinstance(value, tf.TensorArray) or not tf.is_tensor(value):
        raise InvalidModule(f"Node {node.name!r} ({node.op}) cannot be traced: it takes the flow of a TensorArray.")
    return value


def create(op: str, inputs: Sequence[Any], attr: Mapping[str, Any], name: str) -> Any:
    """Makes an op in the default graph; inputs that are lists are given one by one."""
    graph = tf_internals.import_tensorflow().compat.v1.get_default_graph()
    return graph.create_op(
        op, list(inputs), output_dtypes(op, attr), attrs=dict(attr), name=name, op_def=definition_of(op)
    )


def _unfed(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    del tracing, scope
    raise InvalidModule(
        f"Placeholder {node.name!r} is needed for what was asked for, but it is no input of the signature."
    )


def _default(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    return tracing.tensors(node, scope)[:1]


def _table(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    del scope
    return [tracing.state.table(node)]


def _no_op(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    """What it groups has been traced before it."""
    del tracing, node, scope
    return []


EMITTERS: dict[str, Callable[[Retracing, Node, Scope], Sequence[Any]]] = {
    **dict.fromkeys(["Placeholder", "PlaceholderV2"], _unfed),
    **dict.fromkeys(TABLES, _table),
    "LoopCond": _default,
    "NoOp": _no_op,
    "PlaceholderWithDefault": _default,
}
