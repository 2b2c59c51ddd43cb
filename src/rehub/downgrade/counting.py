"""Counts of integers, by sums of segments."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, INT64, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule
from rehub.downgrade.vectors import (
    concat_vectors,
    decrement,
    find_positions,
    make_range,
    make_vector,
    slice_vector,
    take_column,
)


@rule("segment sums", "DenseBincount", "SparseBincount", "RaggedBincount")
def count_by_segments(body: Body, node: Any, _library: Library) -> None:
    """Count integers, or sum up their weights, for each row.

    Values that are not below `size` do not count. Without weights each counts as one.
    """
    index_type = node.attr["Tidx"]
    values, size, weights = _split_inputs(node)
    size = body.convert(size, index_type, INT64)
    if node.op == "DenseBincount":
        shape = body.add("Shape", [values], T=index_type, out_type=INT64)
        leading = slice_vector(body, shape, 0, -1)
        rows = body.add("Prod", [leading, body.constant(INT32, [0])], T=INT64, Tidx=INT32, keep_dims=False)
        column = body.add("Reshape", [make_range(body, rows), body.constant(INT32, [-1, 1])], T=INT64, Tshape=INT32)
        zeros = body.add("ZerosLike", [values], T=index_type)
        grid_shape = concat_vectors(body, [make_vector(body, rows), slice_vector(body, shape, -1, None)])
        grid = body.add("Reshape", [zeros, grid_shape], T=index_type, Tshape=INT64)
        row_ids = body.add("AddV2", [body.convert(grid, index_type, INT64), column], T=INT64)
        row_ids = body.add("Reshape", [row_ids, body.constant(INT32, [-1])], T=INT64, Tshape=INT32)
    elif node.op == "SparseBincount":
        # Of one dimension, all values are in one row: the product of no sizes.
        leading = slice_vector(body, node.input[2], 0, -1)
        rows = body.add("Prod", [leading, body.constant(INT32, [0])], T=INT64, Tidx=INT32, keep_dims=False)
        row_ids = body.add("Minimum", [take_column(body, node.input[0], 0), decrement(body, rows)], T=INT64)
    else:
        lengths = body.add("Size", [node.input[0]], T=INT64, out_type=INT64)
        rows = decrement(body, lengths)
        leading = make_vector(body, rows)
        count = body.add("Size", [values], T=index_type, out_type=INT64)
        row_ids = decrement(body, find_positions(body, "UpperBound", node.input[0], make_range(body, count)))
    flat = body.add("Reshape", [values, body.constant(INT32, [-1])], T=index_type, Tshape=INT32)
    ids = _segment_ids(body, body.convert(flat, index_type, INT64), row_ids, size)
    dtype = node.attr["T"]
    data = _make_weights(body, flat, weights, node)
    sums = body.add("UnsortedSegmentSum", [data, ids, body.add("Mul", [rows, size], T=INT64)], T=dtype, Tindices=INT64,
                    Tnumsegments=INT64)  # fmt: skip
    if node.attr["binary_output"].b:
        one = body.convert(body.constant(INT32, 1), INT32, dtype)
        sums = body.add("Minimum", [sums, one], T=dtype)
    shape = concat_vectors(body, [leading, make_vector(body, size)])
    result = body.add("Reshape", [sums, shape], T=dtype, Tshape=INT64)
    body.replace_outputs([("output", [result])])


def _split_inputs(node: Any) -> tuple[str, str, str]:
    """Return the values, the size and the weights."""
    first = {"DenseBincount": 0, "SparseBincount": 1, "RaggedBincount": 1}[node.op]
    inputs = [each for each in node.input if not each.startswith("^")]
    return inputs[first], inputs[-2], inputs[-1]


def _make_weights(body: Body, flat: str, weights: str, node: Any) -> str:
    """Return the weight of each value: one if there are no weights, or only presence is asked for."""
    dtype = node.attr["T"]
    shape = body.add("Shape", [flat], T=node.attr["Tidx"], out_type=INT64)
    ones = body.add("Fill", [shape, body.convert(body.constant(INT32, 1), INT32, dtype)], T=dtype, index_type=INT64)
    if node.attr["binary_output"].b:
        return ones
    given = body.add("Reshape", [weights, body.constant(INT32, [-1])], T=dtype, Tshape=INT32)
    # Of no weights and the ones, the first are the ones; of as many weights, the weights.
    both = body.add("ConcatV2", [given, ones, body.constant(INT32, 0)], N=2, T=dtype, Tidx=INT32)
    return body.add("Slice", [both, body.constant(INT64, [0]), shape], T=dtype, Index=INT64)


def _segment_ids(body: Body, values: str, row_ids: str, size: str) -> str:
    """Return the segment of each value; -1, which is not summed up, for one that does not count."""
    zero = body.constant(INT64, 0)
    is_counted = body.add(
        "LogicalAnd",
        [body.add("Less", [values, size], T=INT64), body.add("GreaterEqual", [values, zero], T=INT64)],
    )
    ids = body.add("AddV2", [body.add("Mul", [row_ids, size], T=INT64), values], T=INT64)
    return body.add("SelectV2", [is_counted, ids, body.constant(INT64, -1)], T=INT64)
