"""What a module has beside its graphs: variables, tables and assets, one of each for all of its graph variants."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Iterable

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.legacy.assets import find_asset_paths
from rehub.restore import set_name_in_model
from rehub.retrain.context import StateLookup
from rehub.retrain.converters.plain_ops import create_op
from rehub.retrain.converters.tables import TABLES
from rehub.retrain.converters.variables import VARIABLES
from rehub.retrain.graph import Node, NodeOutput, Program, parse_output
from rehub.retrain.interpreter import GraphInterpreter
from rehub.retrain.module_graph import PLACEHOLDERS, ModuleGraph
from rehub.retrain.saved_values import (
    SavedValue,
    check_saver,
    find_init_assignments,
    find_saved_values,
    find_table_initializers,
    read_checkpoint,
    read_table_values,
)
from rehub.savedmodel.nodes import node_name

_TABLE_ATTRIBUTES = frozenset(["initial_num_buckets", "key_dtype", "max_load_factor", "value_dtype", "value_shape"])


@dataclass(frozen=True)
class _VariableSource:
    """Where a variable comes from: its node, its value in the checkpoint if it has one, and its VariableDef if any."""

    node: Node
    saved: SavedValue | None
    definition: Any = None


class ModuleState(StateLookup):
    """Variables with the values of a checkpoint, and tables that are filled from assets.

    Attributes:
        variables: all `tf.Variable`s by their names in the module, a part of a partitioned one under its own.
        full_names: for a part of a partitioned variable, the name of the whole and where the part begins.
        assets: the `tf.saved_model.Asset`s by path.
    """

    def __init__(self, inference: ModuleGraph, training: ModuleGraph, checkpoint: str, device: str) -> None:
        """Make the variables and read their values; make and fill the tables.

        Args:
            inference: the graph variant for inference, in which assets are the paths of files.
            training: that for training, which can be the same.
            checkpoint: the prefix of the files with the variables' values.
            device: where these files are read; "" for the default device.
        """
        self.variables: dict[str, Any] = {}
        self.full_names: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.tables: dict[str, Any] = {}
        self.assets: dict[str, Any] = {}
        self._assets_of: dict[Program, dict[NodeOutput, Any]] = {}
        self._unset: set[str] = set()
        self._unfilled: dict[str, str] = {}  # Tables, and the placeholders that what fills them needs.
        for graph in (inference, training):
            check_saver(graph)
            self._assets_of[graph.program] = self._make_assets(graph.meta_graph)
        trained = _find_trained_variables(training)
        self._make_variables([inference, training], trained, checkpoint, device)
        for graph in (inference, training):
            self._make_tables(graph, checkpoint)
        self._run_init_assignments(inference)

    def variable_map(self) -> dict[str, Any]:
        """Return the variables by their names in the module; for a partitioned one, the list of its parts."""
        joined: dict[str, Any] = {}
        for name in sorted(self.variables, key=self._sort_key):
            if name in self.full_names:
                joined.setdefault(name.rpartition("/")[0], []).append(self.variables[name])
            else:
                joined[name] = self.variables[name]
        return joined

    def _sort_key(self, name: str) -> tuple[str, tuple[int, ...]]:
        """Return what sorts the parts of a variable by where they begin."""
        return self.full_names.get(name, (name, ()))

    def get_variable(self, node: Node) -> Any:
        """As `StateLookup.get_variable`."""
        name = _shared_name(node)
        if name not in self.variables or name in self._unset:
            raise InvalidModule(
                f"Variable {name!r} has no value: neither the checkpoint nor the graph's init op has one for it."
            )
        return self.variables[name]

    def get_asset(self, program: Program, node: Node) -> Any:
        """As `StateLookup.get_asset`."""
        return self._assets_of.get(program, {}).get(NodeOutput(node.name, 0))

    def get_table(self, node: Node) -> Any:
        """As `StateLookup.get_table`."""
        name = _shared_name(node)
        if name in self._unfilled:
            raise InvalidModule(
                f"Table {name!r} has no content: what fills it needs the placeholder {self._unfilled[name]!r}."
            )
        return self.tables[name].resource_handle

    def has_unfilled_tables(self) -> bool:
        """Whether there are tables that cannot be filled, such as those of the analysis by tf.Transform."""
        return bool(self._unfilled)

    def _make_variables(self, graphs: list[ModuleGraph], trained: set[str], checkpoint: str, device: str) -> None:
        tf = tf_internals.import_tensorflow()
        updated: set[str] = set()
        sources: dict[str, _VariableSource] = {}
        for graph in graphs:
            updated |= _find_updated_variables(graph)
            for source in _find_variable_sources(graph):
                name = _shared_name(source.node)
                if name not in sources or sources[name].saved is None:
                    sources[name] = source
        self._unset.update(name for name, source in sources.items() if source.saved is None)
        for (name, source), value in zip(sources.items(), _read_values(list(sources.values()), checkpoint, device)):
            if source.definition is not None and source.definition.save_slice_info_def.full_name:
                part = source.definition.save_slice_info_def
                self.full_names[name] = (part.full_name, tuple(part.var_offset))
            # A user's name scope does not become a part of the name, nor of the names in a converted model.
            with tf.compat.v1.name_scope(None):
                self.variables[name] = tf.Variable(
                    value,
                    trainable=name in trained,
                    name=name,
                    **_distribution_options(value, is_updated=source.node.name in updated and name not in trained),
                )
            set_name_in_model(self.variables[name], name)

    def _run_init_assignments(self, graph: ModuleGraph) -> None:
        """Set the variables that the graph's init op sets, such as those that are in no checkpoint."""
        assignments = find_init_assignments(graph)
        if assignments:
            nodes = graph.program.graph.nodes
            self._unset.difference_update(
                _shared_name(nodes[variable]) for variable in graph.program.assigned_nodes(assignments)
            )

            def assign_variables() -> None:
                GraphInterpreter(graph.program, self, {}).run([], assignments)

            tf_internals.import_tensorflow().function(assign_variables, autograph=False)()

    def _make_tables(self, graph: ModuleGraph, checkpoint: str) -> None:
        program = graph.program
        listed = [output.node for output in graph.members_of("table_initializer")]
        for node in program.graph.nodes.values():
            name = _shared_name(node)
            if node.op in TABLES and name not in self.tables:
                initializers = _find_initializers(graph, node, listed)
                assets = {output.node for output in self._assets_of[program]}
                needed = program.graph.ancestors(initializers, stop=assets)
                unfed = sorted(each for each in needed if program.graph.nodes[each].op in PLACEHOLDERS)
                if unfed:
                    self._unfilled[name] = unfed[0]
                else:
                    self.tables[name] = self._make_table(program, node, initializers, checkpoint)

    def _make_assets(self, meta_graph: Any) -> dict[NodeOutput, Any]:
        tf = tf_internals.import_tensorflow()
        found = {}
        for tensor, path in sorted(find_asset_paths(meta_graph).items(), key=lambda item: item[1]):
            if path not in self.assets:
                self.assets[path] = tf.saved_model.Asset(path)
            found[parse_output(tensor)] = self.assets[path]
        return found

    def _make_table(self, program: Program, node: Node, initializers: list[str], checkpoint: str) -> Any:
        from rehub.retrain.lookup_table import LookupTable

        tf = tf_internals.import_tensorflow()
        needed = program.graph.ancestors(initializers)
        assets = [asset for output, asset in self._assets_of[program].items() if output.node in needed]
        # Constants, so that a converted model has them.
        saved = read_table_values(program, initializers, checkpoint)
        attr = {key: value for key, value in node.attr.items() if key in _TABLE_ATTRIBUTES}
        attr["shared_name"] = tf.compat.v1.AttrValue(s=f"{node.name}_{uuid.uuid4().hex}".encode())

        def make_handle() -> Any:
            inputs = GraphInterpreter(program, self, {}).run(node.inputs)
            return create_op(TABLES[node.op], inputs, attr, node.name).outputs[0]

        def fill_table(handle: Any) -> None:
            restored = {output: tf.constant(value.numpy()) for output, value in saved.items()}
            GraphInterpreter(program, self, {**restored, NodeOutput(node.name, 0): handle}).run([], initializers)

        return LookupTable(make_handle, fill_table, assets)


