"""Restores a TF2 SavedModel without building the graphs of functions that nobody has asked for.

TensorFlow's loader builds a graph in Python for every function of a model, of which a call needs a few: in a model that
Keras 2 saved, that is most of the time that loading takes. Here the objects, variables, tables and the checkpoint are
restored by TensorFlow's own code; only its functions stand there without a graph until one of their attributes is asked
for, by a call, a trace, a gradient or a save. Then TensorFlow's steps are taken for that function and those it calls.
"""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from typing import Any, Callable, Iterable, Sequence

from rehub import tf_internals
from rehub.restore import prepared
from rehub.restore.function_library import Library, TensorWithin
from rehub.restore.io_device import read_here
from rehub.restore.lazy_functions import concrete_function_class, function_class
from rehub.restore.lazy_objects import UnmadeCollection, give_parts, lazy_object, made, note
from rehub.restore.model_file import ModelFile, read_model_file
from rehub.restore.remote_directories import look_at, read_model
from rehub.restore.variable_names import set_name_in_model
from rehub.restore.weights import Weights, plain_variables


class HandedOver(Exception):
    """Only TensorFlow's loader can restore a model, here or now; says why. Nothing has happened yet."""


def load_lazily(
    tf: Any,
    path: str,
    tags: list[str] | None,
    options: Any | None,
    ensure_ops: Callable[[Iterable[str]], None],
    prepare: str = "off",
) -> tuple[Any, str]:
    """Returns what `tf.saved_model.load` makes of a directory, its functions to be built when they are used.

    Args:
        tf: the TensorFlow module.
        path: a directory with a SavedModel of one MetaGraph, which has an object graph.
        tags: the tag set of that MetaGraph, or None.
        options: a `tf.saved_model.LoadOptions`, or None.
        ensure_ops: registers the ops that the functions use; raises MissingOp where it cannot.
        prepare: what is done about the model's prepared form: "use", "make" or "off".

    Returns:
        The object, and the directory of the prepared form from which its weights are mapped; "" if they are not.

    Raises:
        HandedOver: only TensorFlow's loader can restore it.
    """
    reason = _obstacle(tf, options)
    if reason is not None:
        raise HandedOver(reason)
    options = read_here(tf, path, options) or tf.saved_model.LoadOptions()
    file, content = _model_file(tf, path)
    place = None if prepare == "off" else prepared.place_of(path, content, to_make=prepare == "make")
    form = None if place is None else prepared.find(place, tf.__version__)
    model = _read(file, content)
    debug_information = tf_internals.protos.read_debug_info(path)
    if debug_information.traces:
        raise HandedOver("it has debug information, which names every function")
    metagraph = model.metagraph
    if not metagraph.HasField("object_graph_def"):
        raise HandedOver("it is a graph of TF1")
    for name in metagraph.object_graph_def.concrete_functions:
        if name not in model.functions:
            raise HandedOver(f"it has no function {name!r}, which its object graph names")
    if tags is not None and set(tags) != set(metagraph.meta_info_def.tags):
        raise ValueError(f"{path!r} has the tags {list(metagraph.meta_info_def.tags)}, not {tags}.")
    with tf.init_scope(), contextlib.ExitStack() as reading:
        nodes = metagraph.object_graph_def.nodes
        is_simple = _is_simple(nodes)
        if form is not None and not _is_of(tf, form, nodes):
            prepared.warn_of(place, "it is of other variables than the model has")
            form = None
        plain = (
            _plain_variables(path, nodes, form)
            if is_simple and tf_internals.variables.can_make_directly(options)
            else None
        )
        weights, is_mapped = None, False
        if plain is not None:
            variables = {key: nodes[node_id].variable for node_id, key in plain.items()}
            is_mapped = form is not None and tf_internals.variables.has_only_cpus()
            mapped = form.values(tf) if form is not None and is_mapped else {}
            weights = reading.enter_context(Weights(path, variables, mapped))
        # Bytes are read while this goes on.
        ops = model.functions.ops() if form is None else form.ops
        ensure_ops(ops)
        reading.enter_context(tf_internals.tracing.run_ops_directly())
        root = _loader_class()(path, model, options, is_simple, plain or {}, weights).get(0)
    # Without traces, the debug information has no names of functions to be translated.
    note(root, "graph_debug_info", debug_information)
    note(root, "tensorflow_version", metagraph.meta_info_def.tensorflow_version)
    note(root, "tensorflow_git_version", metagraph.meta_info_def.tensorflow_git_version)
    if prepare == "make" and form is None and place is not None and plain:
        prepared.make(tf, path, place, ops, plain)
    return root, str(place) if is_mapped else ""


