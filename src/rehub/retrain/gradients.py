"""Gradients that the author of a graph wrote, by `tf.RegisterGradient` or `tf.custom_gradient`.

A GraphDef has only the name of such a gradient; the function stays in the program that wrote the graph.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.retrain.nodes import Node

_LOGGER = logging.getLogger(__name__)

_KEY = "_gradient_op_type"
_LOST = "RehubLostGradient"
_LOST_NAME = "_rehub_lost_gradient"


def attribute(node: Node) -> dict[str, Any]:
    """The attribute by which TensorFlow finds the gradient of an op, and that it has when the author's is lost.

    `tf.custom_gradient` numbers its functions, anew in each process: such a name says nothing here. Its op only hands
    tensors on, so that the gradient of what was computed is used, which a warning says. A name that the author chose is
    looked up; where nothing is registered under it, asking for the gradient is an error.
    """
    if _KEY not in node.attr:
        return {}
    name = node.attr[_KEY].s.decode()
    tf = tf_internals.import_tensorflow()
    if re.fullmatch(r"CustomGradient-\d+", name):
        _warn_of_numbered(node.name, node.op)
        return {_KEY: tf.compat.v1.AttrValue(s=node.op.encode())}
    if tf_internals.ops.has_gradient(name):
        return {_KEY: node.attr[_KEY]}
    _register_lost()
    return {_KEY: tf.compat.v1.AttrValue(s=_LOST.encode()), _LOST_NAME: node.attr[_KEY]}


@functools.lru_cache(maxsize=None)
def _warn_of_numbered(name: str, op: str) -> None:
    _LOGGER.warning(
        "The gradient that tf.custom_gradient gave node %r (%s) was not saved with the graph. The gradient of what it "
        "computes is used in its place.",
        name,
        op,
    )


@functools.lru_cache(maxsize=None)
def _register_lost() -> None:
    def lost(op: Any, *gradients: Any) -> None:
        del gradients
        name = op.get_attr(_LOST_NAME).decode()
        raise NotTrainable(
            f"The gradient of node {op.name!r} ({op.type}) was written by its author and named {name!r}, but the graph "
            f"has only that name. Register the function before the model is loaded: @tf.RegisterGradient({name!r})."
        )

    tf_internals.import_tensorflow().RegisterGradient(_LOST)(lost)
