"""Finds the ops in a computation through which no gradient can flow."""

from __future__ import annotations

from typing import Iterable

from rehub.retrain.nodes import Node
from rehub.retrain.program import Program
from rehub.savedmodel.ops.gradient_barriers import stops_gradients


def untrainable_nodes(program: Program, needed: Iterable[str]) -> list[Node]:
    """Returns the nodes among some that keep what passes through them out of reach of gradients, sorted by name."""
    nodes = (program.graph.nodes[name] for name in sorted(needed))
    return [node for node in nodes if stops_gradients(node.op)]
