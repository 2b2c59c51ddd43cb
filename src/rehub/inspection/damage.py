"""What is wrong with the files of a model: missing, cut off, a Git LFS pointer, or a checkpoint of another model."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence

from rehub.errors import CorruptModel, HubError
from rehub.savedmodel.file_kinds import is_lfs_pointer_file, lfs_pointer_advice
from rehub.savedmodel.graph_collections import Collections, asset_definitions
from rehub.savedmodel.nodes import Body, Node, node_of
from rehub.savedmodel.protos import (
    AssetFileDef,
    AttrValue,
    MetaGraphDef,
    SavedObject,
    SavedObjectGraph,
    SaverDef,
    TensorProto,
)
from rehub.savedmodel.wire import Message, WireError

if TYPE_CHECKING:
    from rehub.savedmodel.checkpoint import Checkpoint
    from rehub.savedmodel.metagraphs import MetaGraph
    from rehub.savedmodel.shapes import Shape

_SHARD = re.compile(r"variables\.data-(\d+)-of-(\d+)\Z")
_COPY_AGAIN = "Copy or download the model again."


@dataclass(frozen=True)
class Damage:
    """Why a model cannot be loaded.

    Attributes:
        kind: "missing" for a file that is not there, "data" for one that is not what it should be, "mismatch" for a
            checkpoint whose values are not those of the model's variables.
        message: names the file, and says what to do.
    """

    kind: str
    message: str


def find_damaged_asset(directory: str, metagraphs: Sequence[MetaGraph]) -> Damage | None:
    """Looks for assets that are missing, or Git LFS pointers. It takes a stat of each file.

    Args:
        directory: the model's.
        metagraphs: its graph variants that are loaded.

    Raises:
        WireError: the graphs cannot be read.
    """
    assets = (asset for each in metagraphs for asset in asset_definitions(each.message, Collections(each.message)))
    for name in sorted({asset.text(AssetFileDef.filename) for asset in assets}):
        path = posixpath.normpath(posixpath.join("assets", name.replace("\\", "/")))
        if path.startswith(("/", "..")):
            continue  # Not a file of the model; whether it may be read is for the scan to say.
        path = os.path.join(directory, path)
        if not os.path.exists(path):
            return _missing(path)
        if is_lfs_pointer_file(path):
            return Damage("data", lfs_pointer_advice(path))
    return None


def find_damaged_checkpoint_file(directory: str, metagraphs: Sequence[MetaGraph]) -> Damage | None:
    """Looks for files of a checkpoint that are missing, or Git LFS pointers, where the model has variables.

    Args:
        directory: the model's.
        metagraphs: its graph variants that are loaded.

    Raises:
        WireError: the graphs cannot be read.
    """
    damaged = _damaged_variables_file(os.path.join(directory, "variables"))
    return damaged if damaged is not None and any(map(_has_variables, metagraphs)) else None


def find_wrong_checkpoint(
    directory: str, metagraphs: Sequence[MetaGraph], *, wants_all_variables: bool
) -> Damage | None:
    """Compares a checkpoint with the sizes of its files and with a model's variables, but reads no values.

    Args:
        directory: the model's.
        metagraphs: its graph variants that are loaded.
        wants_all_variables: whether each variable of a TF1 graph needs a value in the checkpoint, as in a legacy
            module.

    Raises:
        WireError: the graphs cannot be read.
    """
    from rehub.savedmodel.checkpoint import read_checkpoint

    prefix = os.path.join(directory, "variables", "variables")
    try:
        checkpoint = read_checkpoint(prefix)
    except FileNotFoundError:
        return None  # A model without variables has none.
    except CorruptModel as error:
        return Damage("data", str(error))
    return _cut_shard(checkpoint) or next(
        (found for each in metagraphs for found in _mismatches(checkpoint, each, wants_all_variables)), None
    )


def find_damaged_value(directory: str) -> Damage | None:
    """Reads all values of a checkpoint, and compares their checksums."""
    from rehub.savedmodel.checkpoint import read_checkpoint

    try:
        checkpoint = read_checkpoint(os.path.join(directory, "variables", "variables"))
        for key in checkpoint.entries:
            try:
                checkpoint.value(key)
            except CorruptModel as error:
                return Damage("data", str(error))
            except HubError:
                continue  # It is of a type that is not read here.
    except FileNotFoundError:
        return None
    except CorruptModel as error:
        return Damage("data", str(error))
    return None


def _missing(path: str) -> Damage:
    return Damage("missing", f"{path!r} is missing. {_COPY_AGAIN}")


def _damaged_variables_file(directory: str) -> Damage | None:
    """Returns what is wrong with the files of a checkpoint, whether or not the model needs them."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return _missing(os.path.join(directory, "variables.index"))
    if "variables.index" not in names:
        return _missing(os.path.join(directory, "variables.index"))
    shards = [match for match in map(_SHARD.match, names) if match is not None]
    count = int(shards[0].group(2)) if shards else 1
    numbers = {int(match.group(1)) for match in shards}
    for number in range(count):
        if number not in numbers:
            return _missing(os.path.join(directory, f"variables.data-{number:05d}-of-{count:05d}"))
    for name in ("variables.index", *(match.group() for match in shards)):
        path = os.path.join(directory, name)
        if is_lfs_pointer_file(path):
            return Damage("data", lfs_pointer_advice(path))
    return None


