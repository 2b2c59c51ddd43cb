"""What a module has beside its graphs: variables, tables and assets, one of each for all of its graph variants."""

from __future__ import annotations

import uuid
from typing import Any, Iterable

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.legacy.assets import find_asset_paths
from rehub.restore import set_name_in_model
from rehub.retrain.context import StateLookup
from rehub.retrain.converters.plain_ops import create_op
from rehub.retrain.converters.tables import TABLES
from rehub.retrain.graph import Node, NodeOutput, Program, parse_output
from rehub.retrain.interpreter import GraphInterpreter
from rehub.retrain.module_graph import ModuleGraph
from rehub.savedmodel.nodes import node_name

_TABLE_ATTRIBUTES = frozenset(["initial_num_buckets", "key_dtype", "max_load_factor", "value_dtype", "value_shape"])


class ModuleState(StateLookup):
    """Variables with the values of a checkpoint, and tables that are filled from assets.

    Attributes:
        variables: all `tf.Variable`s by their names in the module, a part of a partitioned one under its own.
        full_names: for a part of a partitioned variable, the name of the whole and where the part begins.
        tables: the tables by name.
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
        for graph in (inference, training):
            self._assets_of[graph.program] = self._make_assets(graph.meta_graph)
        trained = _find_trained_variables(training)
        self._make_variables([inference, training], trained, checkpoint, device)
        for graph in (inference, training):
            self._make_tables(graph)

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
        if name not in self.variables:
            raise InvalidModule(
                f"Variable {name!r} is in none of the graph's collections: it has no value in the module's checkpoint."
            )
        return self.variables[name]

    def get_asset(self, program: Program, node: Node) -> Any:
        """As `StateLookup.get_asset`."""
        return self._assets_of.get(program, {}).get(NodeOutput(node.name, 0))

    def get_table(self, node: Node) -> Any:
        """As `StateLookup.get_table`."""
        return self.tables[_shared_name(node)].resource_handle

    def _make_variables(self, graphs: list[ModuleGraph], trained: set[str], checkpoint: str, device: str) -> None:
        tf = tf_internals.import_tensorflow()
        updated: set[str] = set()
        definitions: dict[str, tuple[Any, Node]] = {}
        for graph in graphs:
            updated |= _find_updated_variables(graph)
            for definition in _read_definitions(graph, ["variables", "model_variables"]):
                node = graph.program.graph.nodes[node_name(definition.variable_name)]
                definitions.setdefault(_shared_name(node), (definition, node))
        values = _read_values(list(definitions.values()), checkpoint, device)
        for (name, (definition, node)), value in zip(definitions.items(), values):
            part = definition.save_slice_info_def
            if part.full_name:
                self.full_names[name] = (part.full_name, tuple(part.var_offset))
            # A user's name scope does not become a part of the name, nor of the names in a converted model.
            with tf.compat.v1.name_scope(None):
                self.variables[name] = tf.Variable(
                    value,
                    trainable=name in trained,
                    name=name,
                    **_distribution_options(value, is_updated=node.name in updated and name not in trained),
                )
            set_name_in_model(self.variables[name], name)

    def _make_tables(self, graph: ModuleGraph) -> None:
        program = graph.program
        listed = [output.node for output in graph.members_of("table_initializer")]
        for node in program.graph.nodes.values():
            name = _shared_name(node)
            if node.op in TABLES and name not in self.tables:
                initializers = _find_initializers(program, node, listed)
                needed = program.graph.ancestors(initializers)
                assets = [asset for output, asset in self._assets_of[program].items() if output.node in needed]
                self.tables[name] = self._make_table(program, node, initializers, assets)

    def _make_assets(self, meta_graph: Any) -> dict[NodeOutput, Any]:
        tf = tf_internals.import_tensorflow()
        found = {}
        for tensor, path in sorted(find_asset_paths(meta_graph).items(), key=lambda item: item[1]):
            if path not in self.assets:
                self.assets[path] = tf.saved_model.Asset(path)
            found[parse_output(tensor)] = self.assets[path]
        return found

    def _make_table(self, program: Program, node: Node, initializers: list[str], assets: list[Any]) -> Any:
        from rehub.retrain.lookup_table import LookupTable

        tf = tf_internals.import_tensorflow()
        attr = {key: value for key, value in node.attr.items() if key in _TABLE_ATTRIBUTES}
        attr["shared_name"] = tf.compat.v1.AttrValue(s=f"{node.name}_{uuid.uuid4().hex}".encode())

        def make_handle() -> Any:
            inputs = GraphInterpreter(program, self, {}).run(node.inputs)
            return create_op(TABLES[node.op], inputs, attr, node.name).outputs[0]

        def fill_table(handle: Any) -> None:
            GraphInterpreter(program, self, {NodeOutput(node.name, 0): handle}).run([], initializers)

        return LookupTable(make_handle, fill_table, assets)


def _find_initializers(program: Program, table: Node, listed: list[str]) -> list[str]:
    """Return the names of the nodes that fill a table: those that the graph lists, or else by their ops."""
    graph = program.graph
    users = graph.consumers[table.name]
    for user in users:
        restores = {"Restore", "RestoreV2"} & {graph.nodes[name].op for name in graph.ancestors([user.name])}
        if user.op.startswith("LookupTableImport") and restores:
            raise InvalidModule(
                f"Table {table.name!r} ({table.op}) is filled from the checkpoint, by {user.name!r}: such tables "
                "cannot be traced."
            )
    own = [name for name in listed if table.name in graph.ancestors([name])]
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


def _read_values(definitions: list[tuple[Any, Node]], checkpoint: str, device: str) -> list[Any]:
    """Read the values of variables from a checkpoint, all at once."""
    if not definitions:
        return []
    tf = tf_internals.import_tensorflow()
    names, slices = [], []
    for definition, node in definitions:
        part = definition.save_slice_info_def
        whole = tf.Variable.SaveSliceInfo(save_slice_info_def=part) if part.full_name else None
        names.append(whole.full_name if whole else _shared_name(node))
        slices.append(whole.spec if whole else "")
    with tf.device(device or None):
        return list(
            tf.raw_ops.RestoreV2(
                prefix=checkpoint,
                tensor_names=names,
                shape_and_slices=slices,
                dtypes=[tf.as_dtype(node.attr["dtype"].type) for _, node in definitions],
            )
        )


def _distribution_options(value: Any, is_updated: bool) -> dict[str, Any]:
    """Return how a `tf.distribute` strategy treats a variable.

    Statistics are kept by each replica and saved as their mean, as those of Keras' BatchNormalization are.
    """
    tf = tf_internals.import_tensorflow()
    if not is_updated or not value.dtype.is_floating:
        return {"aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA} if is_updated else {}
    return {"synchronization": tf.VariableSynchronization.ON_READ, "aggregation": tf.VariableAggregation.MEAN}
