"""Ops that parse tf.train.Example and tf.train.SequenceExample."""

from __future__ import annotations

from typing import Any

from rehub.downgrade.bodies import INT32, INT64, STRING, Body
from rehub.downgrade.library import Library
from rehub.downgrade.rules import Inexpressible, rule
from rehub.downgrade.vectors import concat_vectors, find_positions, make_range, slice_vector, take_column
from rehub.savedmodel.encodings.message_classes import message_class

_SPARSE_OUTPUTS = ("sparse_indices", "sparse_values", "sparse_shapes")


@rule("ParseExample, with ragged features parsed as sparse ones", "ParseExampleV2")
def parse_with_lists_of_keys(body: Body, node: Any, _library: Library) -> None:
    """Parse a vector of examples, or one example, by the op that takes each key as an input."""
    serialized, names, sparse_keys, dense_keys, ragged_keys, *defaults = _data_inputs(node)
    sparse_types, ragged_types = node.attr["sparse_types"].list.type, node.attr["ragged_value_types"].list.type
    dense_types = node.attr["Tdense"]
    sparse_count, dense_count = len(sparse_types), len(dense_types.list.type)
    to_vector = body.constant(INT32, [-1])
    vector = body.add("Reshape", [serialized, to_vector], T=STRING, Tshape=INT32)
    keys = [
        *_unstack_shape(body, sparse_keys, sparse_count),
        *_unstack_shape(body, ragged_keys, len(ragged_types)),
        *_unstack_shape(body, dense_keys, dense_count),
    ]
    total = sparse_count + len(ragged_types)
    all_types = message_class("AttrValue")()
    all_types.list.type.extend([*sparse_types, *ragged_types])
    all_types.list.SetInParent()
    parsed = body.add_node(
        "ParseExample",
        [vector, body.add("Reshape", [names, to_vector], T=STRING, Tshape=INT32), *keys, *defaults],
        outputs=[*(name for name in _SPARSE_OUTPUTS for _ in range(total)), *["dense_values"] * dense_count],
        Nsparse=total,
        Ndense=dense_count,
        sparse_types=all_types,
        Tdense=dense_types,
        dense_shapes=node.attr["dense_shapes"],
    )
    indices, values, shapes = parsed[:total], parsed[total : 2 * total], parsed[2 * total : 3 * total]
    dense = parsed[3 * total :]
    if not _is_vector(body, serialized):
        outer = body.add("Shape", [serialized], T=STRING, out_type=INT64)
        rank = body.add("Rank", [serialized], T=STRING)
        dense = [
            _replace_outer_shape(body, each, dtype, outer) for each, dtype in zip(dense, _split_types(dense_types))
        ]
        first = body.add("Sub", [body.constant(INT32, 1), rank], T=INT32)
        indices = [
            *(_drop_first(body, each, first, is_matrix=True) for each in indices[:sparse_count]),
            *indices[sparse_count:],
        ]
        shapes = [_drop_first(body, each, first, is_matrix=False) for each in shapes[:sparse_count]]
    splits = [
        body.convert(_row_splits(body, each, vector), INT64, dtype)
        for each, dtype in zip(indices[sparse_count:], _split_types(node.attr["ragged_split_types"]))
    ]
    body.replace_outputs(
        [
            ("sparse_indices", indices[:sparse_count]),
            ("sparse_values", values[:sparse_count]),
            ("sparse_shapes", shapes[:sparse_count]),
            ("dense_values", dense),
            ("ragged_values", values[sparse_count:]),
            ("ragged_row_splits", splits),
        ]
    )


