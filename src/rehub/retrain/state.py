"""What a module owns beside its graphs: variables and tables, one of each for all of its graph variants."""

from __future__ import annotations

import uuid
from typing import Any, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.legacy.assets import paths_of
from rehub.legacy.graph_defs import node_name
from rehub.restore import set_name_in_model
from rehub.retrain import plain_ops
from rehub.retrain.nodes import Node, Output, output_of
from rehub.retrain.program import Program
from rehub.retrain.retracing import Retracing
from rehub.retrain.tables import make_table


class ModuleState:
    """Variables with the values of a checkpoint, and tables that are filled from assets.

    Attributes:
        variables: all `tf.Variable`s by their names in the module, a part of a partitioned one under its own.
        full_names: for a part of a partitioned variable, the name of the whole and where the part begins.
        tables: the tables by name.
        assets: the `tf.saved_model.Asset`s by path.
    """

    def __init__(
        self, meta_graphs: Mapping[bool, Any], programs: Mapping[bool, Program], checkpoint: str, device: str
    ) -> None:
        """Makes the variables, and reads their values.

        Args:
            meta_graphs: the graph variants for inference (False) and training (True), as MetaGraphDefs whose assets are
                the paths of files.
            programs: the same, read.
            checkpoint: the prefix of the files with the variables' values.
            device: where these files are read; "" for here.
        """
        self.variables: dict[str, Any] = {}
        self.full_names: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.tables: dict[str, Any] = {}
        self.assets: dict[str, Any] = {}
        self._assets_of: dict[Program, dict[Output, Any]] = {}
        variants = [(meta_graphs[training], programs[training]) for training in (False, True)]
        for meta_graph, program in variants:
            self._assets_of[program] = self._make_assets(meta_graph)
        trained = _trained(meta_graphs[True], programs[True])
        self._make_variables(variants, trained, checkpoint, device)
        for meta_graph, program in variants:
            self._make_tables(meta_graph, program)

    def variable_map(self) -> dict[str, Any]:
        """The variables by their names in the module; of a partitioned one, the list of its parts."""
        joined: dict[str, Any] = {}
        for name in sorted(self.variables, key=self._order):
            if name in self.full_names:
                joined.setdefault(name.rpartition("/")[0], []).append(self.variables[name])
            else:
                joined[name] = self.variables[name]
        return joined

    def _order(self, name: str) -> tuple[str, tuple[int, ...]]:
        """Parts of a variable in the order of where they begin."""
        return self.full_names.get(name, (name, ()))

    def variable(self, node: Node) -> Any:
        """The `tf.Variable` that a node stands for."""
        name = _shared_name(node)
        if name not in self.variables:
            raise InvalidModule(
                f"Variable {name!r} is in none of the graph's collections: it has no value in the module's checkpoint."
            )
        return self.variables[name]

    def asset(self, program: Program, node: Node) -> Any:
        """The `tf.saved_model.Asset` whose path a node of a graph is; None for another node."""
        return self._assets_of.get(program, {}).get(Output(node.name, 0))

    def table(self, node: Node) -> Any:
        """The resource handle of the table that a node stands for."""
        return self.tables[_shared_name(node)].resource_handle

    def _make_variables(
        self, variants: list[tuple[Any, Program]], trained: set[str], checkpoint: str, device: str
    ) -> None:
        tf = tf_internals.import_tensorflow()
        updated: set[str] = set()
        definitions: dict[str, tuple[Any, Node]] = {}
        for meta_graph, program in variants:
            updated |= _updated(meta_graph, program)
            for definition in _definitions(meta_graph, ["variables", "model_variables"]):
                node = program.graph.nodes[node_name(definition.variable_name)]
                definitions.setdefault(_shared_name(node), (definition, node))
        values = _restore(list(definitions.values()), checkpoint, device)
        for (name, (definition, node)), value in zip(definitions.items(), values):
            part = definition.save_slice_info_def
            if part.full_name:
                self.full_names[name] = (part.full_name, tuple(part.var_offset))
            with tf.compat.v1.name_scope(None):  # A user's name scope is no part of the name, nor of a converted model.
                self.variables[name] = tf.Variable(
                    value,
                    trainable=name in trained,
                    name=name,
                    **_over_replicas(value, is_updated=node.name in updated and name not in trained),
                )
            set_name_in_model(self.variables[name], name)

    def _make_tables(self, meta_graph: Any, program: Program) -> None:
        nodes = [node for node in program.graph.nodes.values() if node.op in plain_ops.TABLES]
        if not nodes:
            return
        listed = meta_graph.collection_def["table_initializer"].node_list.value
        for node in nodes:
            if _shared_name(node) in self.tables:
                continue
            own = _initializers(program, node, [node_name(op) for op in listed])
            needed = program.graph.ancestors(own)
            assets = [asset for output, asset in self._assets_of[program].items() if output.node in needed]
            self.tables[_shared_name(node)] = self._table(program, node, own, assets)

    def _make_assets(self, meta_graph: Any) -> dict[Output, Any]:
        tf = tf_internals.import_tensorflow()
        found = {}
        for tensor, path in sorted(paths_of(meta_graph).items(), key=_by_path):
            if path not in self.assets:
                self.assets[path] = tf.saved_model.Asset(path)
            found[output_of(tensor)] = self.assets[path]
        return found

    def _table(self, program: Program, node: Node, initializers: list[str], assets: list[Any]) -> Any:
        tf = tf_internals.import_tensorflow()
        attr = {key: value for key, value in node.attr.items() if key in _TABLE_ATTRIBUTES}
        attr["shared_name"] = tf.compat.v1.AttrValue(s=f"{node.name}_{uuid.uuid4().hex}".encode())

        def make() -> Any:
            inputs = Retracing(program, self, {}).run(node.inputs)
            return plain_ops.create(plain_ops.TABLES[node.op], inputs, attr, node.name).outputs[0]

        def fill(handle: Any) -> None:
            Retracing(program, self, {Output(node.name, 0): handle}).run([], initializers)

        return make_table(make, fill, assets)


