"""Find what is wrong with the files of a model: missing, cut off, a Git LFS pointer, or another model's checkpoint."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Iterator, Sequence

from rehub.errors import CorruptModel, HubError
from rehub.inspection.asset_files import asset_path, read_asset_names
from rehub.savedmodel.checkpoint import Checkpoint
from rehub.savedmodel.file_kinds import is_lfs_pointer_file, lfs_pointer_advice
from rehub.savedmodel.graph_collections import Collections
from rehub.savedmodel.metagraphs import MetaGraph
from rehub.savedmodel.nodes import GraphScope, Node, node_name
from rehub.savedmodel.protos import AttrValue, MetaGraphDef, SavedObject, SavedObjectGraph, SaverDef, TensorProto
from rehub.savedmodel.shapes import Shape
from rehub.savedmodel.wire import Message, WireError

_SHARD = re.compile(r"variables\.data-(\d+)-of-(\d+)\Z")
_COPY_AGAIN = "Copy or download the model again."


@dataclass(frozen=True)
class Damage:
    """Why a model cannot be loaded.

    Attributes:
        kind: "missing" for a missing file, "data" for a file with wrong content, "mismatch" for a checkpoint whose
            values do not fit the model's variables.
        message: names the file, and says what to do.
    """

    kind: str
    message: str


def describe_damage(
    directory: str, metagraphs: Sequence[MetaGraph], *, wants_all_variables: bool, with_values: bool
) -> Damage | None:
    """Return what is wrong with a model's files; None if nothing was found.

    Args:
        directory: the directory of the model.
        metagraphs: its graph variants that are loaded.
        wants_all_variables: as for `find_wrong_checkpoint`.
        with_values: whether to read all values, too.
    """
    try:
        found = find_damaged_asset(directory, metagraphs) or _find_damaged_checkpoint_file(directory, metagraphs)
        found = found or find_wrong_checkpoint(directory, metagraphs, wants_all_variables=wants_all_variables)
    except WireError:
        return None  # The model's own file is damaged. Its reader raises an error.
    return found or (_find_damaged_value(directory) if with_values else None)


def find_damaged_asset(directory: str, metagraphs: Sequence[MetaGraph]) -> Damage | None:
    """Find an asset that is missing or a Git LFS pointer, with one stat for each file.

    Raises:
        WireError: the graphs cannot be read.
    """
    names = {name for each in metagraphs for name in read_asset_names(each.message, Collections(each.message))}
    for name in sorted(names):
        relative = asset_path(name)
        if relative is None:
            continue  # It is not a file of the model. The scan reports it.
        path = os.path.join(directory, relative)
        if not os.path.exists(path):
            return _missing_file(path)
        if is_lfs_pointer_file(path):
            return Damage("data", lfs_pointer_advice(path))
    return None


def _find_damaged_checkpoint_file(directory: str, metagraphs: Sequence[MetaGraph]) -> Damage | None:
    """Find a checkpoint file that is missing or a Git LFS pointer, if the model has variables."""
    found = _check_variables_directory(os.path.join(directory, "variables"))
    return found if found is not None and any(map(_has_variables, metagraphs)) else None


def find_wrong_checkpoint(
    directory: str, metagraphs: Sequence[MetaGraph], *, wants_all_variables: bool
) -> Damage | None:
    """Compare a checkpoint with the sizes of its files and with a model's variables, without reading values.

    Args:
        directory: the directory of the model.
        metagraphs: its graph variants that are loaded.
        wants_all_variables: whether each variable of a TF1 graph needs a value in the checkpoint, as in a legacy
            module.

    Raises:
        WireError: the graphs cannot be read.
    """
    from rehub.savedmodel.checkpoint import read_checkpoint

    try:
        checkpoint = read_checkpoint(_checkpoint_prefix(directory))
    except FileNotFoundError:
        return None  # The model has no variables.
    except CorruptModel as error:
        return Damage("data", str(error))
    return _find_cut_shard(checkpoint) or next(
        (found for each in metagraphs for found in _find_mismatches(checkpoint, each, wants_all_variables)), None
    )


def _find_damaged_value(directory: str) -> Damage | None:
    """Read all values of a checkpoint, and compare their checksums."""
    from rehub.savedmodel.checkpoint import read_checkpoint

    try:
        checkpoint = read_checkpoint(_checkpoint_prefix(directory))
        for key in checkpoint.entries:
            try:
                checkpoint.value(key)
            except CorruptModel:
                raise
            except HubError:
                continue  # rehub does not read values of this type.
    except FileNotFoundError:
        return None
    except CorruptModel as error:
        return Damage("data", str(error))
    return None


def find_unmatched_variable(directory: str, metagraphs: Sequence[MetaGraph]) -> Damage | None:
    """Find a variable of a TF2 object that has no value in the checkpoint.

    This is for a model in which TensorFlow has found such a variable: it compares paths of objects only.
    """
    from rehub.inspection.variables import read_object_variables
    from rehub.savedmodel.checkpoint import read_checkpoint
    from rehub.savedmodel.object_graph import ObjectGraph

    prefix = _checkpoint_prefix(directory)
    entries = read_checkpoint(prefix).entries
    for metagraph in metagraphs:
        objects = ObjectGraph(metagraph.message.message(MetaGraphDef.object_graph_def))
        for variable in read_object_variables(objects, entries):
            if variable.path and not variable.key:
                return _missing_value(prefix, variable.path)
    return None


def _checkpoint_prefix(directory: str) -> str:
    return os.path.join(directory, "variables", "variables")


def _missing_file(path: str) -> Damage:
    return Damage("missing", f"{path!r} is missing. {_COPY_AGAIN}")


def _wrong_checkpoint(prefix: str, reason: str) -> Damage:
    return Damage("mismatch", f"{prefix + '.index'!r} is not the checkpoint of this model: {reason}. {_COPY_AGAIN}")


def _missing_value(prefix: str, variable: str) -> Damage:
    return _wrong_checkpoint(prefix, f"it has no value for the variable {variable!r}")


def _check_variables_directory(directory: str) -> Damage | None:
    """Return what is wrong with the files of a checkpoint, even if the model does not need them."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        names = []
    if "variables.index" not in names:
        return _missing_file(os.path.join(directory, "variables.index"))
    shards = [match for match in map(_SHARD.match, names) if match is not None]
    count = int(shards[0].group(2)) if shards else 1
    numbers = {int(match.group(1)) for match in shards}
    for number in range(count):
        if number not in numbers:
            return _missing_file(os.path.join(directory, f"variables.data-{number:05d}-of-{count:05d}"))
    for name in ("variables.index", *(match.group() for match in shards)):
        path = os.path.join(directory, name)
        if is_lfs_pointer_file(path):
            return Damage("data", lfs_pointer_advice(path))
    return None


