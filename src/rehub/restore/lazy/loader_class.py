"""TensorFlow's loader, changed in how functions, objects and plain variables are made. Importing it imports TensorFlow.

Attributes that start with `_rehub_` are ours; all others, and the overridden methods, are those of TensorFlow's class
(saved_model/load.py, Loader).
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.restore.lazy.function_classes import LazyConcreteFunction, LazyFunction
from rehub.restore.lazy.function_library import FunctionLibrary, TensorWithin
from rehub.restore.lazy.model_file import ModelFile, is_function
from rehub.restore.lazy.object_classes import make_lazy_object
from rehub.restore.lazy.objects import PendingCollection, materialize, set_children
from rehub.restore.variable_names import set_name_in_model
from rehub.restore.weights import WeightReader


class LazyLoader(tf_internals.loader.loader_class()):  # type: ignore[misc]
    """Restores a model when it is made.

    Args:
        is_simple: whether nodes can be made in any order.
        keys: the checkpoint keys, by node id, of the variables that are made and assigned here.
        weights: their values; None if TensorFlow's own code restores all variables.
    """

    def __init__(
        self,
        path: str,
        model: ModelFile,
        options: Any,
        is_simple: bool,
        keys: dict[int, str],
        weights: WeightReader | None,
    ) -> None:
        self._rehub_is_simple = is_simple
        self._rehub_keys = keys
        self._rehub_path = path
        self._rehub_weights = weights
        objects = model.metagraph.object_graph_def
        self._rehub_library = FunctionLibrary(model.functions, model.registered_gradients, objects)
        self._rehub_functions: dict[str, Any] = {}
        # TensorFlow's loader builds all functions of the library in the message: this message has none.
        without_functions = tf_internals.protos.wrap_metagraph(model.metagraph)
        checkpoint_options = tf_internals.loader.checkpoint_options(options)
        super().__init__(objects, without_functions, path, checkpoint_options, options, None)

    def _generate_ordered_node_ids(self) -> Any:
        return range(len(self._proto.nodes)) if self._rehub_is_simple else super()._generate_ordered_node_ids()

    def _get_node_dependencies(self, proto: Any) -> Any:
        return {} if is_function(proto) else super()._get_node_dependencies(proto)

    def _load_nodes(self) -> None:
        self._rehub_variables = tf_internals.variables.VariableFactory()
        if self._rehub_is_simple:
            nodes: dict[int, Any] = {}
            setters: dict[int, Any] = {}
            resources = []
            for node_id, proto in enumerate(self._proto.nodes):
                if proto.HasField("resource"):  # A function makes it, which is a node too.
                    resources.append((node_id, proto))
                else:
                    nodes[node_id], setters[node_id] = self._recreate(proto, node_id, nodes)
            for node_id, proto in resources:
                nodes[node_id], setters[node_id] = self._recreate(proto, node_id, nodes)
            self._nodes = [nodes[node_id] for node_id in range(len(nodes))]
            self._node_setters = setters
        else:
            super()._load_nodes()
        self._rehub_set_captures()

    def _rehub_set_captures(self) -> None:
        """Tell functions which objects they capture."""
        bound_by_name = {
            name: tuple(function.bound_inputs) for name, function in self._proto.concrete_functions.items()
        }
        for node_id in set().union(*bound_by_name.values()):
            self._rehub_library.set_captured(node_id, self._nodes[node_id])
        for name, function in self._rehub_functions.items():
            function._rehub_unbuilt.captured = tuple(  # noqa: SLF001
                self._nodes[node_id] for node_id in bound_by_name[name]
            )

    def _recreate(self, proto: Any, node_id: int, nodes: dict[int, Any]) -> tuple[Any, Any]:
        if not proto.registered_name:
            kind = proto.WhichOneof("kind")
            if kind == "user_object":
                optimizer = tf_internals.optimizers.revive_optimizer(proto.user_object)
                if optimizer is not None:
                    return optimizer[0], optimizer[1]
                if tf_internals.objects.is_collection(proto.user_object):
                    return PendingCollection(proto.user_object), None
                if tf_internals.objects.is_plain_object(proto.user_object):
                    return make_lazy_object([child.local_name for child in proto.children]), None
            if kind == "function":
                return self._rehub_make_function(proto.function), setattr
            if kind == "variable" and node_id in self._rehub_keys:
                variable = self._rehub_variables.make(proto.variable)
                set_name_in_model(variable, proto.variable.name)
                return variable, setattr
            if kind == "bare_concrete_function":
                return self._rehub_make_signature(proto.bare_concrete_function), setattr
            if kind == "captured_tensor":
                return TensorWithin(proto.captured_tensor.concrete_function, proto.captured_tensor.name), setattr
        recreated: tuple[Any, Any] = super()._recreate(proto, node_id, nodes)
        if proto.WhichOneof("kind") == "variable":
            set_name_in_model(recreated[0], proto.variable.name)
        return recreated

    def _rehub_make_trace(self, name: str) -> Any:
        if name not in self._rehub_functions:
            self._rehub_functions[name] = LazyConcreteFunction(self._rehub_library, name)
        return self._rehub_functions[name]

    def _rehub_make_function(self, proto: Any) -> Any:
        traces = {name: self._rehub_make_trace(name) for name in proto.concrete_functions}
        for trace in traces.values():
            trace._rehub_unbuilt.spec = proto.function_spec  # noqa: SLF001
        return LazyFunction(proto, traces, self._rehub_path)

    def _rehub_make_signature(self, proto: Any) -> Any:
        function = self._rehub_make_trace(proto.concrete_function_name)
        function._arg_keywords = proto.argument_keywords  # noqa: SLF001
        function._num_positional_args = proto.allowed_positional_arguments  # noqa: SLF001
        if proto.HasField("function_spec"):
            function._rehub_unbuilt.spec = proto.function_spec  # noqa: SLF001
        return function

    def _load_edges(self) -> None:
        others = []
        nodes = self._nodes
        for node_id, (proto, obj) in enumerate(zip(self._proto.nodes, nodes)):
            if self._node_setters.get(node_id) is not None:
                if proto.children:
                    others.append((node_id, proto))
                continue
            children = tuple([(child.local_name, nodes[child.node_id]) for child in proto.children])
            if type(obj) is PendingCollection:
                obj.children = children
            else:
                set_children(obj, children)
        self._nodes[0] = materialize(self._nodes[0])
        for node_id, proto in others:
            for child in proto.children:
                self._nodes[child.node_id] = materialize(self._nodes[child.node_id])
            self._add_object_graph_edges(proto, node_id)

    def _load_checkpoint_save_and_restore_functions(self) -> None:
        all_ids = list(self._ordered_node_ids)
        self._ordered_node_ids: list[int] = []
        for node_id in all_ids:
            if self._proto.nodes[node_id].saveable_objects:
                self._ordered_node_ids.append(node_id)
                # If a lazy object were initialized later, as it is tracked, it would lose what it gets here.
                self._nodes[node_id]._maybe_initialize_trackable()  # noqa: SLF001
            elif self._node_setters.get(node_id) is not None:
                self._nodes[node_id]._self_saveable_object_factories = {}  # noqa: SLF001
        super()._load_checkpoint_save_and_restore_functions()
        self._ordered_node_ids = all_ids

    def _setup_remaining_functions(self) -> None:
        """Do nothing: gradients and other functions outside of the object graph are built with those that need them."""

    def _restore_checkpoint(self) -> None:
        if self._rehub_weights is None:
            super()._restore_checkpoint()
            return
        values = self._rehub_weights.values()
        for node_id, key in self._rehub_keys.items():
            tf_internals.variables.assign_sharing_memory(self._nodes[node_id], values[key])
