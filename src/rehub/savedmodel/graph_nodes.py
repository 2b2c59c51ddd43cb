"""The nodes of a graph variant: how often each op occurs, and what of the graph itself is looked up by name.

`savedmodel.nodes` walks through them; this is what `hub.inspect` keeps of the walk.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterable

from rehub.savedmodel.nodes import Node, bodies_of_graph
from rehub.savedmodel.wire import Buffer, Message

_GRAPH_DEF = 2

V1_CONTROL_FLOW = frozenset(
    f"{prefix}{op}" for prefix in ("", "Ref") for op in ("Enter", "Exit", "Merge", "NextIteration", "Switch")
) | {"LoopCond", "RefSelect"}


class GraphNodes:
    """What the nodes of a graph variant are.

    Attributes:
        ops: how often each op occurs in the graph and in its functions, called or not.
        functions: the names of the functions.
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
        counts: Counter[str] = Counter()
        names = []
        self._of_graph: list[Node] = []
        for body in bodies_of_graph(content, metagraph.message(_GRAPH_DEF), tags):
            if body.function:
                names.append(body.function)
                counts.update([node.op for node in body.nodes()])
            else:
                self._of_graph.extend(body.nodes())
        counts.update([node.op for node in self._of_graph])
        self.functions = frozenset(names)
        self.total = sum(counts.values())
        self.ops = {op: counts[op] for op in sorted(counts) if op not in self.functions}

    def of_ops(self, ops: Iterable[str]) -> dict[str, Node]:
        """Returns the nodes of the graph itself that run some ops, by their names."""
        wanted = frozenset(ops)
        return {node.name: node for node in self._of_graph if node.op in wanted}

    def needed_by(self, tensors: Iterable[str]) -> list[Node]:
        """Returns the nodes of the graph itself that some of its tensors depend on."""
        by_name = {node.name: node for node in self._of_graph}
        open_names = {_node_of(tensor) for tensor in tensors}
        found: dict[str, Node] = {}
        while open_names:
            name = open_names.pop()
            node = by_name.get(name)
            if node is not None and name not in found:
                found[name] = node
                open_names.update(map(_node_of, node.inputs()))
        return list(found.values())


def _node_of(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
