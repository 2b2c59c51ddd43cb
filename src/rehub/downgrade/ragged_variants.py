"""Ragged tensors in variants, which `tf.map_fn` makes: TensorFlow 1.15 encodes none without ragged dimensions."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, INT64, Body, make_type
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule
from rehub.downgrade.vectors import concat_vectors, make_range, slice_vector

_VARIANT = make_type("variant")


@rule("the same op for one row or rows of one length, with int64 splits", "RaggedTensorToVariant", before=(2, 0))
def encode_rows(body: Body, node: Any, _library: Library) -> bool:
    """Encode a dense tensor as the only row of a ragged one, or each row of it as that of a ragged one."""
    if node.attr["RAGGED_RANK"].i:
        return _write_default(node)
    values, dtype = node.input[0], node.attr["Tvalues"]
    shape = body.add("Shape", [values], T=dtype, out_type=INT64)
    count = slice_vector(body, shape, 0, 1)
    if node.attr["batched_input"].b:
        length = slice_vector(body, shape, 1, 2)
        flat_shape = concat_vectors(
            body, [body.add("Mul", [count, length], T=INT64), slice_vector(body, shape, 2, None)]
        )
        values = body.add("Reshape", [values, flat_shape], T=dtype, Tshape=INT64)
        limit = body.add("AddV2", [count, body.constant(INT64, [1])], T=INT64)
        numbers = make_range(body, body.add("Reshape", [limit, body.constant(INT32, [])], T=INT64, Tshape=INT32))
        splits = body.add("Mul", [numbers, length], T=INT64)
        result_shape = body.constant(INT32, [-1])
    else:
        splits = concat_vectors(body, [body.constant(INT64, [0]), count])
        result_shape = body.constant(INT32, [])
    attributes = {"RAGGED_RANK": 1, "Tvalues": dtype, "Tsplits": INT64, "batched_input": True}
    (rows,) = body.add_node("RaggedTensorToVariant", [splits, values], ["encoded_ragged"], **attributes)
    result = body.add("Reshape", [rows, result_shape], T=_VARIANT, Tshape=INT32)
    body.replace_outputs([("encoded_ragged", [result])])
    return True


@rule("the same op for one row, with int64 splits", "RaggedTensorFromVariant", before=(2, 0))
def decode_one_row(body: Body, node: Any, _library: Library) -> bool:
    """Decode a dense tensor as the only row of a ragged one."""
    if node.attr["output_ragged_rank"].i:
        return _write_default(node)
    row = body.add("Reshape", [node.input[0], body.constant(INT32, [1])], T=_VARIANT, Tshape=INT32)
    outputs = ["output_nested_splits", "output_dense_values"]
    attributes = {"input_ragged_rank": 0, "output_ragged_rank": 1, "Tvalues": node.attr["Tvalues"], "Tsplits": INT64}
    _, values = body.add_node("RaggedTensorFromVariant", [row], outputs, **attributes)
    body.replace_outputs([("output_nested_splits", []), ("output_dense_values", [values])])
    return True


def _write_default(node: Any) -> bool:
    """Write the dtype of splits, which models lack at its default, and 1.15 has no default for."""
    if "Tsplits" in node.attr:
        return False
    node.attr["Tsplits"].type = INT64.type
    return True
