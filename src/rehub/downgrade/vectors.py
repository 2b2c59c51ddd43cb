"""Small pieces of graphs on vectors and scalars of int64, which several rules need."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, INT64, Body


def slice_vector(body: Body, vector: str, begin: int, end: int | None) -> str:
    """Return a part of a vector."""
    bounds = [body.constant(INT32, [begin]), body.constant(INT32, [end or 0]), body.constant(INT32, [1])]
    masks: dict[str, Any] = {
        "begin_mask": 0,
        "end_mask": int(end is None),
        "ellipsis_mask": 0,
        "new_axis_mask": 0,
        "shrink_axis_mask": 0,
    }
    return body.add("StridedSlice", [vector, *bounds], T=INT64, Index=INT32, **masks)


def take_column(body: Body, matrix: str, column: int) -> str:
    """Return a column of a matrix."""
    bounds = [body.constant(INT32, each) for each in ([0, column], [0, column + 1], [1, 1])]
    masks: dict[str, Any] = {
        "begin_mask": 1,
        "end_mask": 1,
        "ellipsis_mask": 0,
        "new_axis_mask": 0,
        "shrink_axis_mask": 2,
    }
    return body.add("StridedSlice", [matrix, *bounds], T=INT64, Index=INT32, **masks)


def make_vector(body: Body, scalar: str) -> str:
    """Return a vector of one element."""
    return body.add("Reshape", [scalar, body.constant(INT32, [1])], T=INT64, Tshape=INT32)


def concat_vectors(body: Body, vectors: list[str]) -> str:
    """Return one vector of several."""
    return body.add("ConcatV2", [*vectors, body.constant(INT32, 0)], N=len(vectors), T=INT64, Tidx=INT32)


def make_range(body: Body, limit: str) -> str:
    """Return the integers from zero to below a limit."""
    return body.add("Range", [body.constant(INT64, 0), limit, body.constant(INT64, 1)], Tidx=INT64)


def decrement(body: Body, number: str) -> str:
    """Return each number less one."""
    return body.add("Sub", [number, body.constant(INT64, 1)], T=INT64)


def find_positions(body: Body, op: str, ascending: str, wanted: str) -> str:
    """Return the positions of numbers in an ascending vector by op LowerBound or UpperBound."""
    zero = body.constant(INT32, 0)
    rows = [body.add("ExpandDims", [each, zero], T=INT64, Tdim=INT32) for each in (ascending, wanted)]
    found = body.add(op, rows, T=INT64, out_type=INT64)
    return body.add("Reshape", [found, body.constant(INT32, [-1])], T=INT64, Tshape=INT32)