def _plain_variables(path: str, nodes: Sequence[Any], form: prepared.Prepared | None) -> dict[int, str] | None:
    """The keys of all variables in the checkpoint by node id; None where TensorFlow's own code is to restore them."""
    if form is not None:
        return {variable.node_id: variable.key for variable in form.variables}
    return plain_variables(path, nodes)


def _is_of(tf: Any, form: prepared.Prepared, nodes: Sequence[Any]) -> bool:
    """Whether a prepared form has the variables of a model, each of its type and shape."""
    variables = {node_id: node.variable for node_id, node in enumerate(nodes) if node.HasField("variable")}
    if set(variables) != {each.node_id for each in form.variables}:
        return False
    return all(
        tf.as_dtype(each.dtype).as_datatype_enum == variables[each.node_id].dtype
        and tf.TensorShape(variables[each.node_id].shape).is_compatible_with(each.shape)
        for each in form.variables
        if each.dtype
    )


def _is_simple(nodes: Sequence[Any]) -> bool:
    """Whether no object but functions, which are given what they capture when all is there, is made of others."""
    return not any(node.slot_variables or (node.dependencies and not _is_function(node)) for node in nodes)


def _model_file(tf: Any, path: str) -> tuple[str, bytes]:
    """The path of the model's file, and what it holds as the bytes of a `saved_model.pb`."""
    layout = look_at(tf, path, path)
    # A copy: functions are parsed when they are used, whatever has become of the file.
    return os.path.join(path, layout.model_file), read_model(tf, layout)[:]


def _read(file: str, content: bytes) -> ModelFile:
    """Reads the model's file; as a whole, by TensorFlow, where it is unusual.

    Raises:
        HandedOver: it has several MetaGraphs.
    """
    model = read_model_file(file, content)
    if model is not None:
        return model
    saved_model = tf_internals.protos.parse_saved_model(content)
    if saved_model is None or len(saved_model.meta_graphs) != 1:
        raise HandedOver("it has several MetaGraphs")
    model = read_model_file(file, saved_model.SerializeToString())
    assert model is not None  # It is of one MetaGraph, and written anew.
    return model


def _obstacle(tf: Any, options: Any | None) -> str | None:
    """Why no model can be loaded lazily just now; None if it can."""
    unexpected = tf_internals.loader.find_incompatibility()
    if unexpected is not None:
        _warn_once(tf.__version__, unexpected)
        return unexpected
    with tf.init_scope():
        if not tf.executing_eagerly():
            return "the program builds a graph of TF1"
    if tf.distribute.has_strategy():
        return "variables are made by a distribution strategy"
    if getattr(options, "experimental_load_function_aliases", False):
        return "aliases of functions are asked for"
    return None


@functools.lru_cache(maxsize=None)
def _warn_once(version: str, unexpected: str) -> None:
    # TensorFlow 1.15 has another loader, as is known.
    if tf_internals.parse_version(version) >= (2, 0):
        warnings.warn(
            f"TensorFlow {version} is not as rehub knows it ({unexpected}): models are loaded by TensorFlow's own "
            "loader, which takes longer. A newer rehub may know it.",
            stacklevel=2,
        )


