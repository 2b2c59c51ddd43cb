"""Ops that write values into a tensor at indices."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.arithmetic import Arithmetic
from rehub.downgrade.bodies import INT32, INT64, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import rule
from rehub.downgrade.vectors import concat_vectors, make_vector, slice_vector


@rule("segment maxima and minima", "TensorScatterMax", "TensorScatterMin")
def scatter_extremes(body: Body, node: Any, _library: Library) -> None:
    """Write the largest or smallest value of each index, by rows: the slices that indices choose are segments."""
    tensor, indices, updates = (each for each in node.input if not each.startswith("^"))
    dtype = node.attr["T"]
    indices = body.convert(indices, node.attr["Tindices"], INT64)
    kind = "Max" if node.op.endswith("Max") else "Min"
    of = Arithmetic(body, INT64)
    shape = body.add("Shape", [tensor], T=dtype, out_type=INT64)
    rank = body.add("Shape", [indices], T=INT64, out_type=INT64)
    depth = body.convert(slice_vector(body, rank, -1, None), INT64, INT32)
    zeros, one = body.constant(INT32, [0]), body.constant(INT32, [1])
    outer = body.add("StridedSlice", [shape, zeros, depth, one], T=INT64, Index=INT32)
    inner = body.add("StridedSlice", [shape, depth, zeros, one], T=INT64, Index=INT32, end_mask=1)
    rows, width = _multiply_all(body, outer), _multiply_all(body, inner)
    zero, last = body.constant(INT32, 0), body.constant(INT32, -1)
    strides = body.add("Cumprod", [outer, zero], T=INT64, Tidx=INT32, exclusive=True, reverse=True)
    products = of.multiply(indices, strides)
    ids = of.reshape(body.add("Sum", [products, last], T=INT64, Tidx=INT32, keep_dims=False), [-1])
    count = body.add("Size", [ids], T=INT64, out_type=INT64)
    data = _reshape_rows(body, updates, dtype, count, width)
    old = _reshape_rows(body, tensor, dtype, rows, width)
    types = {"Tindices": INT64, "Tnumsegments": INT64}
    found = body.add(f"UnsortedSegment{kind}", [data, ids, rows], T=dtype, **types)
    ones = body.add("OnesLike", [ids], T=INT64)
    counts = body.add("UnsortedSegmentSum", [ones, ids, rows], T=INT64, **types)
    is_written = of.apply("Less", 0, counts)
    new = Arithmetic(body, dtype).apply(f"{kind}imum", old, found)
    result = body.add("Select", [is_written, new, old], T=dtype)
    body.replace_outputs([("output", [body.add("Reshape", [result, shape], T=dtype, Tshape=INT64)])])


def _multiply_all(body: Body, sizes: str) -> str:
    return body.add("Prod", [sizes, body.constant(INT32, 0)], T=INT64, Tidx=INT32, keep_dims=False)


def _reshape_rows(body: Body, tensor: str, dtype: Any, rows: str, width: str) -> str:
    shape = concat_vectors(body, [make_vector(body, each) for each in (rows, width)])
    return body.add("Reshape", [tensor, shape], T=dtype, Tshape=INT64)
