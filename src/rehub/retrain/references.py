"""When a reference variable of TF1 has which value.

What reads a reference in TF1 gets no copy but the variable's own memory, as do the ops that only hand a tensor on
(tensorflow/core/common_runtime/executor.cc, PrepareInputs; kernels/identity_op.cc). So the value of `v/read`, which is
made with the variable and waits for nothing, is what the memory holds when an op uses it: an op that has to run after
an assignment gets the new value. A resource variable is copied when it changes, and needs nothing of this.
"""

from __future__ import annotations

from typing import Iterable

from rehub import tf_internals
from rehub.retrain.control_flow import ENTERS, SWITCHES
from rehub.retrain.nodes import Node, Output
from rehub.retrain.program import ASSIGNMENTS, Program

_REFERENCES = frozenset(["AutoReloadVariable", "Variable", "VariableV2"])
_HANDED_ON = frozenset([*ENTERS, *SWITCHES, "Identity", "RefIdentity"])


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

    def reread(self, output: Output, user: str) -> Output | None:
        """Returns the variable that a node has to read in the place of a tensor that was read from it before.

        Args:
            output: an input of the node.
            user: the node's name.

        Returns:
            The variable's reference; None if the tensor is nothing of the kind, or as it should be.
        """
        if not self._assignments:
            return None
        nodes, read = self._graph.nodes, None
        while nodes[output.node].op in _HANDED_ON:
            read = output.node
            output = nodes[read].inputs[0]
        origin = self._variable_of(output)
        if read is None or origin is None:
            return None
        later = [name for name in self._assignments.get(origin, ()) if user in self._users_after(name)]
        return output if any(read not in self._users_after(name) for name in later) else None

    def is_assigned(self, output: Output) -> bool:
        """Whether a reference is what an assignment returned."""
        nodes = self._graph.nodes
        while nodes[output.node].op in _HANDED_ON:
            output = nodes[output.node].inputs[0]
        return nodes[output.node].op.startswith(ASSIGNMENTS)

    def _variable_of(self, output: Output) -> str | None:
        """The name of the variable that a reference is of."""
        nodes = self._graph.nodes
        while nodes[output.node].op in _HANDED_ON or _assigns_to_reference(nodes[output.node]):
            output = nodes[output.node].inputs[0]
        return output.node if nodes[output.node].op in _REFERENCES else None

    def _users_after(self, assignment: str) -> set[str]:
        """The nodes that have to run after an assignment."""
        if assignment not in self._after:
            self._after[assignment] = self._graph.descendants(assignment) & self._needed
        return self._after[assignment]


def _assigns_to_reference(node: Node) -> bool:
    if not node.op.startswith(ASSIGNMENTS):
        return False
    definition = tf_internals.ops.op_definition(node.op)
    return definition is not None and any(argument.is_ref for argument in definition.input_arg)
