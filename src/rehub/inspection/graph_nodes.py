"""The nodes of a graph variant: how often each op occurs, and which nodes an output depends on."""

from __future__ import annotations

from collections import Counter
from typing import Iterable

from rehub.savedmodel.nodes import GraphScope, Node, node_name, read_op
from rehub.savedmodel.ops.op_classes import is_tensorflow_op
from rehub.savedmodel.protos import FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, OpDef
from rehub.savedmodel.wire import Buffer, Message, WireError

V1_CONTROL_FLOW = frozenset(
    f"{prefix}{op}" for prefix in ("", "Ref") for op in ("Enter", "Exit", "Merge", "NextIteration", "Switch")
) | {"LoopCond", "RefSelect"}


class GraphNodes:
    """The nodes of a graph variant.

    Attributes:
        ops: how often each op occurs in the graph and its functions, including functions that are not called.
        functions: the number of functions.
        total: the number of nodes, including those whose op is the name of a function.
    """

    def __init__(self, content: Buffer, metagraph: Message, tags: frozenset[str]) -> None:
        """Read all nodes of a MetaGraphDef in these bytes; raise `WireError` if they cannot be read."""
        graph = metagraph.message(MetaGraphDef.graph_def)
        self._graph_nodes = list(GraphScope(tags, "", content, graph).nodes())
        functions = list(graph.message(GraphDef.library).messages(FunctionDefLibrary.function))
        counts = Counter(
            read_op(content, span) for function in functions for span in function.spans(FunctionDef.node_def)
        )
        found = Counter({_decode_op(op): count for op, count in counts.items()})
        found.update(node.op for node in self._graph_nodes)
        self.functions = len(functions)
        self.total = sum(found.values())
        called = _read_function_names(functions) if any(not is_tensorflow_op(op) for op in found) else frozenset()
        self.ops = {op: found[op] for op in sorted(found) if op not in called}

    def with_ops(self, ops: Iterable[str]) -> dict[str, Node]:
        """Return the nodes of the graph (not of its functions) that have one of these ops, by name."""
        wanted = frozenset(ops)
        return {node.name: node for node in self._graph_nodes if node.op in wanted}

    def needed_by(self, tensors: Iterable[str]) -> list[Node]:
        """Return the nodes of the graph (not of its functions) that these tensors depend on."""
        by_name = {node.name: node for node in self._graph_nodes}
        open_names = {node_name(tensor) for tensor in tensors}
        found: dict[str, Node] = {}
        while open_names:
            name = open_names.pop()
            node = by_name.get(name)
            if node is not None and name not in found:
                found[name] = node
                open_names.update(map(node_name, node.inputs()))
        return list(found.values())


def _decode_op(op: bytes) -> str:
    try:
        return op.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"the op {op[:100]!r} of a node is not UTF-8") from error


def _read_function_names(functions: Iterable[Message]) -> frozenset[str]:
    return frozenset(function.message(FunctionDef.signature).text(OpDef.name) for function in functions)
