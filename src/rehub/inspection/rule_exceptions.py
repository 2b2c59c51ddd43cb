"""Nodes that cannot be rewritten for an older TensorFlow, though `downgrade` has a rule for their op or attribute."""

from __future__ import annotations

import struct
from typing import Callable, Iterable

from rehub.savedmodel.nodes import Node, iter_scopes, node_name
from rehub.savedmodel.ops.newer_ops import Version, newer_attributes, version_of_op
from rehub.savedmodel.protos import AttrListValue, AttrValue, TensorProto
from rehub.savedmodel.wire import Buffer, Message

_WHOLE_LINE, _LINE_NUMBER = (1 << 64) - 2, (1 << 64) - 1  # -2 and -1, without sign.


def find_rule_exceptions(content: Buffer, ops: Iterable[str]) -> dict[str, Version]:
    """Return the ops and attributes of such nodes, each with the oldest TensorFlow that has it.

    Args:
        content: the bytes of a `saved_model.pb`.
        ops: the ops of its nodes.
    """
    wanted = _CHECKS.keys() & set(ops)
    found: dict[str, Version] = {}
    for scope in iter_scopes(content) if wanted else ():
        for node in scope.nodes():
            if node.op in wanted and _CHECKS[node.op](node):
                offset = newer_attributes(node.op).get("offset")
                name = node.op if offset is None else f"{node.op}.offset"
                found[name] = version_of_op(node.op) if offset is None else offset[0]
    return found


def _has_offset_of_columns(node: Node) -> bool:
    indices = {node.attribute(name).integer(AttrValue.i) for name in ("key_index", "value_index")}
    return bool(node.attribute("offset").integer(AttrValue.i)) and indices != {_WHOLE_LINE, _LINE_NUMBER}


def _has_other_separator(node: Node) -> bool:
    separator = _find_constant(node, -1)
    return separator is None or list(separator.values(TensorProto.string_val)) != [b"_X_"]


def _has_ragged_features(node: Node) -> bool:
    names = ("context_ragged_value_types", "feature_list_ragged_value_types")
    return any(list(node.attribute(name).message(AttrValue.list).packed_integers(AttrListValue.type)) for name in names)


def _has_unaligned_bands(node: Node) -> bool:
    if node.attribute("align").text(AttrValue.s) == "LEFT_LEFT":
        return False
    bands = _find_constant(node, 2 if node.op == "MatrixSetDiagV3" else 1)
    if bands is None:
        return True
    content = b"".join(bands.values(TensorProto.tensor_content))
    numbers = struct.unpack(f"<{len(content) // 4}i", content) or tuple(bands.packed_integers(TensorProto.int_val))
    return len(set(numbers)) != 1


def _find_constant(node: Node, position: int) -> Message | None:
    """Return the TensorProto of an input; None if it is not a constant of the same graph or function."""
    name = node_name([each for each in node.inputs() if not each.startswith("^")][position])
    for each in node.scope.nodes():
        if each.op == "Const" and each.name == name:
            return each.attribute("value").message(AttrValue.tensor)
    return None


_CHECKS: dict[str, Callable[[Node], bool]] = {
    **dict.fromkeys(("InitializeTableFromTextFile", "InitializeTableFromTextFileV2"), _has_offset_of_columns),
    **dict.fromkeys(("MatrixDiagV3", "MatrixDiagPartV3", "MatrixSetDiagV3"), _has_unaligned_bands),
    "ParseSequenceExampleV2": _has_ragged_features,
    "SparseCrossV2": _has_other_separator,
}
