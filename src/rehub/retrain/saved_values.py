"""What the ops of a TF1 SavedModel restore from its checkpoint, and what they set before it is used.

A legacy module has no such ops: its variables are found by their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain.graph import NodeOutput, Program
from rehub.retrain.graph.program import ASSIGNMENTS
from rehub.savedmodel.nodes import node_name

if TYPE_CHECKING:
    from rehub.retrain.module_graph import ModuleGraph

_RESTORES = frozenset(["Restore", "RestoreSlice", "RestoreV2"])
_TABLE_IMPORTS = ("LookupTableImport", "LookupTableImportV2")
# Ops of savers that change no state themselves.
_HARMLESS = frozenset(["Const", "Identity", "NoOp", "PlaceholderWithDefault", "Reshape", "VarHandleOp"])
_INIT_OPS = ("saved_model_main_op", "legacy_init_op")
_INIT_SIGNATURE = "__saved_model_init_op"


@dataclass(frozen=True)
class SavedValue:
    """A value in a checkpoint: its key, and which slice of it, "" for all."""

    key: str
    slice_spec: str = ""


def find_saved_values(graph: ModuleGraph) -> dict[str, SavedValue] | None:
    """Return, by the nodes of variables, the values that a graph's own saver restores; None for a graph without one.

    The keys in the checkpoint need not be the names of the variables.
    """
    nodes = graph.program.graph.nodes
    found: dict[str, SavedValue] = {}
    for name in _find_restore_ops(graph):
        node = nodes[name]
        source = _find_source(graph.program, node.inputs[1]) if node.op in ("Assign", "AssignVariableOp") else None
        if source is not None:
            saved = _read_restored_values(graph.program, source.node)[source.index]
            found.update((variable, saved) for variable in graph.program.assigned_nodes([name]))
    return found if _has_saver(graph) else None


def read_table_values(program: Program, initializers: Iterable[str], checkpoint: str) -> dict[NodeOutput, Any]:
    """Read the tensors that the ops which fill a table take from the checkpoint."""
    tf = tf_internals.import_tensorflow()
    nodes = program.graph.nodes
    read: dict[NodeOutput, Any] = {}
    for name in program.graph.ancestors(initializers):
        if nodes[name].op in _RESTORES:
            saved = _read_restored_values(program, name)
            attr = nodes[name].attr
            enums = list(attr["dtypes"].list.type) if "dtypes" in attr else [attr["dt"].type]
            read.update(
                zip(
                    (NodeOutput(name, index) for index in range(len(saved))),
                    read_checkpoint(checkpoint, saved, [tf.as_dtype(enum) for enum in enums]),
                )
            )
    return read


def read_checkpoint(checkpoint: str, values: Iterable[SavedValue], dtypes: list[Any]) -> list[Any]:
    """Read values of a checkpoint, all at once."""
    saved = list(values)
    if not saved:
        return []
    return list(
        tf_internals.import_tensorflow().raw_ops.RestoreV2(
            prefix=checkpoint,
            tensor_names=[value.key for value in saved],
            shape_and_slices=[value.slice_spec for value in saved],
            dtypes=dtypes,
        )
    )


def find_table_initializers(graph: ModuleGraph, table: str) -> list[str]:
    """Return the nodes that fill a table: first from the checkpoint, then by the graph's init ops.

    Raises:
        InvalidModule: the graph has no saver, so that nothing says whether the checkpoint has the table.
    """
    program = graph.program
    users = {user.name: user.op for user in program.graph.consumers[table]}
    restoring = [name for name, op in users.items() if op in _TABLE_IMPORTS and _reads_checkpoint(program, name)]
    if restoring and not _has_saver(graph):
        raise InvalidModule(
            f"Table {table!r} is filled from the checkpoint, by {restoring[0]!r}: such tables of a legacy module "
            "cannot be traced."
        )
    needed = program.graph.ancestors(find_init_ops(graph))
    initializing = [
        name for name, op in users.items() if name in needed and op.startswith(("LookupTableI", "InitializeTable"))
    ]
    return [*restoring, *initializing]


def find_init_ops(graph: ModuleGraph) -> list[str]:
    """Return the names of the nodes that run once, after the variables have been restored."""
    names = [output.node for collection in _INIT_OPS for output in graph.members_of(collection)]
    signatures = graph.meta_graph.signature_def
    if _INIT_SIGNATURE in signatures:
        names += [node_name(info.name) for info in signatures[_INIT_SIGNATURE].outputs.values()]
    return [name for name in dict.fromkeys(names) if name in graph.program.graph.nodes]


def find_init_assignments(graph: ModuleGraph) -> list[str]:
    """Return the names of the nodes by which the init ops set variables."""
    nodes = graph.program.graph.nodes
    return sorted(
        name for name in graph.program.graph.ancestors(find_init_ops(graph)) if nodes[name].op.startswith(ASSIGNMENTS)
    )


def check_saver(graph: ModuleGraph) -> None:
    """Check that all that a graph's saver restores can be restored.

    Raises:
        InvalidModule: it restores other things than variables and tables; names the node.
    """
    nodes = graph.program.graph.nodes
    supported = {*_HARMLESS, *_RESTORES, *_TABLE_IMPORTS, "Assign", "AssignVariableOp", "ShardedFilename"}
    for name in _find_restore_ops(graph):
        definition = tf_internals.ops.op_definition(nodes[name].op)
        changes_state = definition is None or definition.is_stateful
        # A table or variable is stateful, and has no inputs; an op that restores has.
        if nodes[name].op not in supported and changes_state and nodes[name].inputs:
            raise InvalidModule(
                f"Node {name!r} ({nodes[name].op}) restores from the checkpoint what is neither a variable nor a table."
            )


def _has_saver(graph: ModuleGraph) -> bool:
    return node_name(graph.meta_graph.saver_def.restore_op_name) in graph.program.graph.nodes


def _reads_checkpoint(program: Program, name: str) -> bool:
    return any(program.graph.nodes[needed].op in _RESTORES for needed in program.graph.ancestors([name]))


def _find_restore_ops(graph: ModuleGraph) -> list[str]:
    if not _has_saver(graph):
        return []
    return sorted(graph.program.graph.ancestors([node_name(graph.meta_graph.saver_def.restore_op_name)]))


def _find_source(program: Program, output: NodeOutput) -> NodeOutput | None:
    """Return the output of an op that reads the checkpoint, from which a tensor is passed on; None for another."""
    nodes = program.graph.nodes
    while nodes[output.node].op in ("Identity", "Reshape"):
        output = nodes[output.node].inputs[0]
    return output if nodes[output.node].op in _RESTORES else None


def _read_restored_values(program: Program, name: str) -> list[SavedValue]:
    """Return what a node reads from a checkpoint, one value for each of its outputs."""
    tf = tf_internals.import_tensorflow()
    constants = []
    for source in program.graph.nodes[name].inputs[1:]:
        node = program.graph.nodes[source.node]
        if node.op != "Const":
            raise InvalidModule(f"Node {name!r} reads from the checkpoint under names that are not constants.")
        constants.append([text.decode() for text in tf.make_ndarray(node.attr["value"].tensor).ravel()])
    keys, slices = constants[0], constants[1] if len(constants) > 1 else [""] * len(constants[0])
    return [SavedValue(key, slice_spec) for key, slice_spec in zip(keys, slices)]
