"""Search and edit a GraphDef or MetaGraphDef before TensorFlow imports it."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

from rehub import tf_internals
from rehub.savedmodel.graph_search import find_reachable
from rehub.savedmodel.nodes import node_name


def ancestors(graph_def: Any, tensors: Iterable[str]) -> set[str]:
    """Return the names of the nodes that some tensors depend on, by data or control, their own included."""
    inputs_of = {node.name: node.input for node in graph_def.node}
    return find_reachable(map(node_name, tensors), lambda name: map(node_name, inputs_of.get(name, ())))


def descendants(graph_def: Any, names: Iterable[str]) -> set[str]:
    """Return the names of the nodes that depend on some nodes, by data or control, those included."""
    users_of: dict[str, list[str]] = {}
    for node in graph_def.node:
        for tensor in node.input:
            users_of.setdefault(node_name(tensor), []).append(node.name)
    return find_reachable(names, lambda name: users_of.get(name, ()))


def find_state_nodes(graph_def: Any) -> set[str]:
    """Return the names of the nodes that hold state: stateful ops without inputs, such as variables and tables."""
    ops = {op for op in {node.op for node in graph_def.node} if _holds_state(op)}
    return {node.name for node in graph_def.node if node.op in ops}


def _holds_state(op: str) -> bool:
    definition = tf_internals.ops.op_definition(op)
    return definition is not None and definition.is_stateful and not definition.input_arg


def keep_collections(meta_graph: Any, keep: Iterable[str]) -> None:
    """Remove all collections but some."""
    kept = frozenset(keep)
    for key in list(meta_graph.collection_def):
        if key not in kept:
            del meta_graph.collection_def[key]


def keep_members(meta_graph: Any, key: str, nodes: set[str]) -> None:
    """Remove from a collection the tensors and ops of all nodes but some."""
    if key in meta_graph.collection_def:
        members = meta_graph.collection_def[key].node_list.value
        members[:] = [member for member in members if node_name(member) in nodes]


def members_of_contexts(meta_graph: Any, nodes: set[str]) -> set[str]:
    """Return the names of all nodes in the `tf.cond`s and `tf.while_loop`s of TF1 that some nodes belong to."""
    contexts = [members for _, _, members in _iter_contexts(meta_graph)]
    return {name for members in contexts if members & nodes for name in members}


def keep_contexts(meta_graph: Any, nodes: set[str]) -> None:
    """Remove the control flow contexts that none of the nodes belong to."""
    kept: dict[str, list[bytes]] = {}
    for key, serialized, members in _iter_contexts(meta_graph):
        kept.setdefault(key, []).extend([serialized] if members & nodes else [])
    for key, contexts in kept.items():
        meta_graph.collection_def[key].bytes_list.value[:] = contexts


def _iter_contexts(meta_graph: Any) -> Iterator[tuple[str, bytes, set[str]]]:
    """Yield the collection, content and node names of each outermost control flow context."""
    names = {node.name for node in meta_graph.graph_def.node}
    keys = tf_internals.import_tensorflow().compat.v1.GraphKeys
    for key in (keys.COND_CONTEXT, keys.WHILE_CONTEXT):
        if key in meta_graph.collection_def:
            for serialized in meta_graph.collection_def[key].bytes_list.value:
                members = {node_name(member) for member in tf_internals.v1_graphs.members_of_context(key, serialized)}
                yield key, serialized, members & names


def keep_nodes(graph_def: Any, keep: set[str]) -> None:
    """Remove all nodes but some."""
    kept = [node for node in graph_def.node if node.name in keep]
    del graph_def.node[:]
    graph_def.node.extend(kept)


def drop_colocation(graph_def: Any) -> None:
    """Remove all colocation constraints."""
    for node in graph_def.node:
        if "_class" in node.attr:
            del node.attr["_class"]


def drop_debug_names(graph_def: Any) -> None:
    """Remove the debug names of variables. TensorFlow versions that do not write them cannot import such a graph."""
    for node in graph_def.node:
        if node.op == "VarHandleOp" and "debug_name" in node.attr:
            del node.attr["debug_name"]


def prefix_shared_names(graph_def: Any, scope: str) -> None:
    """Put a scope before the names by which resources of a session are shared, so that modules do not share them."""
    for node in graph_def.node:
        if "shared_name" in node.attr and node.attr["shared_name"].s:
            node.attr["shared_name"].s = scope.encode() + b"/" + node.attr["shared_name"].s


def replace_with_placeholders(graph_def: Any, names: set[str]) -> None:
    """Turn nodes into placeholders, for the tensors that replace them."""
    resource = tf_internals.import_tensorflow().resource.as_datatype_enum
    for node in graph_def.node:
        if node.name in names:
            node.op = "Placeholder"
            for key in [key for key in node.attr if key != "shape"]:
                del node.attr[key]
            node.attr["dtype"].type = resource
