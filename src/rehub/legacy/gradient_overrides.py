"""Gradients of rehub for ops of modules, where those of TensorFlow are missing or fail.

A node of an imported graph can name the gradient to use in an attribute.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Iterator

from rehub import tf_internals
from rehub.legacy.cell_gradients import CELL_GRADIENTS

_KEY = "_gradient_op_type"
_PREFIX = "Rehub"
# TensorFlow builds the gradient of an op on a TensorArray from another TensorArray. It decides by whether control flow
# v2 is enabled, not by the op, of which kind that is: in TF2 it takes the wrong kind, and fails with an AssertionError
# (tensorflow/python/ops/tensor_array_grad.py).
_TENSOR_ARRAY_OPS = frozenset(
    f"TensorArray{kind}V3" for kind in ("Concat", "Gather", "Read", "Scatter", "Split", "Write")
)


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
    return op in _TENSOR_ARRAY_OPS or (op in CELL_GRADIENTS and not tf_internals.ops.has_gradient(op))


@functools.lru_cache(maxsize=None)
def _register_gradient(op: str) -> None:
    gradient = CELL_GRADIENTS.get(op, _compute_tensor_array_gradient)
    tf_internals.import_tensorflow().RegisterGradient(_PREFIX + op)(gradient)


def _compute_tensor_array_gradient(op: Any, *incoming: Any) -> Any:
    with use_control_flow_v1():
        return tf_internals.ops.lookup_gradient(op.type)(op, *incoming)


@contextlib.contextmanager
def use_control_flow_v1() -> Iterator[None]:
    """Disable control flow v2 in this process for a while."""
    v1 = tf_internals.import_tensorflow().compat.v1
    was_enabled = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        yield
    finally:
        if was_enabled:
            v1.enable_control_flow_v2()
