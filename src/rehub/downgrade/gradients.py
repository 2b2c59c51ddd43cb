"""What TensorFlow 1.15 needs to differentiate a function."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule

_CUSTOM = "_gradient_op_type"
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


# The custom gradient of tf.nn.silu saves memory only: nn_impl.py. Without it, the nodes before have the same gradient.
@rule("in silu, IdentityN without a custom gradient", "IdentityN", before=(2, 0))
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


def name_gradients_of_calls(library: Library) -> int:
    """Name the gradient of each function that another calls; return how many calls had none.

    TensorFlow from 2.4 on does not write it. Without it, 1.15 differentiates a call by SymbolicGradient, which has no
    gradient for a call inside of that. Its loader gives the name a meaning: function_deserialization.py, fix_node_def.
    """
    count = 0
    for function in library.functions():
        for node in function.node_def:
            is_call = node.op in _CALLS and node.attr["f"].func.name in library
            if is_call and _CUSTOM not in node.attr:
                node.attr[_CUSTOM].s = b"PartitionedCall"
                count += 1
    return count
