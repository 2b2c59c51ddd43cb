"""Find which value of a TF1 reference variable a node sees.

An op that reads a reference in TF1 does not get a copy. It gets the variable's own memory, and so do ops that only pass
a tensor on (tensorflow/core/common_runtime/executor.cc, PrepareInputs; kernels/identity_op.cc). So the value of
`v/read`, which is made with the variable and waits for nothing, is what the memory holds when an op uses it: an op that
has to run after an assignment gets the new value. A resource variable is copied when it changes, and needs none of
this.
"""

from __future__ import annotations

from typing import Iterable

from rehub import tf_internals
from rehub.retrain.graph.control_flow import ENTERS, SWITCHES
from rehub.retrain.graph.nodes import Node, NodeOutput
from rehub.retrain.graph.program import ASSIGNMENTS, Program

_REFERENCE_VARIABLES = frozenset(["AutoReloadVariable", "Variable", "VariableV2"])
_PASS_THROUGH = frozenset([*ENTERS, *SWITCHES, "Identity", "RefIdentity"])


class References:
    """The reference variables among the nodes of a computation, and what is assigned to them."""

    def __init__(self, program: Program, needed: Iterable[str]) -> None:
        self._graph = program.graph
        self._needed = set(needed)
        self._assignments: dict[str, list[str]] = {}
        for name in sorted(self._needed):
            node = self._graph.nodes[name]
            if _assigns_to_reference(node):
                for variable in program.assigned_nodes([name]):
                    self._assignments.setdefault(variable, []).append(name)
        self._after: dict[str, set[str]] = {}

    def find_stale_read(self, output: NodeOutput, user: str) -> NodeOutput | None:
        """Return the variable that a node has to read again, in place of a tensor read from it before an assignment.

        Args:
            user: the node's name.

        Returns:
            The variable's reference; None if the tensor was not read from a reference, or is up to date.
        """
        if not self._assignments:
            return None
        nodes, read = self._graph.nodes, None
        while nodes[output.node].op in _PASS_THROUGH:
            read = output.node
            output = nodes[read].inputs[0]
        variable = self._variable_of(output)
        if read is None or variable is None:
            return None
        earlier = [name for name in self._assignments.get(variable, ()) if user in self._users_after(name)]
        return output if any(read not in self._users_after(name) for name in earlier) else None

    def is_assigned(self, output: NodeOutput) -> bool:
        """Whether a reference is what an assignment returned."""
        nodes = self._graph.nodes
        while nodes[output.node].op in _PASS_THROUGH:
            output = nodes[output.node].inputs[0]
        return nodes[output.node].op.startswith(ASSIGNMENTS)

    def _variable_of(self, output: NodeOutput) -> str | None:
        """Return the name of the variable that a reference is of."""
        nodes = self._graph.nodes
        while nodes[output.node].op in _PASS_THROUGH or _assigns_to_reference(nodes[output.node]):
            output = nodes[output.node].inputs[0]
        return output.node if nodes[output.node].op in _REFERENCE_VARIABLES else None

    def _users_after(self, assignment: str) -> set[str]:
        """Return the nodes that have to run after an assignment."""
        if assignment not in self._after:
            self._after[assignment] = self._graph.descendants(assignment) & self._needed
        return self._after[assignment]


def _assigns_to_reference(node: Node) -> bool:
    if not node.op.startswith(ASSIGNMENTS):
        return False
    definition = tf_internals.ops.op_definition(node.op)
    return definition is not None and any(argument.is_ref for argument in definition.input_arg)
