"""Hoist reads of variables out of the conds and loops of TF1, in a module's graph that goes into a function.

Conds and loops of TF1 pass the handle of a variable inside, and read it there. In a function, TensorFlow cannot compute
gradients of that, but can of values. A variable that the module only reads has the same value everywhere.
"""

from __future__ import annotations

from typing import Any, Iterable

from rehub.savedmodel.graph_search import find_reachable
from rehub.savedmodel.nodes import node_name

_PASS_THROUGH = ("Enter", "Identity", "Switch")


def hoist_variable_reads(graph_def: Any, handles: Iterable[str]) -> None:
    """Pass values instead of handles into conds and loops, for variables that the graph only reads.

    Args:
        handles: the names of the nodes that are the handles of variables.
    """
    users_of: dict[str, list[Any]] = {}
    for node in graph_def.node:
        for name in {node_name(tensor) for tensor in node.input if not tensor.startswith("^")}:
            users_of.setdefault(name, []).append(node)
    for handle in sorted(handles):
        users = _find_users(handle, users_of)
        passing = [node for node in users if node.op in _PASS_THROUGH]
        reads = [node for node in users if node.op == "ReadVariableOp"]
        if passing and reads and len(passing) + len(reads) == len(users):
            _hoist_read(graph_def, handle, passing, reads)


def _find_users(handle: str, users_of: dict[str, list[Any]]) -> list[Any]:
    """Return the nodes that get a handle, directly or from nodes that pass it on."""
    nodes: dict[str, Any] = {}

    def users_passing_on(name: str) -> list[str]:
        users = users_of.get(name, ())
        nodes.update((node.name, node) for node in users)
        return [node.name for node in users if node.op in _PASS_THROUGH]

    find_reachable([handle], users_passing_on)
    return list(nodes.values())


def _hoist_read(graph_def: Any, handle: str, passing: list[Any], reads: list[Any]) -> None:
    passed = {node.name for node in passing}
    dtype = reads[0].attr["dtype"].type
    for node in reads:
        if node_name(node.input[0]) in passed:
            node.op = "Identity"
            node.attr.clear()
            node.attr["T"].type = dtype
    value = graph_def.node.add(name=f"{handle}/early_read", op="ReadVariableOp", input=[handle])
    value.attr["dtype"].type = dtype
    for node in passing:
        node.attr["T"].type = dtype
        if node_name(node.input[0]) == handle:
            node.input[0] = value.name
