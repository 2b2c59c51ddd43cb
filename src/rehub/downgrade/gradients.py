"""Custom gradients, which TensorFlow 1.15 does not restore."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule

_CUSTOM = "_gradient_op_type"


# The custom gradient of tf.nn.silu saves memory only: nn_impl.py. Without it, the nodes before have the same gradient.
@rule("IdentityN with the gradient of its nodes, in silu", "IdentityN", before=(2, 0))
def drop_gradient_of_silu(body: Body, node: Any, _library: Library) -> bool:
    """Drop the custom gradient of x * sigmoid(x)."""
    if _CUSTOM not in node.attr:
        return False
    product = body.producer(node.input[0])
    if product is None or product.op != "Mul":
        return False
    factors = [body.producer(each) for each in product.input]
    if not any(factor is not None and factor.op == "Sigmoid" for factor in factors):
        return False
    del node.attr[_CUSTOM]
    return True
