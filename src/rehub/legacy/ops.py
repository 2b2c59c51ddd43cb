"""Register the ops of a module's graph before TensorFlow imports it."""

from __future__ import annotations

from typing import Any, Iterable

from rehub import restore, tf_internals
from rehub.errors import MissingOp
from rehub.savedmodel.used_ops import GRAPH_HOLDERS, find_nested_ops
from rehub.savedmodel.wire import Message


def register_graph_ops(meta_graph: Any, label: str, replaced: Iterable[str] = ()) -> None:
    """Import the packages with the ops of a MetaGraphDef that plain TensorFlow lacks.

    Args:
        meta_graph: the MetaGraphDef.
        label: what messages call the model.
        replaced: ops that are not needed, such as those in whose place others are traced.

    Raises:
        MissingOp: an op is not available; says which package has it. It is a `tf.errors.NotFoundError` as well.
    """
    graph_def = meta_graph.graph_def
    ops = {node.op for node in graph_def.node}
    for function in graph_def.library.function:
        ops.update(node.op for node in function.node_def)
    nested: frozenset[str] = frozenset()
    if ops & GRAPH_HOLDERS:
        content = graph_def.SerializeToString()
        nested = find_nested_ops(content, Message(content))
    functions = {function.signature.name for function in graph_def.library.function}
    optional = set(replaced)
    wanted = nested | (optional - functions)
    _register_ops(ops - functions - optional, label, meta_graph.meta_info_def.tensorflow_version, wanted)


def register_ops_if_needed(graph_ops: Iterable[str]) -> None:
    """Import the packages with those of some ops that plain TensorFlow lacks.

    Raises:
        MissingOp: an op is not available, as in `register_graph_ops`.
    """
    _register_ops(set(graph_ops), "a graph")


def _register_ops(ops: set[str], label: str, written_by: str = "", nested: Iterable[str] = ()) -> None:
    tf = tf_internals.import_tensorflow()
    try:
        restore.ensure_ops_registered(ops, label, written_by=written_by, wanted=nested)
    except MissingOp as error:
        # hub.Module of tensorflow_hub raised TensorFlow's error.
        raise restore.make_joint_error(MissingOp, [tf.errors.NotFoundError], str(error)) from error
    tf_internals.ops.make_ops_importable(ops)
    if ops & {"While", "StatelessWhile"}:
        tf_internals.ops.register_gradients_of_loops()
