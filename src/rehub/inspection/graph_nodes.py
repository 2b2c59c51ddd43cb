"""The nodes of a graph variant: how often each op occurs, and what of the graph itself is looked up by name.

`savedmodel.nodes` walks through them; this is what `hub.inspect` keeps of the walk.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterable

from rehub.savedmodel.nodes import Body, Node, node_of, op_of
from rehub.savedmodel.ops.op_classes import is_tensorflow_op
from rehub.savedmodel.protos import FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, OpDef
from rehub.savedmodel.wire import Buffer, Message, WireError

V1_CONTROL_FLOW = frozenset(
    f"{prefix}{op}" for prefix in ("", "Ref") for op in ("Enter", "Exit", "Merge", "NextIteration", "Switch")
) | {"LoopCond", "RefSelect"}


class GraphNodes:
    """What the nodes of a graph variant are.

    Attributes:
        ops: how often each op occurs in the graph and in its functions, called or not.
        functions: how many functions there are.
        total: how many nodes there are, those included that call a function by its name.
    """

    def __init__(self, content: Buffer, metagraph: Message, tags: frozenset[str]) -> None:
        """Walks through all nodes.

        Args:
            content: the bytes that the MetaGraph lies in.
            metagraph: the MetaGraphDef.
            tags: its tags.

        Raises:
            WireError: they cannot be read.
        """
        graph = metagraph.message(MetaGraphDef.graph_def)
        self._of_graph = list(Body(tags, "", content, graph).nodes())
        functions = list(graph.message(GraphDef.library).messages(FunctionDefLibrary.function))
        spans = (span for function in functions for span in function.spans(FunctionDef.node_def))
        counts = Counter(op_of(content, span) for span in spans)
        found = Counter({_text(op): count for op, count in counts.items()})
        found.update(node.op for node in self._of_graph)
        self.functions = len(functions)
        self.total = sum(found.values())
        called = _names(functions) if any(not is_tensorflow_op(op) for op in found) else frozenset()
        self.ops = {op: found[op] for op in sorted(found) if op not in called}

    def of_ops(self, ops: Iterable[str]) -> dict[str, Node]:
        """Returns the nodes of the graph itself that run some ops, by their names."""
        wanted = frozenset(ops)
        return {node.name: node for node in self._of_graph if node.op in wanted}

    def needed_by(self, tensors: Iterable[str]) -> list[Node]:
        """Returns the nodes of the graph itself that some of its tensors depend on."""
        by_name = {node.name: node for node in self._of_graph}
        open_names = {node_of(tensor) for tensor in tensors}
        found: dict[str, Node] = {}
        while open_names:
            name = open_names.pop()
            node = by_name.get(name)
            if node is not None and name not in found:
                found[name] = node
                open_names.update(map(node_of, node.inputs()))
        return list(found.values())


def _text(op: bytes) -> str:
    try:
        return op.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"the op {op[:100]!r} of a node is not UTF-8") from error


def _names(functions: Iterable[Message]) -> frozenset[str]:
    return frozenset(function.message(FunctionDef.signature).text(OpDef.name) for function in functions)
