"""TensorArrays of TF1, a handle and a flow that carries its order, become `tf.TensorArray`s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain.nodes import Node

if TYPE_CHECKING:
    from rehub.retrain.retracing import Retracing, Scope


class _Handle:
    """What the handle of a TensorArray becomes: nothing is done with it, as its flow has become the TensorArray."""


def _make(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    tf = tf_internals.import_tensorflow()
    array = tf.TensorArray(
        tf.as_dtype(node.attr["dtype"].type),
        size=tracing.tensor(node.inputs[0], scope),
        dynamic_size=node.attr["dynamic_size"].b,
        clear_after_read=False,
        infer_shape=node.attr["identical_element_shapes"].b,
        element_shape=tf.TensorShape(node.attr["element_shape"].shape) if "element_shape" in node.attr else None,
    )
    return [_Handle(), array]


def _on_array(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    """The last input of each op is the flow, the first the handle."""
    *others, array = tracing.tensors(node, scope)
    if not isinstance(array, tf_internals.import_tensorflow().TensorArray):
        raise InvalidModule(f"Node {node.name!r} ({node.op}) cannot be traced: its flow is not one of a TensorArray.")
    method = _METHODS[node.op[: -len("V3")]]
    return [getattr(array, method)(*others[1:])]


def _close(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    del tracing, node, scope
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

EMITTERS: dict[str, Callable[[Retracing, Node, Scope], Sequence[Any]]] = {
    **{op + version: _on_array for op in _METHODS for version in ("V2", "V3")},
    "TensorArrayV2": _make,
    "TensorArrayV3": _make,
    "TensorArrayCloseV2": _close,
    "TensorArrayCloseV3": _close,
}