def _find_initializers(graph: ModuleGraph, table: Node, listed: list[str]) -> list[str]:
    """Return the names of the nodes that fill a table: those that the graph lists, or else by their ops."""
    own = [name for name in listed if table.name in graph.program.graph.ancestors([name])]
    own += [name for name in find_table_initializers(graph, table.name) if name not in own]
    users = graph.program.graph.consumers[table.name]
    return own or [user.name for user in users if user.op.startswith("InitializeTable")]


def _shared_name(node: Node) -> str:
    """Return the name by which nodes of one graph, or of several, mean the same variable or table."""
    shared = node.attr["shared_name"].s.decode() if "shared_name" in node.attr else ""
    return shared or node.name


def _read_definitions(graph: ModuleGraph, collections: Iterable[str]) -> list[Any]:
    """Return the VariableDefs in some collections."""
    collection_def = graph.meta_graph.collection_def
    return [
        tf_internals.protos.parse_variable(serialized)
        for key in collections
        if key in collection_def
        for serialized in collection_def[key].bytes_list.value
    ]


def _find_trained_variables(graph: ModuleGraph) -> set[str]:
    """Return the names of the variables in the collection of those to train."""
    nodes = graph.program.graph.nodes
    definitions = _read_definitions(graph, ["trainable_variables"])
    return {_shared_name(nodes[node_name(definition.variable_name)]) for definition in definitions}


