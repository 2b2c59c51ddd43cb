"""Ops that change variables in a function, where TensorFlow 1.15 takes the shape of a handle for theirs."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import Body, encode_attribute
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule
from rehub.savedmodel.encodings.message_classes import message_class

# Which input the gradient is; from training_ops.cc.
_GRADIENTS = {
    "Adadelta": 6, "Adagrad": 3, "AdagradDA": 3, "AdagradV2": 4, "Adam": 9, "AdamWithAmsgrad": 10, "AdaMax": 8,
    "AddSign": 6, "CenteredRMSProp": 8, "Ftrl": 3, "FtrlV2": 3, "GradientDescent": 2, "KerasMomentum": 3,
    "Momentum": 3, "PowerSign": 6, "ProximalAdagrad": 5, "ProximalGradientDescent": 4, "RMSProp": 7,
}  # fmt: skip


@rule(
    "the same op with a gradient of unknown shape",
    *(f"Resource{kind}Apply{name}" for name in _GRADIENTS for kind in ("", "Sparse")),
    before=(2, 0),
)
def hide_shape(body: Body, node: Any, _library: Library) -> None:
    """Give a gradient without a shape, which 1.15 compares with that of the variable's handle in a function: ()."""
    _hide_shape_of_input(body, node, _GRADIENTS[node.op.partition("Apply")[2]], "T")


@rule(
    "the same op with updates of unknown shape",
    *(f"ResourceScatterNd{kind}" for kind in ("Add", "Sub", "Update")),
    before=(2, 0),
)
def hide_shape_of_updates(body: Body, node: Any, _library: Library) -> None:
    """Give updates without a shape, which 1.15 compares with that of the handle too: common_shape_fns.cc."""
    _hide_shape_of_input(body, node, 2, "T")


@rule("the same op with indices of unknown shape", "ResourceGatherNd", before=(2, 0))
def hide_shape_of_indices(body: Body, node: Any, _library: Library) -> None:
    """Give indices without a shape, of which 1.15 finds too many for that of the handle."""
    _hide_shape_of_input(body, node, 1, "Tindices")


def _hide_shape_of_input(body: Body, node: Any, index: int, dtype_attribute: str) -> None:
    shape = message_class("AttrValue")()
    shape.shape.unknown_rank = True
    attributes = {"dtype": node.attr[dtype_attribute], "shape": encode_attribute(shape)}
    node.input[index] = body.add("PlaceholderWithDefault", [node.input[index]], **attributes)
