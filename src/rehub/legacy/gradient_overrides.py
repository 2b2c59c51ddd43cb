"""Gradients of rehub for ops of modules, where those of TensorFlow are missing or fail.

A node of an imported graph can name the gradient to use in an attribute.
"""

from __future__ import annotations

import functools
from typing import Any

from rehub import tf_internals
from rehub.legacy.cell_gradients import CELL_GRADIENTS
from rehub.legacy.tensor_array_gradients import TENSOR_ARRAY_OPS, compute_tensor_array_gradient

_KEY = "_gradient_op_type"
_PREFIX = "Rehub"


def set_gradient_overrides(graph_def: Any) -> None:
    """Name rehub's gradients in a graph that is to be imported, where TensorFlow has none that work."""
    for node in graph_def.node:
        if _KEY not in node.attr and _needs_override(node.op):
            _register_gradient(node.op)
            node.attr[_KEY].s = (_PREFIX + node.op).encode()


def clear_gradient_overrides(graph_def: Any) -> None:
    """Undo `set_gradient_overrides` in a graph that is to be exported."""
    for node in graph_def.node:
        if _KEY in node.attr and node.attr[_KEY].s == (_PREFIX + node.op).encode():
            del node.attr[_KEY]


def _needs_override(op: str) -> bool:
    return op in TENSOR_ARRAY_OPS or (op in CELL_GRADIENTS and not tf_internals.ops.has_gradient(op))


@functools.lru_cache(maxsize=None)
def _register_gradient(op: str) -> None:
    gradient = CELL_GRADIENTS.get(op, compute_tensor_array_gradient)
    tf_internals.import_tensorflow().RegisterGradient(_PREFIX + op)(gradient)
