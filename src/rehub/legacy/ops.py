"""Makes sure that TensorFlow knows the ops of a module before it imports its graph."""

from __future__ import annotations

from typing import Any, Iterable

from rehub import restore, tf_internals
from rehub.errors import MissingOp
from rehub.savedmodel.used_ops import GRAPH_HOLDERS, ops_of_nested_graphs
from rehub.savedmodel.wire import Message


def register_graph_ops(meta_graph: Any, described_as: str) -> None:
    """Imports the packages that bring ops of a MetaGraphDef which plain TensorFlow lacks.

    Raises:
        MissingOp: an op is not available; says which package brings it. It is a `tf.errors.NotFoundError` as well.
    """
    graph_def = meta_graph.graph_def
    ops = {node.op for node in graph_def.node}
    for function in graph_def.library.function:
        ops.update(node.op for node in function.node_def)
    nested: frozenset[str] = frozenset()
    if ops & GRAPH_HOLDERS:
        content = graph_def.SerializeToString()
        nested = ops_of_nested_graphs(content, Message(content))
    functions = {function.signature.name for function in graph_def.library.function}
    _register(ops - functions, described_as, meta_graph.meta_info_def.tensorflow_version, nested)


def register_ops_if_needed(graph_ops: Iterable[str]) -> None:
    """Imports the packages that bring ops, given by name, which plain TensorFlow lacks.

    Raises:
        MissingOp: as `register_graph_ops`.
    """
    _register(set(graph_ops), "a graph")


def _register(ops: set[str], described_as: str, written_by: str = "", nested: Iterable[str] = ()) -> None:
    tf = tf_internals.import_tensorflow()
    try:
        restore.ensure_ops_registered(tf, ops, described_as, written_by=written_by, wanted=nested)
    except MissingOp as error:
        # hub.Module of tensorflow_hub raised TensorFlow's error.
        raise restore.as_tensorflow_error(MissingOp, tf.errors.NotFoundError, str(error)) from error
    tf_internals.ops.make_ops_importable(ops)
    if ops & {"While", "StatelessWhile"}:
        tf_internals.ops.register_gradients_of_loops()
