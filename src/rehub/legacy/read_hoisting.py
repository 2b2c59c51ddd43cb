"""Reads variables before the conds and loops of TF1 that use them, in a module's graph that goes into a function.

Conds and loops of TF1 carry the handle of a variable inside, to read it there. TensorFlow cannot take gradients of that
in a function, as it can of values. A variable that the module only reads has one value throughout.
"""

from __future__ import annotations

from typing import Any, Iterable

from rehub.legacy.graph_defs import node_name

_CARRIERS = ("Enter", "Identity", "Switch")


def hoist_variable_reads(graph_def: Any, handles: Iterable[str]) -> None:
    """Carries values in the place of handles into conds and loops, for variables that the graph does nothing but read.

    Args:
        graph_def: a graph, changed in place.
        handles: the names of the nodes that give the handles of variables.
    """
    users_of: dict[str, list[Any]] = {}
    for node in graph_def.node:
        for name in {node_name(tensor) for tensor in node.input if not tensor.startswith("^")}:
            users_of.setdefault(name, []).append(node)
    for handle in sorted(handles):
        users = _users(handle, users_of)
        carriers = [node for node in users if node.op in _CARRIERS]
        reads = [node for node in users if node.op == "ReadVariableOp"]
        if carriers and reads and len(carriers) + len(reads) == len(users):
            _read_at(graph_def, handle, carriers, reads)


def _users(handle: str, users_of: dict[str, list[Any]]) -> list[Any]:
    """Returns the nodes that get a handle, directly or by what carries it."""
    users: dict[str, Any] = {}
    pending = [handle]
    while pending:
        for node in users_of.get(pending.pop(), ()):
            if node.name not in users:
                users[node.name] = node
                if node.op in _CARRIERS:
                    pending.append(node.name)
    return list(users.values())


def _read_at(graph_def: Any, handle: str, carriers: list[Any], reads: list[Any]) -> None:
    carrying = {node.name for node in carriers}
    dtype = reads[0].attr["dtype"].type
    for node in reads:
        if node_name(node.input[0]) in carrying:
            node.op = "Identity"
            node.attr.clear()
            node.attr["T"].type = dtype
    value = graph_def.node.add(name=f"{handle}/early_read", op="ReadVariableOp", input=[handle])
    value.attr["dtype"].type = dtype
    for node in carriers:
        node.attr["T"].type = dtype
        if node_name(node.input[0]) == handle:
            node.input[0] = value.name
