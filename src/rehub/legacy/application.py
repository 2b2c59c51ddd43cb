"""Apply a signature of a module: import its computation, and bind it to the inputs and the module's state."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import GraphRequired
from rehub.legacy import colocation, graph_defs
from rehub.legacy.gradient_overrides import set_gradient_overrides
from rehub.legacy.graph_defs import ancestors, descendants
from rehub.legacy.loop_gradients import check_when_differentiated, has_loop
from rehub.legacy.read_hoisting import hoist_variable_reads
from rehub.legacy.tensor_info import build_input_map, build_output_map, components
from rehub.savedmodel.nodes import node_name


@dataclass(frozen=True)
class Application:
    """One application of a signature.

    Attributes:
        inputs: a tensor or composite tensor for each of the signature's inputs.
        state: the tensors that hold the module's state, by name.
        trainable: whether UPDATE_OPS are added to the graph's collections.
    """

    meta_graph: Any
    signature: str
    inputs: Mapping[str, Any]
    state: Mapping[str, Any]
    trainable: bool
    name: str

    def apply_in_graph(self) -> dict[str, Any]:
        """Apply the signature in the graph that holds the module's state. Return the outputs by name.

        The module's whole graph is imported, as users look up inner tensors by name. TensorFlow runs only what is
        needed.
        """
        graph = tf_internals.import_tensorflow().compat.v1.get_default_graph()
        signature_def = self.meta_graph.signature_def[self.signature]
        bindings = build_input_map(signature_def.inputs, self.inputs)
        input_map = {**self.state, **bindings}
        context = tf_internals.v1_graphs.control_flow_context(graph)
        if context is not None:
            in_order = sorted(input_map.items(), key=lambda item: item[0])
            input_map = {key: context.AddValue(tensor) for key, tensor in in_order}
        computation = self._prepare_computation(bindings)
        ops_before = len(graph.get_operations())
        scope = _import_computation(computation, self.name, input_map)
        colocation.rewrite_constraints(graph.get_operations()[ops_before:], scope, input_map)
        return _build_outputs(signature_def, input_map, scope)

    def apply_in_function(self) -> dict[str, Any]:
        """Apply the signature in the graph of a function, within the graph that holds the module's state.

        A function runs all stateful ops in it. So only those nodes are imported that the outputs depend on, and with
        `trainable` the UPDATE_OPS and losses. The function captures the state.

        Raises:
            GraphRequired: the computation changes a reference variable, which a function cannot.
        """
        tf = tf_internals.import_tensorflow()
        graph = tf.compat.v1.get_default_graph()
        signature_def = self.meta_graph.signature_def[self.signature]
        bindings = build_input_map(signature_def.inputs, self.inputs)
        computation = self._prepare_computation(bindings)
        needed = _find_needed_nodes(computation, signature_def)
        _check_references(computation.graph_def, needed, self.state)
        graph_defs.keep_nodes(computation.graph_def, needed)
        hoist_variable_reads(computation.graph_def, {node_name(tensor) for tensor in self.state})
        graph_defs.drop_colocation(computation.graph_def)  # The runtime places ops with the captured state.
        graph_defs.keep_members(computation, tf.compat.v1.GraphKeys.ASSET_FILEPATHS, needed)
        graph_defs.keep_contexts(computation, needed)
        input_map = {key: _capture_tensor(graph, tensor) for key, tensor in {**self.state, **bindings}.items()}
        imported = {key: tensor for key, tensor in input_map.items() if node_name(key) in needed}
        scope = _import_computation(computation, self.name, imported)
        outputs = _build_outputs(signature_def, input_map, scope)
        if has_loop(computation.graph_def):
            check = functools.partial(check_when_differentiated, module_op=scope)
            outputs = tf.nest.map_structure(check, outputs, expand_composites=True)
        return outputs

    def _prepare_computation(self, bindings: Mapping[str, Any]) -> Any:
        """Return a copy of the module's graph for one application, with placeholders instead of the state."""
        v1 = tf_internals.import_tensorflow().compat.v1
        keys = v1.GraphKeys
        # Assets are listed again: an export of the graph has to find all constants that are paths.
        collections = [keys.ASSET_FILEPATHS, keys.COND_CONTEXT, keys.WHILE_CONTEXT]
        if self.trainable:
            collections += [keys.UPDATE_OPS, keys.REGULARIZATION_LOSSES]
        computation = v1.MetaGraphDef()
        computation.CopyFrom(self.meta_graph)
        graph_defs.keep_collections(computation, collections)
        drop_uncomputable(computation, keys.UPDATE_OPS, bindings)
        drop_uncomputable(computation, keys.REGULARIZATION_LOSSES, bindings)
        # Losses that depend on no input were imported with the state.
        of_inputs = descendants(computation.graph_def, {node_name(tensor) for tensor in bindings})
        graph_defs.keep_members(computation, keys.REGULARIZATION_LOSSES, of_inputs)
        # The state of a module within this module must not be imported again.
        graph_defs.replace_with_placeholders(computation.graph_def, {node_name(tensor) for tensor in self.state})
        return computation


