"""Convolutions in groups of channels, for which the CPU has no kernel in TensorFlow 1.15."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule


@rule("DepthwiseConv2dNative, or a Conv2D for each group", "Conv2D", before=(2, 0))
def split_groups(body: Body, node: Any, _library: Library) -> bool:
    """Compute a convolution whose filter takes some of the channels; only static shapes tell that it does."""
    images, kernel = node.input[:2]
    channels, sizes = _last_size(body, images), _read_sizes(body, kernel)
    is_channels_last = "data_format" not in node.attr or node.attr["data_format"].s == b"NHWC"
    if channels is None or sizes is None or not is_channels_last:
        return False
    groups = channels // sizes[2]
    if groups <= 1:
        return False
    dtype = node.attr["T"]
    attributes = {name: node.attr[name] for name in node.attr if not name.startswith("_")}
    if groups == channels and _is_depthwise_op_enough(node):
        shape = body.constant(INT32, [*sizes[:2], channels, sizes[3] // channels])
        kernel = body.add("Reshape", [kernel, shape], T=dtype, Tshape=INT32)
        for name in ("use_cudnn_on_gpu", "explicit_paddings"):
            attributes.pop(name, None)
        result = body.add("DepthwiseConv2dNative", [images, kernel], **attributes)
    else:
        axis = body.constant(INT32, 3)
        pieces = [
            body.add_node("Split", [axis, each], ["output"] * groups, num_split=groups, T=dtype)
            for each in (images, kernel)
        ]
        parts = [body.add("Conv2D", each, **attributes) for each in zip(*pieces)]
        result = body.add("ConcatV2", [*parts, axis], N=groups, T=dtype, Tidx=INT32)
    body.replace_outputs([("output", [result])])
    return True


def _is_depthwise_op_enough(node: Any) -> bool:
    """Whether the op for depthwise convolutions can do it: it has equal strides and no dilations."""
    strides, dilations = node.attr["strides"].list.i, node.attr["dilations"].list.i if "dilations" in node.attr else ()
    return strides[1] == strides[2] and set(dilations) <= {1} and node.attr["padding"].s in (b"SAME", b"VALID")


def _read_sizes(body: Body, tensor: str) -> list[int] | None:
    """Return the sizes of a tensor of rank 4 if all are known."""
    shape = body.static_shape(tensor)
    sizes = [] if shape is None or shape.unknown_rank else [dim.size for dim in shape.dim]
    return sizes if len(sizes) == 4 and min(sizes) > 0 else None


def _last_size(body: Body, tensor: str) -> int | None:
    shape = body.static_shape(tensor)
    if shape is None or shape.unknown_rank or not shape.dim or shape.dim[-1].size < 1:
        return None
    return int(shape.dim[-1].size)
