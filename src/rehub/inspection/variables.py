"""The variables of a model: those of a TF2 object, and those that a graph of TF1 lists in its collections.

Their dtypes, shapes and bytes are those of the checkpoint; where a variable has no value there, what the model says.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable, Mapping

from rehub.inspection.model_info import VariableInfo
from rehub.savedmodel.dtypes import dtype_name, dtype_size
from rehub.savedmodel.protos import AttrValue, SavedVariable, SaveSliceInfoDef, VariableDef
from rehub.savedmodel.shapes import MOST_SIZES, Shape, read_shape
from rehub.savedmodel.wire import Message

if TYPE_CHECKING:
    from rehub.savedmodel.checkpoint import CheckpointEntry
    from rehub.savedmodel.graph_collections import Collections
    from rehub.savedmodel.nodes import Node
    from rehub.savedmodel.object_graph import ObjectGraph

Entries = Mapping[str, "CheckpointEntry"]

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"

# The ops that hold a variable in a graph of TF1.
VARIABLE_OPS = frozenset(["VarHandleOp", "Variable", "VariableV2", "AutoReloadVariable"])


def variables_of_objects(graph: ObjectGraph, entries: Entries) -> tuple[VariableInfo, ...]:
    """Returns the variables of a TF2 object, in the order of its object graph.

    Args:
        graph: the objects.
        entries: what lies in the checkpoint, by its keys.
    """
    slots = _slot_keys(graph)
    found = []
    for number, obj in enumerate(graph.objects):
        if obj.kind == "variable":
            key = slots.get(number) or _key(graph, number)
            dtype = dtype_name(obj.body.integer(SavedVariable.dtype))
            shape = read_shape(obj.body.message(SavedVariable.shape))
            trainable = bool(obj.body.integer(SavedVariable.trainable))
            name = obj.body.text(SavedVariable.name)
            found.append(_variable(name, graph.path(number), key, dtype, shape, trainable, entries))
    return tuple(found)


def _key(graph: ObjectGraph, number: int) -> str:
    place = _place(graph, number)
    return place + _VALUE if place else ""


def _place(graph: ObjectGraph, number: int) -> str:
    """How the way to an object is written in keys."""
    return "/".join(_escaped(step.name) for step in graph.way(number))


def _escaped(name: str) -> str:
    # As TensorFlow writes an attribute's name into a key, in which a slash parts two of them.
    return name.replace(".", "..").replace("/", ".S")


def _slot_keys(graph: ObjectGraph) -> dict[int, str]:
    """The keys of the variables that an optimizer keeps for others: momentum, for example."""
    keys = {}
    for number, obj in enumerate(graph.objects):
        if not obj.slots:
            continue
        optimizer = _place(graph, number)
        for original, slot, variable in obj.slots:
            whose = _place(graph, original)
            keys[variable] = f"{whose}/.OPTIMIZER_SLOT/{optimizer}/{_escaped(slot)}{_VALUE}"
    return keys


def variables_of_graph(
    collections: Collections, nodes: Mapping[str, Node], entries: Entries
) -> tuple[VariableInfo, ...]:
    """Returns the variables that a graph of TF1 lists, those that are parts of one as that one.

    Args:
        collections: of the MetaGraph.
        nodes: those of the graph that hold variables, by their names.
        entries: what lies in the checkpoint, by its keys.
    """
    trained = {_node_name(definition) for definition in collections.messages("trainable_variables")}
    parts: dict[str, list[_Part]] = {}
    seen = set()
    for name in ("variables", "model_variables"):
        for definition in collections.messages(name):
            node_name = _node_name(definition)
            if node_name not in seen:
                seen.add(node_name)
                part = _read_part(definition, node_name, nodes.get(node_name))
                parts.setdefault(part.whole, []).append(part)
    if not parts:
        return _without_collections(nodes.values(), entries)
    return tuple(
        _variable(
            whole,
            "",
            whole,
            of_whole[0].dtype,
            of_whole[0].shape,
            any(part.node in trained for part in of_whole),
            entries,
            len(of_whole),
        )
        for whole, of_whole in parts.items()
    )


def _without_collections(nodes: Iterable[Node], entries: Entries) -> tuple[VariableInfo, ...]:
    """Returns the variables of a graph of TF1 that lists none, such as one that was made for serving."""
    found = []
    for node in nodes:
        dtype, shape, shared_name = read_variable_node(node)
        key = shared_name or node.name
        if key in entries:
            found.append(_variable(node.name, "", key, dtype, shape, False, entries))
    return tuple(found)


@dataclass(frozen=True)
class _Part:
    """A variable of a graph: the name of the node, of the whole that it belongs to, and the type and shape of that."""

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
    """The type, the shape and the shared name of a node that holds a variable."""
    attributes = dict(node.attributes())
    none = Message(b"")
    return (
        dtype_name(attributes.get("dtype", none).integer(AttrValue.type)),
        read_shape(attributes.get("shape", none).message(AttrValue.shape)),
        attributes.get("shared_name", none).text(AttrValue.s),
    )


def _node_name(definition: Message) -> str:
    return definition.text(VariableDef.variable_name).partition(":")[0]


def _variable(
    name: str, path: str, key: str, dtype: str, shape: Shape, trainable: bool, entries: Entries, parts: int = 1
) -> VariableInfo:
    entry = entries.get(key)
    if entry is not None:
        return VariableInfo(name, path, key, entry.dtype, entry.shape, trainable, entry.bytes, parts)
    without_value = VariableInfo(name, path, "", dtype, shape, trainable, 0, parts)
    return replace(without_value, bytes=without_value.parameters * (dtype_size(dtype) or 0))
