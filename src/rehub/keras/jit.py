"""Whether XLA can compile a function.

TensorFlow 2.21 aborts the whole process when it compiles a graph with strings or tables, so Keras must know before.
"""

from __future__ import annotations

from typing import Iterable

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.keras.traces import Trace

# XLA has kernels for these, but not for every use: it cannot differentiate a loop with an unknown number of iterations,
# nor make an output whose shape depends on values (https://www.tensorflow.org/xla/known_issues).
_DEPENDS_ON_VALUES = {
    "While",
    "StatelessWhile",
    "For",
    "Where",
    "Unique",
    "UniqueV2",
    "UniqueWithCounts",
    "BooleanMask",
}


def can_compile(traces: Iterable[Trace]) -> bool:
    """Return whether XLA can compile the traces and all functions that they call.

    It can if each op has an XLA kernel, none handles strings, and no shape or number of iterations depends on values.
    """
    if tf_internals.tensorflow_version() < (2, 0):  # Its Keras compiles nothing.
        return False
    ops: set[str] = set()
    for trace in traces:
        try:
            graph = trace.graph.as_graph_def()
        except NotTrainable:  # Every call in this mode fails.
            continue
        for body in [graph.node, *(function.node_def for function in graph.library.function)]:
            if any(tf_internals.ops.handles_strings(node) for node in body):
                return False
            ops.update(node.op for node in body)
        ops -= {function.signature.name for function in graph.library.function}
    if ops & _DEPENDS_ON_VALUES:
        return False
    return all(tf_internals.ops.has_xla_kernel(op) for op in ops - {"Placeholder"})
