"""Type specs and composite tensors."""

from __future__ import annotations

from typing import Any

from rehub.tf_internals.tensorflow import import_tensorflow


def decode_composite_spec(tensor_info: Any) -> Any:
    """Return the TypeSpec in a TensorInfo of a composite tensor."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.protobuf import struct_pb2
    from tensorflow.python.saved_model import nested_structure_coder

    value = struct_pb2.StructuredValue(type_spec_value=tensor_info.composite_tensor.type_spec)
    if hasattr(nested_structure_coder, "decode_proto"):  # Seen in 2.15, 2.21.
        return nested_structure_coder.decode_proto(value)
    return nested_structure_coder.StructureCoder().decode_proto(value)  # Seen in 1.15.


def pack_components(spec: Any, components: list[Any]) -> Any:
    """Make the composite tensor of a TypeSpec from its component tensors."""
    return spec._from_components(components)  # Seen in 1.15, 2.15, 2.21.


def dtype_of(spec: Any) -> Any:
    """Return the dtype of a TypeSpec; None if it has none, as that of a dataset."""
    return _get_public_or_private(spec, "dtype")


def shape_of(spec: Any) -> Any:
    """Return the shape of a TypeSpec; None if it has none."""
    return _get_public_or_private(spec, "shape")


def raggedness_of(spec: Any) -> tuple[int, Any]:
    """Return the ragged rank of a RaggedTensorSpec and the dtype of its row splits; 0 and None for others."""
    return _get_public_or_private(spec, "ragged_rank") or 0, _get_public_or_private(spec, "row_splits_dtype")


def _get_public_or_private(spec: Any, attribute: str) -> Any:
    # Public in a RaggedTensorSpec of 2.15, 2.21; private there in 1.15, and in an IndexedSlicesSpec of all versions.
    return getattr(spec, attribute) if hasattr(spec, attribute) else getattr(spec, f"_{attribute}", None)


def is_of_tensors(spec: Any) -> bool:
    """Whether it is the spec of a dense, sparse or ragged tensor."""
    tf = import_tensorflow()
    return isinstance(spec, (tf.TensorSpec, tf.SparseTensorSpec, tf.RaggedTensorSpec))


def with_shape(spec: Any, shape: Any) -> Any:
    """Return a spec of the same kind, dense, sparse or ragged, with another shape."""
    tf = import_tensorflow()
    if isinstance(spec, tf.RaggedTensorSpec):
        # Its attributes are private in 1.15.
        return tf.RaggedTensorSpec(shape, dtype_of(spec), spec._ragged_rank, spec._row_splits_dtype)
    return (tf.SparseTensorSpec if isinstance(spec, tf.SparseTensorSpec) else tf.TensorSpec)(shape, spec.dtype)


def type_spec_of(value: Any) -> Any:
    """Return the spec of a composite tensor, such as a RaggedTensor; a spec itself; else None."""
    tf = import_tensorflow()
    if isinstance(value, (tf.TypeSpec, tf.TensorSpec)):
        return value
    # tf.type_spec_from_value is missing in 1.15. Seen in 1.15, 2.15, 2.21.
    return None if hasattr(value, "handle") else getattr(value, "_type_spec", None)
