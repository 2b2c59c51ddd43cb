"""TensorArrays of TF1, a handle and a flow that carries its order, become `tf.TensorArray`s."""

from __future__ import annotations

from typing import Any, Sequence

from rehub import tf_internals
from rehub.retrain.context import Context, Converter, Scope, cannot_trace
from rehub.retrain.graph import Node


class _Handle:
    """What the handle of a TensorArray becomes. It is not used, as the flow has become the TensorArray."""


def _make_array(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    tf = tf_internals.import_tensorflow()
    array = tf.TensorArray(
        tf.as_dtype(node.attr["dtype"].type),
        size=context.get_tensor(node.inputs[0], scope),
        dynamic_size=node.attr["dynamic_size"].b,
        clear_after_read=False,
        infer_shape=node.attr["identical_element_shapes"].b,
        element_shape=tf.TensorShape(node.attr["element_shape"].shape) if "element_shape" in node.attr else None,
    )
    return [_Handle(), array]


def _call_method(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    """Call a method of an array. The first input of each op is the handle, and the last the flow."""
    _, *arguments, array = context.get_input_tensors(node, scope)
    if not isinstance(array, tf_internals.import_tensorflow().TensorArray):
        raise cannot_trace(node, "its flow is not that of a TensorArray")
    method = _METHODS[node.op[: -len("V3")]]
    return [getattr(array, method)(*arguments)]


def _skip_close(context: Context, node: Node, scope: Scope) -> Sequence[Any]:
    return []


_METHODS = {
    "TensorArrayWrite": "write",
    "TensorArrayRead": "read",
    "TensorArrayGather": "gather",
    "TensorArrayScatter": "scatter",
    "TensorArraySize": "size",
    "TensorArrayConcat": "concat",
    "TensorArraySplit": "split",
}

CONVERTERS: dict[str, Converter] = {
    **{op + version: _call_method for op in _METHODS for version in ("V2", "V3")},
    "TensorArrayV2": _make_array,
    "TensorArrayV3": _make_array,
    "TensorArrayCloseV2": _skip_close,
    "TensorArrayCloseV3": _skip_close,
}