def _find_updated_variables(graph: ModuleGraph) -> set[str]:
    """Return the names of the variables that UPDATE_OPS assign to."""
    updates = [output.node for output in graph.members_of("update_ops")]
    return graph.program.assigned_nodes(graph.program.graph.ancestors(updates))


def _find_variable_sources(graph: ModuleGraph) -> Iterable[_VariableSource]:
    """Yield the variables of a graph: those in its collections, and those that its own ops restore or set."""
    tf = tf_internals.import_tensorflow()
    nodes, restored = graph.program.graph.nodes, find_saved_values(graph)
    definitions = {
        node_name(each.variable_name): each for each in _read_definitions(graph, ["variables", "model_variables"])
    }
    assigned = graph.program.assigned_nodes(find_init_assignments(graph))
    for name in dict.fromkeys([*definitions, *(restored or ()), *sorted(assigned)]):
        definition, saved = definitions.get(name), None
        if restored is not None:
            saved = restored.get(name)
        elif definition is not None:
            part = definition.save_slice_info_def
            whole = tf.Variable.SaveSliceInfo(save_slice_info_def=part) if part.full_name else None
            saved = SavedValue(whole.full_name, whole.spec) if whole else SavedValue(_shared_name(nodes[name]))
        if nodes[name].op in VARIABLES:
            yield _VariableSource(nodes[name], saved, definition)


def _read_values(sources: list[_VariableSource], checkpoint: str, device: str) -> list[Any]:
    """Read the values of variables from a checkpoint, all at once. Those that are not in it are zero."""
    tf = tf_internals.import_tensorflow()
    dtypes = [tf.as_dtype(source.node.attr["dtype"].type) for source in sources]
    read = [(source.saved, dtype) for source, dtype in zip(sources, dtypes) if source.saved is not None]
    with tf.device(device or None):
        values = iter(read_checkpoint(checkpoint, [saved for saved, _ in read], [dtype for _, dtype in read]))
        return [
            next(values) if source.saved is not None else _make_zeros(source.node, dtype)
            for source, dtype in zip(sources, dtypes)
        ]


def _make_zeros(node: Node, dtype: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    shape = tf.TensorShape(node.attr["shape"].shape)
    if not shape.is_fully_defined():
        raise InvalidModule(f"Variable {node.name!r} has no value in the checkpoint, and its shape is not known.")
    return tf.zeros(shape, dtype)


def _distribution_options(value: Any, is_updated: bool) -> dict[str, Any]:
    """Return how a `tf.distribute` strategy treats a variable.

    Statistics are kept by each replica and saved as their mean, as those of Keras' BatchNormalization are.
    """
    tf = tf_internals.import_tensorflow()
    if not is_updated or not value.dtype.is_floating:
        return {"aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA} if is_updated else {}
    return {"synchronization": tf.VariableSynchronization.ON_READ, "aggregation": tf.VariableAggregation.MEAN}
