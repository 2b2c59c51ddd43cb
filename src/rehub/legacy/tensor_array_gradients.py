"""Gradients of TF1's TensorArrays in a graph, where the control flow of TF2 is switched on.

TensorFlow builds the gradient of such an op from another TensorArray. Of which kind that is, it decides by what is
switched on, not by the op: in TF2 it takes the wrong kind, and fails with an AssertionError
(TensorFlow: python/ops/tensor_array_grad.py). So modules' ops name a gradient that switches over for this moment.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Iterator

from rehub import tf_internals

_GRADIENT = "RehubTensorArray"
_KEY = "_gradient_op_type"
_OPS = frozenset(f"TensorArray{kind}V3" for kind in ("Concat", "Gather", "Read", "Scatter", "Split", "Write"))


def mark(graph_def: Any) -> None:
    """Lets the TensorArrays of a graph that is to be imported have gradients in every TensorFlow."""
    for node in graph_def.node:
        if node.op in _OPS and _KEY not in node.attr:
            _register()
            node.attr[_KEY].s = _GRADIENT.encode()


def unmark(graph_def: Any) -> None:
    """Takes back what `mark` did, in a graph that is to be exported."""
    for node in graph_def.node:
        if node.op in _OPS and _KEY in node.attr and node.attr[_KEY].s == _GRADIENT.encode():
            del node.attr[_KEY]


@contextlib.contextmanager
def use_control_flow_v1() -> Iterator[None]:
    """Has TensorFlow build what it builds in TF1, in this process, for a while."""
    v1 = tf_internals.import_tensorflow().compat.v1
    was_on = v1.control_flow_v2_enabled()
    v1.disable_control_flow_v2()
    try:
        yield
    finally:
        if was_on:
            v1.enable_control_flow_v2()


@functools.lru_cache(maxsize=None)
def _register() -> None:
    def gradient(op: Any, *incoming: Any) -> Any:
        with use_control_flow_v1():
            return tf_internals.ops.lookup_gradient(op.type)(op, *incoming)

    tf_internals.import_tensorflow().RegisterGradient(_GRADIENT)(gradient)