def _has_variables(metagraph: MetaGraph) -> bool:
    """Return whether a model takes values from its checkpoint."""
    from rehub.inspection.variables import VARIABLE_OPS

    if metagraph.has_objects:
        objects = metagraph.message.message(MetaGraphDef.object_graph_def).messages(SavedObjectGraph.nodes)
        return any(
            number in (SavedObject.variable, SavedObject.saveable_objects)
            for each in objects
            for number, _, _ in each.fields()
        )
    return any(node.op in VARIABLE_OPS for node in _read_graph_nodes(metagraph))


def _read_graph_nodes(metagraph: MetaGraph) -> Iterator[Node]:
    message = metagraph.message
    return GraphScope(metagraph.tags, "", message.buffer, message.message(MetaGraphDef.graph_def)).nodes()


def _find_cut_shard(checkpoint: Checkpoint) -> Damage | None:
    ends: dict[int, int] = {}
    for entry in checkpoint.entries.values():
        for part in entry.parts:
            ends[part.shard] = max(ends.get(part.shard, 0), part.offset + part.bytes)
    for shard, end in sorted(ends.items()):
        path = f"{checkpoint.prefix}.data-{shard:05d}-of-{checkpoint.shards:05d}"
        try:
            size = os.path.getsize(path)
        except OSError:
            return _missing_file(path)
        if size < end:
            return Damage("data", f"{path!r} is cut off: it has {size} bytes instead of {end}. {_COPY_AGAIN}")
    return None


