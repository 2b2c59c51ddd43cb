"""Gradients of TF1's TensorArrays in a graph, where the control flow of TF2 is enabled.

TensorFlow builds the gradient of such an op from another TensorArray. It decides by whether control flow v2 is
enabled, not by the op, of which kind that is: in TF2 it takes the wrong kind, and fails with an AssertionError
(tensorflow/python/ops/tensor_array_grad.py).
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator

from rehub import tf_internals

TENSOR_ARRAY_OPS = frozenset(
    f"TensorArray{kind}V3" for kind in ("Concat", "Gather", "Read", "Scatter", "Split", "Write")
)


def compute_tensor_array_gradient(op: Any, *incoming: Any) -> Any:
    """Compute TensorFlow's gradient of an op, with the control flow of TF1."""
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
