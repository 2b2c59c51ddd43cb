"""The ops that a graph uses: those of its nodes and functions, and of graphs that nodes hold serialized."""

from __future__ import annotations

import re
from typing import Iterator

from rehub.savedmodel.nodes import GraphScope, Node, iter_scopes_of_graph
from rehub.savedmodel.protos import AttrValue, TensorProto
from rehub.savedmodel.wire import Buffer, Message, WireError

_MAX_NESTED_GRAPHS = 4
_OP_NAME = re.compile(r"[A-Za-z0-9_.>-]+\Z")
# Op -> the attribute that can hold a serialized GraphDef, and the GraphDef's field where another message holds it.
HOLDS_GRAPH = {
    "RemoteFusedGraphExecute": ("serialized_remote_fused_graph_execute_info", 1),
    "TRTEngineOp": ("serialized_segment", 0),
}
GRAPH_FROM_TENSOR = "DatasetFromGraph"
GRAPH_HOLDERS = frozenset([*HOLDS_GRAPH, GRAPH_FROM_TENSOR])


def find_ops(content: Buffer, graph: Message, *, only_functions: bool = False) -> frozenset[str]:
    """Return the ops of a graph's nodes and of its functions' nodes.

    Names of its functions, which nodes can call like ops, are not among the ops.

    Args:
        content: the bytes that hold the graph.
        graph: its GraphDef.
        only_functions: leaves out the nodes of the graph itself.

    Raises:
        WireError: the bytes are not a GraphDef.
    """
    ops: set[str] = set()
    functions = set()
    for scope in iter_scopes_of_graph(content, graph, frozenset()):
        functions.add(scope.function)
        if scope.function or not only_functions:
            ops.update(node.op for node in scope.nodes())
    return frozenset(ops - functions)


def find_nested_ops(content: Buffer, graph: Message, depth: int = 0) -> frozenset[str]:
    """Return the ops of the graphs that nodes hold serialized, in an attribute or, for a dataset, in a constant.

    TensorFlow reads such a graph when its node runs.

    Args:
        content: the bytes that hold the graph.
        graph: its GraphDef.
        depth: how many other graphs hold the graph.

    Raises:
        WireError: the bytes are not a GraphDef.
    """
    ops: set[str] = set()
    scopes = list(iter_scopes_of_graph(content, graph, frozenset()))
    for nested_content, nested in _iter_nested_graphs(scopes) if depth < _MAX_NESTED_GRAPHS else ():
        try:
            found = find_ops(nested_content, nested)
            # A text that is not a graph can be one by its bytes.
            if all(_OP_NAME.match(op) for op in found):
                ops.update(found, find_nested_ops(nested_content, nested, depth + 1))
        except WireError:
            continue
    return frozenset(ops)


def _iter_nested_graphs(scopes: list[GraphScope]) -> Iterator[tuple[bytes, Message]]:
    """Yield what may be a graph, in its own bytes."""
    has_datasets = any(node.op == GRAPH_FROM_TENSOR for scope in scopes for node in scope.nodes())
    for scope in scopes:
        for node in scope.nodes():
            yield from _iter_graphs_of_node(node, has_datasets)


def _iter_graphs_of_node(node: Node, has_datasets: bool) -> Iterator[tuple[bytes, Message]]:
    if node.op in HOLDS_GRAPH:
        attribute, field = HOLDS_GRAPH[node.op]
        for content in node.attribute(attribute).values(AttrValue.s):
            message = Message(content)
            yield content, message.message(field) if field else message
    elif has_datasets and node.op == "Const":
        for content in node.attribute("value").message(AttrValue.tensor).values(TensorProto.string_val):
            yield content, Message(content)
