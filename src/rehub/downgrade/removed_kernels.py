"""Ops whose kernels newer TensorFlows have removed."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.arithmetic import Arithmetic
from rehub.downgrade.bodies import FLOAT, INT32, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule


@rule("LowerBound and Minimum, in TensorFlow 2", "BoostedTreesBucketize", since=(2, 0))
def find_buckets(body: Body, node: Any, _library: Library) -> None:
    """Find the buckets of numbers, which tf.Transform up to 1.0 did by this op; the last one has no upper bound."""
    of = Arithmetic(body, INT32)
    tensors = [each for each in node.input if not each.startswith("^")]
    count = len(tensors) // 2
    buckets = []
    for numbers, bounds in zip(tensors[:count], tensors[count:]):
        rows = [
            body.add("Reshape", [each, body.constant(INT32, [1, -1])], T=FLOAT, Tshape=INT32)
            for each in (bounds, numbers)
        ]
        found = of.reshape(body.add("LowerBound", rows, T=FLOAT, out_type=INT32), [-1])
        last = of.subtract(body.add("Size", [bounds], T=FLOAT, out_type=INT32), 1)
        buckets.append(of.apply("Minimum", found, last))
    body.replace_outputs([("buckets", buckets)])
