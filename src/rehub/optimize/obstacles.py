"""Which functions cannot be frozen: those that do more, or depend on more, than their inputs and weights tell."""

from __future__ import annotations

import re
from typing import Any, Iterable

from rehub import tf_internals

# Ops that TensorFlow takes to have a state, and that neither change one that matters here nor are random.
_HARMLESS = re.compile(
    "Placeholder|(Stateful)?PartitionedCall|If|While|Case|Assert|Print|PrintV2|TensorArray.*|"
    "VarHandleOp|ReadVariableOp|VarIsInitializedOp|ResourceGather|ResourceGatherNd|VariableShape|"
    "HashTableV2|LookupTableFind(V2)?|LookupTableSize(V2)?|LookupTableExport(V2)?|SentencepieceOp"
)
_WRITING = re.compile("Assign|Apply|Scatter|CountUpTo")


class Obstacles:
    """What is in the way of freezing functions of one object.

    Args:
        traces: all of its concrete functions that can be called.
    """

    def __init__(self, traces: Iterable[tuple[str, Any]]) -> None:
        self._with_state: dict[int, str] = {}
        self._changing: dict[int, str] = {}  # By the id of a variable, which function may change it.
        for name, trace in traces:
            op = _op_with_state(trace)
            self._with_state[id(trace)] = op
            if _WRITING.search(op):
                self._changing.update((id(variable), name) for variable in trace.variables)

    def to(self, tf: Any, trace: Any) -> str:
        """Why a trace is not to be frozen; "" if it can be."""
        op = self._with_state[id(trace)]
        if _WRITING.search(op):
            return f"it changes variables (op {op})"
        if op:
            return f"it may compute something else in each call (its op {op} has a state)"
        for variable in trace.variables:
            if id(variable) in self._changing:
                return f"it reads the variable {variable.name!r}, which {self._changing[id(variable)]} may change"
        handles = (tf.resource, tf.variant)
        leaves = tf.nest.flatten((trace.structured_input_signature, trace.structured_outputs), expand_composites=True)
        if any(getattr(leaf, "dtype", None) in handles for leaf in leaves):
            return "it takes or returns a handle of a resource"
        return ""


def _op_with_state(trace: Any) -> str:
    """The op of a graph, or of a function that it calls, that has a state; one that writes variables before others."""
    graph_def = trace.graph.as_graph_def()
    nodes = [graph_def.node, *(function.node_def for function in graph_def.library.function)]
    ops = sorted({node.op for each in nodes for node in each})
    found = [op for op in ops if _has_state(op)]
    return next((op for op in found if _WRITING.search(op)), found[0] if found else "")


def _has_state(op: str) -> bool:
    if _HARMLESS.fullmatch(op):
        return False
    definition = tf_internals.ops.op_definition(op)
    return definition is not None and bool(definition.is_stateful)
