"""Gradients that the author of a graph wrote, by `tf.RegisterGradient` or `tf.custom_gradient`.

A GraphDef has only the name of such a gradient. The function stays in the program that wrote the graph.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.retrain.graph import Node

_log = logging.getLogger(__name__)

_KEY = "_gradient_op_type"
_LOST = "RehubLostGradient"
_LOST_NAME = "_rehub_lost_gradient"


def gradient_attribute(node: Node) -> dict[str, Any]:
    """Return the attribute by which TensorFlow finds the gradient of an op, if it has one.

    `tf.custom_gradient` numbers its functions again in each process, so that such a name means nothing here. Its op
    only passes tensors on: the gradient of what was computed is used instead, and a warning says so. A name that the
    author chose is looked up. Where nothing is registered under it, asking for the gradient is an error.
    """
    if _KEY not in node.attr:
        return {}
    name = node.attr[_KEY].s.decode()
    tf = tf_internals.import_tensorflow()
    if re.fullmatch(r"CustomGradient-\d+", name):
        _warn_of_numbered_gradient(node.name, node.op)
        return {_KEY: tf.compat.v1.AttrValue(s=node.op.encode())}
    if tf_internals.ops.has_gradient(name):
        return {_KEY: node.attr[_KEY]}
    _register_lost_gradient()
    return {_KEY: tf.compat.v1.AttrValue(s=_LOST.encode()), _LOST_NAME: node.attr[_KEY]}


@functools.lru_cache(maxsize=None)
def _warn_of_numbered_gradient(name: str, op: str) -> None:
    _log.warning(
        "The gradient that tf.custom_gradient gave node %r (%s) was not saved with the graph. The gradient of what it "
        "computes is used instead.",
        name,
        op,
    )


@functools.lru_cache(maxsize=None)
def _register_lost_gradient() -> None:
    def raise_not_trainable(op: Any, *gradients: Any) -> None:
        del gradients
        name = op.get_attr(_LOST_NAME).decode()
        raise NotTrainable(
            f"The gradient of node {op.name!r} ({op.type}) was written by its author and named {name!r}, but the graph "
            f"has only that name. Register the function before the model is loaded: @tf.RegisterGradient({name!r})."
        )

    tf_internals.import_tensorflow().RegisterGradient(_LOST)(raise_not_trainable)
