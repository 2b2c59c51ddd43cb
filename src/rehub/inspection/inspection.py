"""`hub.inspect`: read what a model holds, without TensorFlow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Sequence

from rehub.inspection import capabilities, entry_points
from rehub.inspection.asset_files import find_assets, read_asset_names
from rehub.inspection.attachments import read_attachments
from rehub.inspection.callables import Function, read_functions
from rehub.inspection.example_code import write_example_code
from rehub.inspection.fingerprints import read_fingerprint
from rehub.inspection.graph_nodes import V1_CONTROL_FLOW, GraphNodes
from rehub.inspection.local_model import open_model
from rehub.inspection.missing_packages import find_missing_packages
from rehub.inspection.model_info import AttachmentInfo, GraphInfo, ModelInfo, VariableInfo
from rehub.inspection.variables import VARIABLE_OPS, read_graph_variables, read_object_variables
from rehub.savedmodel.checkpoint import CheckpointEntry, read_checkpoint
from rehub.savedmodel.graph_collections import Collections
from rehub.savedmodel.layout import KERAS_METADATA, Layout
from rehub.savedmodel.metagraphs import MetaGraph, parse_tags, read_metagraphs, select_metagraph
from rehub.savedmodel.object_graph import CONVERSION, ObjectGraph
from rehub.savedmodel.protos import MetaGraphDef
from rehub.savedmodel.wire import Buffer, read_strictly


def inspect(handle: Any, *, tags: str | Iterable[str] | None = None) -> ModelInfo:
    """Return what a model contains, without TensorFlow: its signatures, functions, variables, ops, and possible uses.

    Args:
        handle: a URL, a path, or any other form that `hub.resolve` takes.
        tags: the tags of one graph variant, to return only that one.

    Returns:
        A `ModelInfo`; a notebook shows it as a table.

    Raises:
        ModelNotFound: the directory has no model; the message says what it contains.
        UnsupportedFormat: the model has another format; the message says what loads it.
        LocationUnreadable: the model is in an object store, and was not copied to this machine.
        CorruptModel: a file of the model is damaged.
        TagsNotFound: no variant has these tags; the message lists the tags of each variant.
    """
    wanted = parse_tags(tags)
    model = open_model(handle)
    metagraphs = read_metagraphs(model.layout.file, model.content)
    chosen = metagraphs if wanted is None else (select_metagraph(metagraphs, wanted, model.label),)
    entries = _read_checkpoint_entries(model.layout.path)
    is_object = len(metagraphs) == 1 and metagraphs[0].has_objects

    def read_all() -> ModelInfo:
        read = [_read_graph(model.content, metagraph, entries) for metagraph in chosen]
        return _make_model_info(
            model.label, model.layout, model.content, read, is_object, tags_given=wanted is not None
        )

    return read_strictly(model.layout.file, read_all)


def _read_checkpoint_entries(path: str) -> Mapping[str, CheckpointEntry]:
    try:
        return read_checkpoint(os.path.join(path, "variables", "variables")).entries
    except FileNotFoundError:
        return {}  # The model has no variables.


@dataclass(frozen=True)
class _ReadGraph(capabilities.GraphVariant):
    """A graph variant, with the parts that a `ModelInfo` is made of."""

    metagraph: MetaGraph
    assets: set[str]
    attachments: tuple[AttachmentInfo, ...]
    objects: ObjectGraph | None
    functions: tuple[Function, ...]


def _read_graph(content: Buffer, metagraph: MetaGraph, entries: Mapping[str, CheckpointEntry]) -> _ReadGraph:
    message, tags = metagraph.message, metagraph.tags
    collections = Collections(message)
    nodes = GraphNodes(content, message, tags)
    objects = ObjectGraph(message.message(MetaGraphDef.object_graph_def)) if metagraph.has_objects else None
    if objects is None:
        variables = read_graph_variables(collections, nodes.with_ops(VARIABLE_OPS), entries)
        losses = len(collections.nodes("regularization_losses"))
    else:
        variables = read_object_variables(objects, entries)
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
    return _ReadGraph(
        info,
        nodes,
        metagraph,
        read_asset_names(message, collections),
        read_attachments(collections, tags),
        objects,
        () if objects is None else read_functions(objects),
    )


def _make_model_info(
    handle: str, layout: Layout, content: Buffer, read: Sequence[_ReadGraph], is_object: bool, tags_given: bool
) -> ModelInfo:
    from rehub.inspection.minimum_tensorflow import find_minimum_tensorflow  # It imports all rules of `downgrade`.

    graphs = tuple(each.info for each in read)
    inference = _choose_default_graph(read) if layout.is_legacy else read[0]
    functions = inference.functions if is_object else ()
    signatures = inference.info.signatures
    missing = find_missing_packages(op for graph in graphs for op, _ in graph.ops)
    if is_object:
        entry = entry_points.find_entry_of_object(functions, signatures)
    else:
        entry = entry_points.find_entry_of_graph(signatures, layout.is_legacy)
    needs_tags = tags_given or (inference.info.tags if layout.is_legacy else len(read) > 1)
    return ModelInfo(
        handle=handle,
        path=layout.path,
        format=_describe_format(layout, is_object),
        saved_by=_find_saver(layout, inference.objects),
        tensorflow_version=inference.metagraph.tensorflow_version,
        graphs=graphs,
        callables=tuple(function.info for function in functions),
        assets=find_assets(layout.path, (name for each in read for name in each.assets)),
        attachments=tuple(attachment for each in read for attachment in each.attachments),
        missing_packages=missing,
        minimum_tensorflow=find_minimum_tensorflow(content, (op for graph in graphs for op, _ in graph.ops), missing),
        can_be_called=capabilities.judge_callable(entry, functions, is_object, missing),
        can_be_fine_tuned=capabilities.judge_fine_tunable(
            entry, _find_trained_variables(inference, entry), inference.info.regularization_losses, is_object
        ),
        can_be_retrained=capabilities.judge_retrainable(read, layout.is_legacy, is_object),
        usage=write_example_code(handle, inference.info.tags if needs_tags else None, entry, is_object),
        fingerprint=read_fingerprint(layout.path),
    )


def _choose_default_graph(read: Sequence[_ReadGraph]) -> _ReadGraph:
    """Return the graph variant of a legacy module that is loaded without `tags=`: the one without tags, if any."""
    return next((each for each in read if not each.info.tags), read[0])


def _describe_format(layout: Layout, is_object: bool) -> str:
    if layout.is_legacy:
        return "legacy module"
    return "TF2 SavedModel" if is_object else "TF1 SavedModel"


def _find_saver(layout: Layout, objects: ObjectGraph | None) -> str:
    if objects is None or not objects.objects:
        return ""
    root = objects.objects[0]
    names = dict(root.children)
    if CONVERSION in names:
        return "hub.convert"
    if root.identifier.startswith("_tf_keras") or os.path.exists(os.path.join(layout.path, KERAS_METADATA)):
        return "Keras 2"
    if entry_points.SERVE in names and "_misc_assets" in names:  # `Model.export` of Keras saves these.
        return "Keras 2" if "_endpoint_names" in names else "Keras 3"
    return ""


def _find_trained_variables(read: _ReadGraph, entry: entry_points.EntryPoint | None) -> list[VariableInfo]:
    """Return the variables that a layer of a TF2 object trains.

    These are the ones that the object lists, or else the ones that its function uses; for a signature, the ones that
    it uses.
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
    used = set(_list_captures(objects, entry))
    if "trainable_variables" in names:
        used.intersection_update(listed)
    return [variable for number, variable in by_number.items() if number in used and variable.trainable]


def _list_captures(objects: ObjectGraph, entry: entry_points.EntryPoint) -> Iterable[int]:
    if entry.function is not None:
        return (number for trace in entry.function.traces for number in trace.captures)
    return () if entry.signature is None else objects.captures_of_signature(entry.signature.name)
