"""Batch normalizations of images and volumes, for which a CPU has one kernel in TensorFlow 1.15."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import FLOAT, INT32, Body, encode_attribute
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule


@rule(
    "the same op on channels-last images, between transposes and reshapes",
    "FusedBatchNorm",
    "FusedBatchNormV2",
    "FusedBatchNormV3",
    before=(2, 0),
)
def normalize_images(body: Body, node: Any, _library: Library) -> bool:
    """Normalize images with channels last, which 1.15 needs on a CPU. Keras normalizes others too, and volumes."""
    is_changed = _remove_statistics(body, node)
    data_format = node.attr.get("data_format", encode_attribute("NHWC")).s.decode()
    if data_format == "NHWC":
        return is_changed
    node.attr["data_format"].s = b"NHWC"
    dtype, rank, is_channels_first = node.attr["T"], len(data_format), data_format[1] == "C"

    def transpose(tensor: str, axes: list[int]) -> str:
        if not is_channels_first:
            return tensor
        return body.add("Transpose", [tensor, body.constant(INT32, axes)], T=dtype, Tperm=INT32)

    def reshape(tensor: str, shape: str) -> str:
        return tensor if rank == 4 else body.add("Reshape", [tensor, shape], T=dtype, Tshape=INT32)

    images = transpose(node.input[0], [0, *range(2, rank), 1])
    shape = body.add("Shape", [images], T=dtype, out_type=INT32)
    channels = body.add("Shape", [node.input[1]], T=node.attr.get("U", dtype), out_type=INT32)
    others, axis = body.constant(INT32, [-1, 1, 1]), body.constant(INT32, 0)
    node.input[0] = reshape(images, body.add("ConcatV2", [others, channels, axis], N=2, T=INT32, Tidx=INT32))
    normalized = reshape(body.output("y", 0), shape)
    body.redirect(("y", 0), transpose(normalized, [0, rank - 1, *range(1, rank - 1)]))
    return True


def _remove_statistics(body: Body, node: Any) -> bool:
    """Remove the moving averages from the inputs if they are not used, as in training 1.15 takes none."""
    factor = node.attr.get("exponential_avg_factor", encode_attribute(1.0)).f
    if not node.attr.get("is_training", encode_attribute(True)).b or factor != 1.0:
        return False
    if not any(_may_have_values(body, each) for each in node.input[3:5]):
        return False
    empty = body.constant(node.attr.get("U", FLOAT), [])
    node.input[3], node.input[4] = empty, empty
    return True


def _may_have_values(body: Body, tensor: str) -> bool:
    producer = body.producer(tensor)
    if producer is None or producer.op != "Const":
        return True
    return all(dim.size for dim in producer.attr["value"].tensor.tensor_shape.dim)
