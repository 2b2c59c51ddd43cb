"""Which functions cannot be frozen: those with effects, or whose results depend on more than inputs and weights."""

from __future__ import annotations

import re
from typing import Any, Iterable

from rehub import tf_internals

# Ops that TensorFlow marks as stateful, and that neither change a state that matters here nor are random.
_SAFE_OPS = re.compile(
    "Placeholder|(Stateful)?PartitionedCall|If|While|Case|Assert|Print|PrintV2|TensorArray.*|"
    "VarHandleOp|ReadVariableOp|VarIsInitializedOp|ResourceGather|ResourceGatherNd|VariableShape|"
    "HashTableV2|LookupTableFind(V2)?|LookupTableSize(V2)?|LookupTableExport(V2)?|SentencepieceOp"
)
_WRITING = re.compile("Assign|Apply|Scatter|CountUpTo")


class Blockers:
    """Why functions of one object cannot be frozen.

    Args:
        traces: all concrete functions of the object that can be called, with their names.
    """

    def __init__(self, traces: Iterable[tuple[str, Any]]) -> None:
        self._stateful_op: dict[int, str] = {}
        self._writers: dict[int, str] = {}  # The function that may change a variable, by the variable's id.
        for name, trace in traces:
            op = _find_stateful_op(trace)
            self._stateful_op[id(trace)] = op
            if _WRITING.search(op):
                self._writers.update((id(variable), name) for variable in trace.variables)

    def why_not_frozen(self, trace: Any) -> str:
        """Return why a trace cannot be frozen; "" if it can."""
        tf = tf_internals.import_tensorflow()
        op = self._stateful_op[id(trace)]
        if _WRITING.search(op):
            return f"it changes variables (op {op})"
        if op:
            return f"its results may change from call to call (its op {op} has a state)"
        for variable in trace.variables:
            if id(variable) in self._writers:
                return f"it reads the variable {variable.name!r}, which {self._writers[id(variable)]} may change"
        handles = (tf.resource, tf.variant)
        leaves = tf.nest.flatten((trace.structured_input_signature, trace.structured_outputs), expand_composites=True)
        if any(getattr(leaf, "dtype", None) in handles for leaf in leaves):
            return "it takes or returns a handle of a resource"
        return ""


def _find_stateful_op(trace: Any) -> str:
    """Return a stateful op of a graph or of a function that it calls, one that writes variables first; "" if none."""
    graph_def = trace.graph.as_graph_def()
    nodes = [graph_def.node, *(function.node_def for function in graph_def.library.function)]
    ops = sorted({node.op for each in nodes for node in each})
    found = [op for op in ops if _is_stateful(op)]
    return next((op for op in found if _WRITING.search(op)), found[0] if found else "")


def _is_stateful(op: str) -> bool:
    if _SAFE_OPS.fullmatch(op):
        return False
    definition = tf_internals.ops.op_definition(op)
    return definition is not None and bool(definition.is_stateful)