def _has_variables(metagraph: MetaGraph) -> bool:
    """Whether a model takes values from its checkpoint."""
    from rehub.inspection.variables import VARIABLE_OPS

    if metagraph.has_objects:
        objects = metagraph.message.message(MetaGraphDef.object_graph_def).messages(SavedObjectGraph.nodes)
        with_values = (SavedObject.variable, SavedObject.saveable_objects)
        return any(number in with_values for each in objects for number, _, _ in each.fields())
    return any(node.op in VARIABLE_OPS for node in _graph_nodes(metagraph))


def _graph_nodes(metagraph: MetaGraph) -> Iterator[Node]:
    message = metagraph.message
    return Body(metagraph.tags, "", message.buffer, message.message(MetaGraphDef.graph_def)).nodes()


def _cut_shard(checkpoint: Checkpoint) -> Damage | None:
    ends: dict[int, int] = {}
    for entry in checkpoint.entries.values():
        for part in entry.parts:
            ends[part.shard] = max(ends.get(part.shard, 0), part.offset + part.bytes)
    for shard, end in sorted(ends.items()):
        path = f"{checkpoint.prefix}.data-{shard:05d}-of-{checkpoint.shards:05d}"
        try:
            size = os.path.getsize(path)
        except OSError:
            return _missing(path)
        if size < end:
            return Damage("data", f"{path!r} is cut off: it has {size} bytes instead of {end}. {_COPY_AGAIN}")
    return None


def _mismatches(checkpoint: Checkpoint, metagraph: MetaGraph, wants_all_variables: bool) -> Iterator[Damage]:
    """Yields what the checkpoint has otherwise than the model's variables."""
    index = f"{checkpoint.prefix}.index"
    entries = checkpoint.entries
    lead = f"{index!r} is not the checkpoint of this model: "
    for key, dtype, shape in _expected(checkpoint, metagraph):
        entry = entries[key]
        if entry.dtype != dtype or not _fits(entry.shape, shape):
            found, wanted = (f"{a} of shape {list(b)}" for a, b in ((entry.dtype, entry.shape), (dtype, shape or ())))
            yield Damage(
                "mismatch", f"{lead}{key!r} has the value of a {found}, the variable is {wanted}. {_COPY_AGAIN}"
            )
    for key in _required(checkpoint, metagraph, wants_all_variables):
        yield _no_value(index, key)


def _fits(there: Sequence[int], wanted: Shape) -> bool:
    if wanted is None:
        return True
    return len(there) == len(wanted) and all(b is None or b < 0 or a == b for a, b in zip(there, wanted))