def drop_uncomputable(meta_graph: Any, key: str, bindings: Iterable[str]) -> None:
    """Remove members of a collection that depend on a placeholder without a tensor in `bindings`.

    Such a member belongs to another signature, or to none. It would fail to run.
    """
    placeholders = {node.name for node in meta_graph.graph_def.node if node.op in ("Placeholder", "PlaceholderV2")}
    unbound = placeholders - {node_name(tensor) for tensor in bindings}
    every = {node.name for node in meta_graph.graph_def.node}
    graph_defs.keep_members(meta_graph, key, every - descendants(meta_graph.graph_def, unbound))


def _find_needed_nodes(computation: Any, signature_def: Any) -> set[str]:
    """Return the names of the nodes that a signature needs, with its update ops and losses."""
    keys = tf_internals.import_tensorflow().compat.v1.GraphKeys
    wanted = [component for info in signature_def.outputs.values() for component in components(info)]
    for key in (keys.UPDATE_OPS, keys.REGULARIZATION_LOSSES):
        if key in computation.collection_def:
            wanted += computation.collection_def[key].node_list.value
    needed = ancestors(computation.graph_def, wanted)
    while True:
        # The context of a cond or while_loop names nodes that nothing depends on.
        members = graph_defs.members_of_contexts(computation, needed)
        if members <= needed:
            return needed
        needed |= ancestors(computation.graph_def, members)


def _import_computation(computation: Any, name: str, input_map: Mapping[str, Any]) -> str:
    """Import a computation under an unused name scope. Return that scope."""
    graph = tf_internals.import_tensorflow().compat.v1.get_default_graph()
    scope = str(graph.unique_name(name, mark_as_used=False))
    graph_defs.prefix_shared_names(computation.graph_def, scope)
    set_gradient_overrides(computation.graph_def)
    tf_internals.v1_graphs.import_meta_graph(computation, scope.rpartition("/")[2], dict(input_map))
    return scope


def _build_outputs(signature_def: Any, input_map: Mapping[str, Any], scope: str) -> dict[str, Any]:
    graph = tf_internals.import_tensorflow().compat.v1.get_default_graph()

    def get_tensor(name: str) -> Any:
        # An output that is an input, or state, does not have an op in the scope.
        return input_map[name] if name in input_map else graph.get_tensor_by_name(f"{scope}/{name}")

    return build_output_map(signature_def.outputs, get_tensor)


def _capture_tensor(graph: Any, tensor: Any) -> Any:
    """Return the capture of an outer graph's tensor in a function's graph."""
    if tensor.graph is graph:
        return tensor
    if _is_reference(tensor):
        tf = tf_internals.import_tensorflow()
        with tensor.graph.as_default(), tf.compat.v1.control_dependencies(None):
            tensor = tf.identity(tensor)
    return graph.capture(tensor)


def _is_reference(tensor: Any) -> bool:
    return bool(tensor.dtype.name.endswith("_ref"))


def _check_references(graph_def: Any, needed: set[str], state: Mapping[str, Any]) -> None:
    references = {node_name(name) for name, tensor in state.items() if _is_reference(tensor)}
    for node in graph_def.node:
        definition = tf_internals.ops.op_definition(node.op) if node.name in needed and references else None
        for argument, tensor in zip(definition.input_arg, node.input) if definition is not None else ():
            if argument.is_ref and node_name(tensor) in references:
                raise GraphRequired(
                    f"The module's op {node.name!r} ({node.op}) takes the variable {node_name(tensor)!r} by reference, "
                    "which is not possible in a function. Apply the module outside of tf.function and of control flow, "
                    "or, if it need not be trained, create it with trainable=False."
                )
