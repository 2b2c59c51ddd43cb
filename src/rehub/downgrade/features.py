"""Ops that prepare features: crosses of categories, and datasets inside of a model."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT64, STRING, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible, rule

_SEPARATOR = b"_X_"  # The only one of the older op: sparse_cross_op.cc.


@rule("SparseCross, whose separator is _X_", "SparseCrossV2")
def cross_by_fixed_separator(body: Body, node: Any, _library: Library) -> None:
    """Cross features by the op that always writes the same text between them."""
    *inputs, separator = [each for each in node.input if not each.startswith("^")]
    source = body.producer(separator)
    if source is None or source.op != "Const" or list(source.attr["value"].tensor.string_val) != [_SEPARATOR]:
        raise Inexpressible(f"another separator than {_SEPARATOR.decode()!r}")
    control = [each for each in node.input if each.startswith("^")]
    count = node.attr["N"].i
    _write_as_texts(body, inputs, count, node.attr["sparse_types"].list)
    _write_as_texts(body, inputs, 3 * count, node.attr["dense_types"].list)
    del node.input[:]
    node.input.extend([*inputs, *control])
    node.op = "SparseCross"
    node.attr["hashed_output"].b = False
    for name in ("num_buckets", "hash_key"):
        node.attr[name].i = 0
    for name in ("out_type", "internal_type"):
        node.attr[name].type = STRING.type


def _write_as_texts(body: Body, inputs: list[str], start: int, types: Any) -> None:
    """Let inputs of int64 be texts, as the kernel of 1.15 reads them so."""
    for place, dtype in enumerate(types.type):
        if dtype == INT64.type:
            inputs[start + place] = body.add("AsString", [inputs[start + place]], T=INT64)
            types.type[place] = STRING.type


@rule("the dataset without optimization", "OptimizeDatasetV2")
def leave_out_optimization(body: Body, node: Any, _library: Library) -> None:
    """Take a dataset as it is, whose elements are the same."""
    body.replace_outputs([("handle", [node.input[0]])])