@functools.lru_cache(maxsize=None)
def _loader_class() -> Any:
    class LazyLoader(tf_internals.loader.loader_class()):  # type: ignore[misc]
        """TensorFlow's loader, but for its functions, its objects, and how plain variables are made and read."""

        def __init__(
            self,
            path: str,
            model: ModelFile,
            options: Any,
            is_simple: bool,
            plain: dict[int, str],
            weights: Weights | None,
        ) -> None:
            self._rehub_is_simple = is_simple
            self._rehub_plain = plain
            self._rehub_path = path
            self._rehub_weights = weights
            objects = model.metagraph.object_graph_def
            self._rehub_library = Library(model.functions, model.registered_gradients, objects)
            self._rehub_functions: dict[str, Any] = {}
            # The loader would build all functions of the library that it finds in the message: it finds none.
            without_functions = tf_internals.protos.wrap_metagraph(model.metagraph)
            options_of_checkpoint = tf_internals.loader.checkpoint_options(options)
            super().__init__(objects, without_functions, path, options_of_checkpoint, options, None)

        def _generate_ordered_node_ids(self) -> Any:
            return range(len(self._proto.nodes)) if self._rehub_is_simple else super()._generate_ordered_node_ids()

        def _get_node_dependencies(self, proto: Any) -> Any:
            return {} if _is_function(proto) else super()._get_node_dependencies(proto)

        def _load_nodes(self) -> None:
            self._rehub_maker = tf_internals.variables.VariableFactory()
            if self._rehub_is_simple:
                nodes: dict[int, Any] = {}
                setters: dict[int, Any] = {}
                made_of_others = []
                for node_id, proto in enumerate(self._proto.nodes):
                    if proto.HasField("resource"):  # It is made by a function, which is a node too.
                        made_of_others.append((node_id, proto))
                    else:
                        nodes[node_id], setters[node_id] = self._recreate(proto, node_id, nodes)
                for node_id, proto in made_of_others:
                    nodes[node_id], setters[node_id] = self._recreate(proto, node_id, nodes)
                self._nodes = [nodes[node_id] for node_id in range(len(nodes))]
                self._node_setters = setters
            else:
                super()._load_nodes()
            self._rehub_capture()

        def _rehub_capture(self) -> None:
            """Gives functions what they capture."""
            bound_by_name = {
                name: tuple(function.bound_inputs) for name, function in self._proto.concrete_functions.items()
            }
            for node_id in set().union(*bound_by_name.values()):
                self._rehub_library.keep_captured(node_id, self._nodes[node_id])
            for name, function in self._rehub_functions.items():
                captured = tuple(self._nodes[node_id] for node_id in bound_by_name[name])
                function._rehub_unbuilt.captured = captured  # noqa: SLF001

        def _recreate(self, proto: Any, node_id: int, nodes: dict[int, Any]) -> tuple[Any, Any]:
            if not proto.registered_name:
                kind = proto.WhichOneof("kind")
                if kind == "user_object":
                    optimizer = tf_internals.objects.revive_optimizer(proto.user_object)
                    if optimizer is not None:
                        return optimizer[0], optimizer[1]
                    if tf_internals.objects.is_collection(proto.user_object):
                        return UnmadeCollection(proto.user_object), None
                    if tf_internals.objects.is_plain_object(proto.user_object):
                        return lazy_object([child.local_name for child in proto.children]), None
                if kind == "function":
                    return self._rehub_tf_function(proto.function), setattr
                if kind == "variable" and node_id in self._rehub_plain:
                    variable = self._rehub_maker.make(proto.variable)
                    set_name_in_model(variable, proto.variable.name)
                    return variable, setattr
                if kind == "bare_concrete_function":
                    return self._rehub_bare_function(proto.bare_concrete_function), setattr
                if kind == "captured_tensor":
                    return TensorWithin(proto.captured_tensor.concrete_function, proto.captured_tensor.name), setattr
            recreated: tuple[Any, Any] = super()._recreate(proto, node_id, nodes)
            if proto.WhichOneof("kind") == "variable":
                set_name_in_model(recreated[0], proto.variable.name)
            return recreated

        def _rehub_function(self, name: str) -> Any:
            if name not in self._rehub_functions:
                self._rehub_functions[name] = concrete_function_class()(self._rehub_library, name)
            return self._rehub_functions[name]

        def _rehub_tf_function(self, proto: Any) -> Any:
            traces = {name: self._rehub_function(name) for name in proto.concrete_functions}
            for each in traces.values():
                each._rehub_unbuilt.spec = proto.function_spec  # noqa: SLF001
            return function_class()(proto, traces, self._rehub_path)

        def _rehub_bare_function(self, proto: Any) -> Any:
            function = self._rehub_function(proto.concrete_function_name)
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
                parts = tuple([(child.local_name, nodes[child.node_id]) for child in proto.children])
                if type(obj) is UnmadeCollection:
                    obj.parts = parts
                else:
                    give_parts(obj, parts)
            self._nodes[0] = made(self._nodes[0])
            for node_id, proto in others:
                for child in proto.children:
                    self._nodes[child.node_id] = made(self._nodes[child.node_id])
                self._add_object_graph_edges(proto, node_id)

        def _load_checkpoint_save_and_restore_functions(self) -> None:
            all_ids = list(self._ordered_node_ids)
            self._ordered_node_ids: list[int] = []
            for node_id in all_ids:
                if self._proto.nodes[node_id].saveable_objects:
                    self._ordered_node_ids.append(node_id)
                    # A lazy object will track it only later, which would take away what is given to it here.
                    self._nodes[node_id]._maybe_initialize_trackable()  # noqa: SLF001
                elif self._node_setters.get(node_id) is not None:
                    self._nodes[node_id]._self_saveable_object_factories = {}  # noqa: SLF001
            super()._load_checkpoint_save_and_restore_functions()
            self._ordered_node_ids = all_ids

        def _setup_remaining_functions(self) -> None:
            """Gradients and other functions outside of the object graph are built with those that need them."""

        def _restore_checkpoint(self) -> None:
            if self._rehub_weights is None:
                super()._restore_checkpoint()
                return
            values = self._rehub_weights.values()
            for node_id, key in self._rehub_plain.items():
                tf_internals.variables.assign_sharing_memory(self._nodes[node_id], values[key])

    return LazyLoader


def _is_function(node: Any) -> bool:
    return node.WhichOneof("kind") in ("function", "bare_concrete_function")