@rule("ParseSequenceExample, whose keys are attributes", "ParseSequenceExampleV2")
def parse_with_constant_keys(body: Body, node: Any, _library: Library) -> None:
    """Parse a vector of sequence examples by the op whose keys are attributes."""
    for name in ("context_ragged_value_types", "feature_list_ragged_value_types"):
        if node.attr[name].list.type:
            raise Inexpressible("it has ragged features")
    inputs = _data_inputs(node)
    serialized, debug_name, missing = inputs[0], inputs[1], inputs[8]
    kinds = ("context_sparse", "context_dense", "context_ragged", "feature_list_sparse", "feature_list_dense")
    found = {
        f"{kind}_keys": _read_strings(body, key) for kind, key in zip(kinds, inputs[2:]) if kind != "context_ragged"
    }
    tensor = _read_constant(body, missing)
    flags = list(tensor.tensor_content) or list(tensor.bool_val)
    dense_keys = found["feature_list_dense_keys"]
    flags = flags * len(dense_keys) if len(flags) == 1 else flags
    for name in list(node.attr):
        if "ragged" in name:
            del node.attr[name]
    for name, texts in found.items():
        node.attr[name].list.s.extend(texts)
        node.attr[name].list.SetInParent()
    assumed_empty = [key for key, flag in zip(dense_keys, flags) if flag]
    node.attr["feature_list_dense_missing_assumed_empty"].list.s.extend(assumed_empty)
    node.attr["feature_list_dense_missing_assumed_empty"].list.SetInParent()
    node.attr["Ncontext_dense"].i = len(found["context_dense_keys"])
    node.op = "ParseSequenceExample"
    control = [each for each in node.input if each.startswith("^")]
    del node.input[:]
    names = body.add("Reshape", [debug_name, body.constant(INT32, [-1])], T=STRING, Tshape=INT32)
    node.input.extend([serialized, names, *inputs[9:], *control])


def _data_inputs(node: Any) -> list[str]:
    return [each for each in node.input if not each.startswith("^")]


def _split_types(types: Any) -> list[Any]:
    """Return an AttrValue for each dtype of a list."""
    split = []
    for each in types.list.type:
        attribute = message_class("AttrValue")()
        attribute.type = each
        split.append(attribute)
    return split


def _unstack_shape(body: Body, keys: str, count: int) -> list[str]:
    if count == 0:
        return []
    return body.add_node("Unpack", [keys], ["output"] * count, num=count, T=STRING, axis=0)


def _is_vector(body: Body, serialized: str) -> bool:
    """Whether a tensor is known to be a vector, by the shape of an argument or a placeholder."""
    shape = body.static_shape(serialized)
    return shape is not None and not shape.unknown_rank and len(shape.dim) == 1


def _replace_outer_shape(body: Body, dense: str, dtype: Any, outer: str) -> str:
    shape = body.add("Shape", [dense], T=dtype, out_type=INT64)
    whole = concat_vectors(body, [outer, slice_vector(body, shape, 1, None)])
    return body.add("Reshape", [dense, whole], T=dtype, Tshape=INT64)


def _drop_first(body: Body, tensor: str, first: str, is_matrix: bool) -> str:
    """Return a vector, or the columns of a matrix, from a position on."""
    begin = body.add("Reshape", [first, body.constant(INT32, [1])], T=INT32, Tshape=INT32)
    zeros, ones = body.constant(INT32, [0]), body.constant(INT32, [1])
    if is_matrix:
        zero = body.constant(INT32, 0)
        begin = body.add("ConcatV2", [zeros, begin, zero], N=2, T=INT32, Tidx=INT32)
        zeros, ones = body.constant(INT32, [0, 0]), body.constant(INT32, [1, 1])
    masks: dict[str, Any] = {"begin_mask": 0, "end_mask": 3 if is_matrix else 1, "ellipsis_mask": 0, "new_axis_mask": 0}
    return body.add("StridedSlice", [tensor, begin, zeros, ones], T=INT64, Index=INT32, shrink_axis_mask=0, **masks)


def _row_splits(body: Body, indices: str, serialized: str) -> str:
    """Return where the rows of a sparse feature start and end among its values."""
    count = body.add("Size", [serialized], T=STRING, out_type=INT64)
    limit = body.add("AddV2", [count, body.constant(INT64, 1)], T=INT64)
    return find_positions(body, "LowerBound", take_column(body, indices, 0), make_range(body, limit))


def _read_constant(body: Body, tensor: str) -> Any:
    node = body.producer(tensor)
    if node is None or node.op != "Const":
        raise Inexpressible("its keys are not constants")
    return node.attr["value"].tensor


def _read_strings(body: Body, tensor: str) -> list[bytes]:
    found = _read_constant(body, tensor)
    sizes = [dim.size for dim in found.tensor_shape.dim]
    texts = list(found.string_val)
    return texts * sizes[0] if sizes and len(texts) == 1 else texts