def _find_mismatches(checkpoint: Checkpoint, metagraph: MetaGraph, wants_all_variables: bool) -> Iterator[Damage]:
    """Yield how the checkpoint differs from the model's variables."""
    if metagraph.has_objects:
        yield from _compare_with_objects(checkpoint, metagraph)
        return
    nodes = {node.name: node for node in _read_graph_nodes(metagraph)}
    yield from _compare_with_nodes(checkpoint, nodes)
    if wants_all_variables:
        yield from _find_variables_without_value(checkpoint, metagraph, nodes)
    else:
        yield from _find_saver_keys_without_value(checkpoint, metagraph, nodes)


def _compare_with_objects(checkpoint: Checkpoint, metagraph: MetaGraph) -> Iterator[Damage]:
    from rehub.inspection.variables import read_object_variables
    from rehub.savedmodel.object_graph import ObjectGraph

    objects = ObjectGraph(metagraph.message.message(MetaGraphDef.object_graph_def))
    declared = read_object_variables(objects, {})
    for variable, saved in zip(declared, read_object_variables(objects, checkpoint.entries)):
        if saved.key:
            yield from _compare_types(checkpoint, saved.key, variable.dtype, variable.shape)


def _compare_with_nodes(checkpoint: Checkpoint, nodes: dict[str, Node]) -> Iterator[Damage]:
    from rehub.inspection.variables import VARIABLE_OPS, read_variable_node

    for node in nodes.values():
        if node.op in VARIABLE_OPS:
            dtype, shape, shared_name = read_variable_node(node)
            key = shared_name if shared_name in checkpoint.entries else node.name
            if key in checkpoint.entries:
                yield from _compare_types(checkpoint, key, dtype, shape)


def _compare_types(checkpoint: Checkpoint, key: str, dtype: str, shape: Shape) -> Iterator[Damage]:
    entry = checkpoint.entries[key]
    if entry.dtype != dtype or not _shape_fits(entry.shape, shape):
        yield _wrong_checkpoint(
            checkpoint.prefix,
            f"the value of {key!r} is {entry.dtype} of shape {list(entry.shape)}, but the variable is {dtype} of "
            f"shape {list(shape or ())}",
        )


def _shape_fits(found: Sequence[int], expected: Shape) -> bool:
    if expected is None:
        return True
    return len(found) == len(expected) and all(b is None or b < 0 or a == b for a, b in zip(found, expected))


def _find_variables_without_value(
    checkpoint: Checkpoint, metagraph: MetaGraph, nodes: dict[str, Node]
) -> Iterator[Damage]:
    from rehub.inspection.variables import VARIABLE_OPS, read_graph_variables

    variable_nodes = {name: node for name, node in nodes.items() if node.op in VARIABLE_OPS}
    for variable in read_graph_variables(Collections(metagraph.message), variable_nodes, checkpoint.entries):
        if not variable.key:
            yield _missing_value(checkpoint.prefix, variable.name)


def _find_saver_keys_without_value(
    checkpoint: Checkpoint, metagraph: MetaGraph, nodes: dict[str, Node]
) -> Iterator[Damage]:
    scope = metagraph.message.message(MetaGraphDef.saver_def).text(SaverDef.restore_op_name).rpartition("/")[0]
    for node in nodes.values():
        if scope and node.op == "RestoreV2" and node.name.startswith(f"{scope}/"):
            names = nodes.get(node_name(node.inputs()[1]))
            value = Message(b"") if names is None else names.attribute("value").message(AttrValue.tensor)
            for key in value.texts(TensorProto.string_val):
                if key not in checkpoint.entries:
                    yield _missing_value(checkpoint.prefix, key)
