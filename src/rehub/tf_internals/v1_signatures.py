"""Signatures of TF1 graphs, changed so that the loader of TensorFlow 1.15 can make functions of them.

A session of TF1 can run more signatures than that loader accepts (saved_model/load_v1_in_v2.py, _extract_signatures).
"""

from __future__ import annotations

from typing import Any

from rehub.tf_internals.tensorflow import import_tensorflow


def make_extractable(meta_graph_def: Any, graph: Any) -> Any:
    """Return a MetaGraphDef whose signatures the loader of 1.15 accepts.

    Args:
        meta_graph_def: it is not changed.
        graph: the one that its nodes have been imported into, which nodes are added to.
    """
    changed = type(meta_graph_def)()
    changed.CopyFrom(meta_graph_def)
    for signature in changed.signature_def.values():
        _split_composite_inputs(signature)
        _separate_inputs(signature, graph)
        for info in signature.outputs.values():
            _correct_output(info, graph)
    return changed


def _split_composite_inputs(signature: Any) -> None:
    """Let a signature take the components of composite tensors, by the names of TensorFlow 2."""
    for name, info in list(signature.inputs.items()):
        encoding = info.WhichOneof("encoding")
        if encoding == "coo_sparse":
            for part in ("indices", "values", "dense_shape"):
                signature.inputs[f"{name}_{part}"].name = getattr(info.coo_sparse, f"{part}_tensor_name")
        elif encoding == "composite_tensor":
            for number, component in enumerate(info.composite_tensor.components):
                signature.inputs[f"{name}_component_{number}"].CopyFrom(component)
        if encoding in ("coo_sparse", "composite_tensor"):
            del signature.inputs[name]


def _separate_inputs(signature: Any, graph: Any) -> None:
    """Give each input a tensor of its own. Of several that feed one tensor, the last by name does, as in a session."""
    tf = import_tensorflow()
    taken = set()
    for name in sorted(signature.inputs, reverse=True):
        info = signature.inputs[name]
        if info.name in taken:
            tensor = graph.as_graph_element(info.name)
            with graph.as_default():
                info.name = tf.compat.v1.placeholder(tensor.dtype.base_dtype, tensor.shape, "unused_input").name
        taken.add(info.name)


def _correct_output(info: Any, graph: Any) -> None:
    """Let an output be a value, not a reference, and of unknown shape if the signature does not give one."""
    if info.WhichOneof("encoding") != "name":
        return
    if not info.HasField("tensor_shape"):
        info.tensor_shape.unknown_rank = True
    tf = import_tensorflow()
    element = graph.as_graph_element(info.name)  # The training op of a Keras export is an output, and not a tensor.
    if isinstance(element, tf.Tensor) and element.dtype != element.dtype.base_dtype:
        with graph.as_default():
            info.name = tf.identity(element).name