def _expected(checkpoint: Checkpoint, metagraph: MetaGraph) -> Iterator[tuple[str, str, Shape]]:
    """Yields the key, dtype and shape of each variable that the checkpoint has."""
    from rehub.inspection import variables
    from rehub.savedmodel.object_graph import ObjectGraph

    entries = checkpoint.entries
    if metagraph.has_objects:
        objects = ObjectGraph(metagraph.message.message(MetaGraphDef.object_graph_def))
        declared = variables.variables_of_objects(objects, {})
        for variable, saved in zip(declared, variables.variables_of_objects(objects, entries)):
            if saved.key:
                yield saved.key, variable.dtype, variable.shape
        return
    for node in _graph_nodes(metagraph):
        if node.op in variables.VARIABLE_OPS:
            dtype, shape, shared_name = variables.read_variable_node(node)
            key = shared_name if shared_name in entries else node.name
            if key in entries:
                yield key, dtype, shape


def find_unmatched_variable(directory: str, metagraphs: Sequence[MetaGraph]) -> Damage | None:
    """Looks for a variable of a TF2 object whose value the checkpoint lacks, by the way from the root to it.

    To be asked where TensorFlow has found that there is one.
    """
    from rehub.inspection.variables import variables_of_objects
    from rehub.savedmodel.checkpoint import read_checkpoint
    from rehub.savedmodel.object_graph import ObjectGraph

    prefix = os.path.join(directory, "variables", "variables")
    entries = read_checkpoint(prefix).entries
    for metagraph in metagraphs:
        objects = ObjectGraph(metagraph.message.message(MetaGraphDef.object_graph_def))
        for variable in variables_of_objects(objects, entries):
            if variable.path and not variable.key:
                return _no_value(f"{prefix}.index", variable.path)
    return None


def _no_value(index: str, variable: str) -> Damage:
    return Damage(
        "mismatch",
        f"{index!r} is not the checkpoint of this model: it has no value for the variable {variable!r}. {_COPY_AGAIN}",
    )


def _required(checkpoint: Checkpoint, metagraph: MetaGraph, wants_all_variables: bool) -> Iterator[str]:
    """Yields the keys that the checkpoint lacks: those of all variables, or those that a TF1 graph's saver reads."""
    from rehub.inspection import variables

    entries = checkpoint.entries
    if metagraph.has_objects:
        return
    nodes = {node.name: node for node in _graph_nodes(metagraph)}
    if wants_all_variables:
        holders = {name: node for name, node in nodes.items() if node.op in variables.VARIABLE_OPS}
        for variable in variables.variables_of_graph(Collections(metagraph.message), holders, entries):
            if not variable.key:
                yield variable.name
        return
    scope = metagraph.message.message(MetaGraphDef.saver_def).text(SaverDef.restore_op_name).rpartition("/")[0]
    for node in nodes.values():
        if scope and node.op == "RestoreV2" and node.name.startswith(f"{scope}/"):
            names = nodes.get(node_of(node.inputs()[1]))
            value = Message(b"") if names is None else names.attribute("value").message(AttrValue.tensor)
            for key in value.texts(TensorProto.string_val):
                if key not in entries:
                    yield key


def describe_damage(
    directory: str, metagraphs: Sequence[MetaGraph], *, wants_all_variables: bool, with_values: bool
) -> Damage | None:
    """Returns what is wrong with a model's files; None if nothing is found.

    Args:
        directory: the model's.
        metagraphs: its graph variants that are loaded.
        wants_all_variables: as for `find_wrong_checkpoint`.
        with_values: reads all values too.
    """
    try:
        found = find_damaged_asset(directory, metagraphs) or find_damaged_checkpoint_file(directory, metagraphs)
        found = found or find_wrong_checkpoint(directory, metagraphs, wants_all_variables=wants_all_variables)
    except WireError:
        return None  # The model's file itself: what reads it, says so.
    return found or (find_damaged_value(directory) if with_values else None)
