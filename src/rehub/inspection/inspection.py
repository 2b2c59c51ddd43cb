"""`hub.inspect`: what a model holds, read from its files without TensorFlow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from rehub.inspection import capabilities, entry_points
from rehub.inspection.asset_files import asset_names, look_for_assets
from rehub.inspection.attachments import read_attachments
from rehub.inspection.callables import Function, read_functions
from rehub.inspection.example_code import usage
from rehub.inspection.fingerprints import read_fingerprint
from rehub.inspection.graph_nodes import V1_CONTROL_FLOW, GraphNodes
from rehub.inspection.local_model import open_model
from rehub.inspection.missing_packages import missing_packages
from rehub.inspection.model_info import AttachmentInfo, GraphInfo, ModelInfo, VariableInfo
from rehub.inspection.variables import VARIABLE_OPS, variables_of_graph, variables_of_objects
from rehub.savedmodel.checkpoint import CheckpointEntry, read_checkpoint
from rehub.savedmodel.graph_collections import Collections
from rehub.savedmodel.layout import KERAS_METADATA, Layout
from rehub.savedmodel.metagraphs import MetaGraph, graph_variant, read_metagraphs, tag_set
from rehub.savedmodel.object_graph import CONVERSION, ObjectGraph
from rehub.savedmodel.protos import MetaGraphDef
from rehub.savedmodel.wire import Buffer, strictly


def inspect(handle: Any, *, tags: str | Iterable[str] | None = None) -> ModelInfo:
    """Tells what a model holds, without TensorFlow: its signatures, functions, variables, ops, and what can be done.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        tags: the set of strings that names a graph variant, to be told of that one alone.

    Returns:
        A `ModelInfo`; a notebook shows it as a table.

    Raises:
        ModelNotFound: there is no model; says what is there instead.
        UnsupportedFormat: there is a model of another kind; says what loads it.
        LocationUnreadable: it is in an object store, and not copied to this machine.
        CorruptModel: one of the model's files is damaged.
        TagsNotFound: there is no variant with these tags; lists those there are.
    """
    wanted = tag_set(tags)
    model = open_model(handle)
    metagraphs = read_metagraphs(model.layout.file, model.content)
    chosen = metagraphs if wanted is None else (graph_variant(metagraphs, wanted, model.label),)
    entries = _checkpoint_entries(model.layout.path)
    is_object = len(metagraphs) == 1 and metagraphs[0].has_objects

    def read_all() -> ModelInfo:
        read = [_read(model.content, metagraph, entries) for metagraph in chosen]
        return _model_info(model.label, model.layout, read, is_object, tags_given=wanted is not None)

    return strictly(model.layout.file, read_all)


def _checkpoint_entries(path: str) -> Mapping[str, CheckpointEntry]:
    try:
        return read_checkpoint(os.path.join(path, "variables", "variables")).entries
    except FileNotFoundError:
        return {}  # A model without variables has none.


@dataclass(frozen=True)
class _Read:
    """A graph variant, with what more than its GraphInfo is needed of it."""

    metagraph: MetaGraph
    nodes: GraphNodes
    info: GraphInfo
    assets: set[str]
    attachments: tuple[AttachmentInfo, ...]
    objects: ObjectGraph | None
    functions: tuple[Function, ...]


def _read(content: Buffer, metagraph: MetaGraph, entries: Mapping[str, CheckpointEntry]) -> _Read:
    message, tags = metagraph.message, metagraph.tags
    collections = Collections(message)
    nodes = GraphNodes(content, message, tags)
    objects = ObjectGraph(message.message(MetaGraphDef.object_graph_def)) if metagraph.has_objects else None
    if objects is None:
        variables = variables_of_graph(collections, nodes.of_ops(VARIABLE_OPS), entries)
        losses = len(collections.nodes("regularization_losses"))
    else:
        variables = variables_of_objects(objects, entries)
        losses = len(objects.members("regularization_losses"))
    info = GraphInfo(
        tags=tags,
        signatures=metagraph.signatures,
        ops=tuple(nodes.ops.items()),
        nodes=nodes.total,
        functions=nodes.functions,
        variables=variables,
        update_ops=len(collections.nodes("update_ops")),
        regularization_losses=losses,
        v1_control_flow=tuple(op for op in nodes.ops if op in V1_CONTROL_FLOW),
    )
    return _Read(
        metagraph,
        nodes,
        info,
        asset_names(message, collections),
        read_attachments(collections, tags),
        objects,
        () if objects is None else read_functions(objects),
    )


def _model_info(handle: str, layout: Layout, read: Sequence[_Read], is_object: bool, tags_given: bool) -> ModelInfo:
    graphs = tuple(each.info for each in read)
    inference = _loaded_by_default(read) if layout.is_legacy else read[0]
    functions = inference.functions if is_object else ()
    signatures = inference.info.signatures
    missing = missing_packages(op for graph in graphs for op, _ in graph.ops)
    if is_object:
        entry = entry_points.of_object(functions, signatures)
    else:
        entry = entry_points.of_graph(signatures, layout.is_legacy)
    needs_tags = tags_given or (inference.info.tags if layout.is_legacy else len(read) > 1)
    return ModelInfo(
        handle=handle,
        path=layout.path,
        format=_format(layout, is_object),
        saved_by=_saved_by(layout, inference.objects),
        tensorflow_version=inference.metagraph.tensorflow_version,
        graphs=graphs,
        callables=tuple(function.info for function in functions),
        assets=look_for_assets(layout.path, (name for each in read for name in each.assets)),
        attachments=tuple(attachment for each in read for attachment in each.attachments),
        missing_packages=missing,
        can_be_called=capabilities.can_be_called(entry, functions, is_object, missing),
        can_be_fine_tuned=capabilities.can_be_fine_tuned(
            entry, _trained(inference, entry), inference.info.regularization_losses, is_object
        ),
        can_be_retrained=capabilities.can_be_retrained(
            [capabilities.Variant(each.info, each.nodes) for each in read], layout.is_legacy, is_object
        ),
        usage=usage(handle, inference.info.tags if needs_tags else None, entry, is_object),
        fingerprint=read_fingerprint(layout.path),
    )


def _loaded_by_default(read: Sequence[_Read]) -> _Read:
    """The graph variant of a legacy module that is used where no tags are given, if it is there."""
    return next((each for each in read if not each.info.tags), read[0])


def _format(layout: Layout, is_object: bool) -> str:
    if layout.is_legacy:
        return "legacy module"
    return "TF2 SavedModel" if is_object else "TF1 SavedModel"


def _saved_by(layout: Layout, objects: ObjectGraph | None) -> str:
    if objects is None or not objects.objects:
        return ""
    root = objects.objects[0]
    names = dict(root.children)
    if CONVERSION in names:
        return "hub.convert"
    if root.identifier.startswith("_tf_keras") or os.path.exists(os.path.join(layout.path, KERAS_METADATA)):
        return "Keras 2"
    if entry_points.SERVE in names and "_misc_assets" in names:  # What `export` of a model of Keras leaves.
        return "Keras 2" if "_endpoint_names" in names else "Keras 3"
    return ""


def _trained(read: _Read, entry: entry_points.EntryPoint | None) -> list[VariableInfo]:
    """The variables that a layer of a TF2 object trains: those that it lists, else those that its function uses.
    A signature trains those that it uses.
    """
    objects = read.objects
    if objects is None or entry is None:
        return []
    numbers = [number for number, obj in enumerate(objects.objects) if obj.kind == "variable"]
    by_number = dict(zip(numbers, read.info.variables))
    names = dict(objects.objects[0].children) if objects.objects else {}
    listed = objects.members("trainable_variables")
    if entry.function is not None and ("variables" in names or "trainable_variables" in names):
        return [by_number[number] for number in dict.fromkeys(listed) if number in by_number]
    used = set(_captures(objects, entry))
    if "trainable_variables" in names:
        used.intersection_update(listed)
    return [variable for number, variable in by_number.items() if number in used and variable.trainable]


def _captures(objects: ObjectGraph, entry: entry_points.EntryPoint) -> Iterable[int]:
    if entry.function is not None:
        return (number for trace in entry.function.traces for number in trace.captures)
    return () if entry.signature is None else objects.captures_of_signature(entry.signature.name)
