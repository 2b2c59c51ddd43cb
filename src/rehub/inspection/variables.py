"""The variables of a model: of a TF2 object, or in the collections of a TF1 graph.

Their dtypes, shapes and sizes are those in the checkpoint, or if a variable has no value there, those in the graph.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Iterable, Mapping

from rehub.inspection.model_info import VariableInfo
from rehub.savedmodel.checkpoint import CheckpointEntry
from rehub.savedmodel.dtypes import dtype_name, dtype_size
from rehub.savedmodel.graph_collections import Collections
from rehub.savedmodel.nodes import Node
from rehub.savedmodel.object_graph import ObjectGraph
from rehub.savedmodel.protos import AttrValue, SavedVariable, SaveSliceInfoDef, VariableDef
from rehub.savedmodel.shapes import MOST_SIZES, Shape, read_shape
from rehub.savedmodel.wire import Message

Entries = Mapping[str, "CheckpointEntry"]

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"

# The ops of variables in a TF1 graph.
VARIABLE_OPS = frozenset(["VarHandleOp", "Variable", "VariableV2", "AutoReloadVariable"])


def read_object_variables(graph: ObjectGraph, entries: Entries) -> tuple[VariableInfo, ...]:
    """Return the variables of a TF2 object, in the order of its object graph."""
    slots = _find_slot_keys(graph)
    found = []
    for number, obj in enumerate(graph.objects):
        if obj.kind == "variable":
            key = slots.get(number) or _make_key(graph, number)
            dtype = dtype_name(obj.body.integer(SavedVariable.dtype))
            shape = read_shape(obj.body.message(SavedVariable.shape))
            trainable = bool(obj.body.integer(SavedVariable.trainable))
            name = obj.body.text(SavedVariable.name)
            found.append(_make_variable(name, graph.path(number), key, dtype, shape, trainable, entries))
    return tuple(found)


def _make_key(graph: ObjectGraph, number: int) -> str:
    place = _make_key_prefix(graph, number)
    return place + _VALUE if place else ""


def _make_key_prefix(graph: ObjectGraph, number: int) -> str:
    """Return the path of an object as it is written in checkpoint keys."""
    return "/".join(_escape_name(step.name) for step in graph.path_to(number))


def _escape_name(name: str) -> str:
    # TensorFlow escapes names of attributes in keys, where a slash separates them:
    # tensorflow/python/checkpoint/trackable_utils.py, escape_local_name.
    return name.replace(".", "..").replace("/", ".S")


def _find_slot_keys(graph: ObjectGraph) -> dict[int, str]:
    """Return the keys of slot variables, such as an optimizer's momentum of a variable, by index."""
    keys = {}
    for number, obj in enumerate(graph.objects):
        if not obj.slots:
            continue
        optimizer = _make_key_prefix(graph, number)
        for original, slot, variable in obj.slots:
            variable_prefix = _make_key_prefix(graph, original)
            keys[variable] = f"{variable_prefix}/.OPTIMIZER_SLOT/{optimizer}/{_escape_name(slot)}{_VALUE}"
    return keys


def read_graph_variables(
    collections: Collections, nodes: Mapping[str, Node], entries: Entries
) -> tuple[VariableInfo, ...]:
    """Return the variables in the collections of a TF1 graph, with the parts of a partitioned variable as one."""
    trained = {_read_node_name(definition) for definition in collections.messages("trainable_variables")}
    parts: dict[str, list[_Part]] = {}
    seen = set()
    for name in ("variables", "model_variables"):
        for definition in collections.messages(name):
            node_name = _read_node_name(definition)
            if node_name not in seen:
                seen.add(node_name)
                part = _read_part(definition, node_name, nodes.get(node_name))
                parts.setdefault(part.whole, []).append(part)
    if not parts:
        return _read_without_collections(nodes.values(), entries)
    found = []
    for whole, of_whole in parts.items():
        trainable = any(part.node in trained for part in of_whole)
        dtype, shape = of_whole[0].dtype, of_whole[0].shape
        found.append(_make_variable(whole, "", whole, dtype, shape, trainable, entries, len(of_whole)))
    return tuple(found)


def _read_without_collections(nodes: Iterable[Node], entries: Entries) -> tuple[VariableInfo, ...]:
    """Return the variables of a TF1 graph without collections, such as one that was exported for serving."""
    found = []
    for node in nodes:
        dtype, shape, shared_name = read_variable_node(node)
        key = shared_name or node.name
        if key in entries:
            found.append(_make_variable(node.name, "", key, dtype, shape, False, entries))
    return tuple(found)


@dataclass(frozen=True)
class _Part:
    """A part of a variable: the name of its node, and the name, dtype and shape of the whole variable."""

    node: str
    whole: str
    dtype: str
    shape: Shape


def _read_part(definition: Message, node_name: str, node: Node | None) -> _Part:
    dtype, shape, shared_name = ("", None, "") if node is None else read_variable_node(node)
    slice_info = definition.message(VariableDef.save_slice_info_def)
    whole = slice_info.text(SaveSliceInfoDef.full_name)
    if whole:
        shape = tuple(itertools.islice(slice_info.packed_integers(SaveSliceInfoDef.full_shape), MOST_SIZES))
        return _Part(node_name, whole, dtype, shape)
    return _Part(node_name, shared_name or node_name, dtype, shape)


def read_variable_node(node: Node) -> tuple[str, Shape, str]:
    """Return the dtype, shape and shared name of a variable's node."""
    attributes = dict(node.attributes())
    none = Message(b"")
    return (
        dtype_name(attributes.get("dtype", none).integer(AttrValue.type)),
        read_shape(attributes.get("shape", none).message(AttrValue.shape)),
        attributes.get("shared_name", none).text(AttrValue.s),
    )


def _read_node_name(definition: Message) -> str:
    return definition.text(VariableDef.variable_name).partition(":")[0]


def _make_variable(
    name: str, path: str, key: str, dtype: str, shape: Shape, trainable: bool, entries: Entries, parts: int = 1
) -> VariableInfo:
    entry = entries.get(key)
    if entry is not None:
        return VariableInfo(name, path, key, entry.dtype, entry.shape, trainable, entry.bytes, parts)
    without_value = VariableInfo(name, path, "", dtype, shape, trainable, 0, parts)
    return replace(without_value, bytes=without_value.parameters * (dtype_size(dtype) or 0))