def _initializers(program: Program, table: Node, listed: list[str]) -> list[str]:
    """The names of the nodes that fill a table: those that the graph lists, or that can be nothing else."""
    graph = program.graph
    users = graph.consumers[table.name]
    for user in users:
        restores = {"Restore", "RestoreV2"} & {graph.nodes[name].op for name in graph.ancestors([user.name])}
        if user.op.startswith("LookupTableImport") and restores:
            raise InvalidModule(
                f"Table {table.name!r} ({table.op}) is filled from the checkpoint, by {user.name!r}: such tables "
                "are not traced again."
            )
    own = [name for name in listed if table.name in graph.ancestors([name])]
    return own or [user.name for user in users if user.op.startswith("InitializeTable")]


def _by_path(item: tuple[str, str]) -> str:
    return item[1]


_TABLE_ATTRIBUTES = frozenset(["initial_num_buckets", "key_dtype", "max_load_factor", "value_dtype", "value_shape"])


def _shared_name(node: Node) -> str:
    """The name by which nodes of one graph, or of several, mean the same variable or table."""
    shared = node.attr["shared_name"].s.decode() if "shared_name" in node.attr else ""
    return shared or node.name


def _definitions(meta_graph: Any, collections: Iterable[str]) -> list[Any]:
    """The VariableDefs in some collections of a MetaGraphDef."""
    return [
        tf_internals.protos.parse_variable(serialized)
        for key in collections
        if key in meta_graph.collection_def
        for serialized in meta_graph.collection_def[key].bytes_list.value
    ]


def _trained(meta_graph: Any, program: Program) -> set[str]:
    """The names of the variables that the variant for training has in its collection of those to train."""
    definitions = _definitions(meta_graph, ["trainable_variables"])
    return {_shared_name(program.graph.nodes[node_name(found.variable_name)]) for found in definitions}


def _updated(meta_graph: Any, program: Program) -> set[str]:
    """The names of the variables that UPDATE_OPS assign to."""
    if "update_ops" not in meta_graph.collection_def:
        return set()
    updates = [output_of(name).node for name in meta_graph.collection_def["update_ops"].node_list.value]
    return program.assigned_nodes(program.graph.ancestors(updates))


def _restore(definitions: list[tuple[Any, Node]], checkpoint: str, device: str) -> list[Any]:
    """Reads the values of variables from a checkpoint, all at once."""
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


def _over_replicas(value: Any, is_updated: bool) -> dict[str, Any]:
    """How a `tf.distribute` strategy treats a variable: statistics are kept by each replica, and saved as their mean,
    as those of Keras' BatchNormalization are.
    """
    tf = tf_internals.import_tensorflow()
    if not is_updated or not value.dtype.is_floating:
        return {"aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA} if is_updated else {}
    return {"synchronization": tf.VariableSynchronization.ON_READ, "aggregation": tf.VariableAggregation.MEAN}
