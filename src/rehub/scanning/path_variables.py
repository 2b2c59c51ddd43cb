"""Variables in which a graph keeps the paths of its assets, and what else could change them.

TensorFlow 2 writes a variable for each asset, which is set to a placeholder when the model is loaded: see
`_process_asset` in TensorFlow's python/saved_model/save.py. A variable is a resource with a name: everything that makes
a handle of that name can set it, so a graph with anything like that has no variable whose value is known.
"""

from __future__ import annotations

from collections import Counter

from rehub.savedmodel.nodes import Node, node_name
from rehub.savedmodel.protos import ENUMS, REF_OFFSET, AttrValue
from rehub.scanning.graph_program import GraphProgram
from rehub.scanning.string_constants import read_text_attribute

_USES = {"AssignVariableOp", "ReadVariableOp", "VarIsInitializedOp"}
# Ops that can make a tensor of serialized bytes, by the attribute that says of which type.
_FROM_BYTES = {"Const": "dtype", "HostConst": "dtype", "ParseTensor": "out_type"}
_HANDLE_DTYPES = (ENUMS["DataType"]["DT_RESOURCE"], ENUMS["DataType"]["DT_VARIANT"])
_HANDLES = ("VarHandleOp", "_VarHandlesOp", "_XlaAotOnlyVarHandleOp", "StubResourceHandleOp")


class PathVariables:
    """The variables of a graph whose only values are those that the graph itself sets."""

    def __init__(self, program: GraphProgram) -> None:
        self._program = program
        self._names: Counter[str] | None = None
        self._are_named_otherwise = False
        self._users: dict[str, list[Node]] = {}

    def assignments(self, handle: str) -> list[Node] | None:
        """Return the nodes that set a variable; None where others could.

        Args:
            handle: the tensor of the graph that is the variable's handle.
        """
        if self._names is None:
            self._names = self._index_nodes()
        variable = self._program.node(self._program.scopes[0], node_name(handle))
        if variable is None or variable.op != "VarHandleOp" or self._are_named_otherwise:
            return None
        name = read_text_attribute(variable, "shared_name")
        if not name or read_text_attribute(variable, "container") != "" or self._names[name] > 1:
            return None
        users = self._users.get(variable.name, [])
        if any(node.op not in _USES for node in users):
            return None
        return [node for node in users if node.op == "AssignVariableOp"]

    def _index_nodes(self) -> Counter[str]:
        """Counts the variables of each name, and notes who uses each, and whether there are other ways to one."""
        names: Counter[str] = Counter()
        for scope in self._program.scopes:
            for node in scope.nodes():
                if node.op == "VarHandleOp":
                    # Without a name, TensorFlow's loaders give a variable that of its node.
                    names[read_text_attribute(node, "shared_name") or node.name] += 1
                elif node.op in _HANDLES or (node.op in _FROM_BYTES and _makes_handles(node)):
                    self._are_named_otherwise = True
                if not scope.function:
                    for tensor in node.inputs():
                        if not tensor.startswith("^"):
                            self._users.setdefault(node_name(tensor), []).append(node)
        return names


def _makes_handles(node: Node) -> bool:
    value = node.attribute(_FROM_BYTES[node.op])
    fields = list(value.fields())
    if len(fields) != 1 or fields[0][0] != AttrValue.type:
        return True
    return value.integer(AttrValue.type) % REF_OFFSET in _HANDLE_DTYPES
