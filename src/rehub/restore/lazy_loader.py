"""Restores a TF2 SavedModel without building the graphs of functions that nobody has asked for.

TensorFlow's loader builds a graph in Python for every function of a model, of which a call needs a few: in a model that
Keras 2 saved, that is most of the time that loading takes. Here the objects, variables, tables and the checkpoint are
restored by TensorFlow's own code; only its functions stand there without a graph until one of their attributes is asked
for, by a call, a trace, a gradient or a save. Then TensorFlow's steps are taken for that function and those it calls.
"""

from __future__ import annotations

import functools
import threading
import warnings
import weakref
from typing import Any, Iterable

from rehub import tf_internals
from rehub.restore.io_device import read_here


class HandedOver(Exception):
    """Only TensorFlow's loader can restore a model, here or now; says why. Nothing has happened yet."""


def load_lazily(tf: Any, path: str, tags: list[str] | None, options: Any | None) -> Any:
    """Returns what `tf.saved_model.load` makes of a directory, its functions to be built when they are used.

    Args:
        tf: the TensorFlow module.
        path: a directory with a SavedModel of one MetaGraph, which has an object graph.
        tags: the tag set of that MetaGraph, or None.
        options: a `tf.saved_model.LoadOptions`, or None.

    Raises:
        HandedOver: only TensorFlow's loader can restore it.
    """
    reason = _obstacle(tf, options)
    if reason is None:
        options = read_here(tf, path, options) or tf.saved_model.LoadOptions()
        saved_model, debug_info = tf_internals.parse_saved_model(path)
        if debug_info.traces:
            reason = "it has debug information, which names every function"
        elif len(saved_model.meta_graphs) != 1:
            reason = "it has several MetaGraphs"
        elif not saved_model.meta_graphs[0].HasField("object_graph_def"):
            reason = "it is a graph of TF1"
        else:
            reason = _unknown(saved_model.meta_graphs[0])
    if reason is not None:
        raise HandedOver(reason)
    if tags is not None and set(tags) != set(saved_model.meta_graphs[0].meta_info_def.tags):
        raise ValueError(f"{path!r} has the tags {list(saved_model.meta_graphs[0].meta_info_def.tags)}, not {tags}.")
    with tf.init_scope():
        return _restore(path, saved_model, debug_info, options)


def _unknown(metagraph: Any) -> str | None:
    """What of a model's functions cannot be; None where they can be built when they are used, as far as is seen."""
    functions = metagraph.graph_def.library.function
    names = {function.signature.name for function in functions}
    for name in metagraph.object_graph_def.concrete_functions:
        if name not in names:
            return f"it has no function {name!r}, which its object graph names"
    missing = tf_internals.missing_ops({node.op for function in functions for node in function.node_def} - names)
    if missing:
        return f"it uses ops that are not there: {', '.join(missing)}"
    return None


def _obstacle(tf: Any, options: Any | None) -> str | None:
    """Why no model can be loaded lazily just now; None if it can."""
    unexpected = tf_internals.unexpected_loader_internals()
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
    if tf_internals.version_of(version) >= (2, 0):
        warnings.warn(
            f"TensorFlow {version} is not as rehub knows it ({unexpected}): models are loaded by TensorFlow's own "
            "loader, which takes longer. A newer rehub may know it.",
            stacklevel=2,
        )


def _restore(path: str, saved_model: Any, debug_info: Any, options: Any) -> Any:
    root = _loader_class()(path, saved_model, options).get(0)
    information = saved_model.meta_graphs[0].meta_info_def
    # Without traces, the debug information has no names of functions to be translated.
    root.graph_debug_info = debug_info
    root.tensorflow_version = information.tensorflow_version
    root.tensorflow_git_version = information.tensorflow_git_version
    return root


class Library:
    """The functions of one restored model: which there are, and those that have been built.

    Args:
        functions: the FunctionDefLibrary.
        objects: the SavedObjectGraph.
    """

    def __init__(self, functions: Any, objects: Any) -> None:
        self._definitions = {definition.signature.name: definition for definition in functions.function}
        self._objects = objects
        self._internals = tf_internals.function_internals()
        self._graph = self._internals.ops.Graph()
        self._suffix = f"_load_{self._internals.ops.uid()}"
        self._built: dict[str, Any] = {}
        self._built_by_new_name: dict[bytes, Any] = {}
        self._gradients_by_op: dict[bytes, Any] = {}
        self._gradient_function: dict[bytes, str] = {}
        self._new_op_type: dict[bytes, str] = {}
        self._op_type_to_register: dict[str, str] = {}
        for gradient in functions.registered_gradients:
            if gradient.registered_op_type:
                op_type, new_type = gradient.registered_op_type.encode(), self._internals.new_gradient_name()
                self._gradient_function[op_type] = gradient.gradient_func
                self._new_op_type[op_type] = new_type
                self._op_type_to_register[gradient.gradient_func] = new_type
        # By node id: what functions capture. Variables and resources by weak references: the functions that were
        # handed out own what they capture, the library must not.
        self._captured: dict[int, Any] = {}
        self._lock = threading.RLock()

    def keep_captured(self, node_id: int, obj: Any) -> None:
        """Notes the object that functions capture as a node of the object graph."""
        self._captured[node_id] = weakref.ref(obj) if tf_internals.is_captured_weakly(obj) else obj

    def structure(self, name: str) -> tuple[Any, Any]:
        """Returns the structured inputs and outputs of a function; None for both where nothing is recorded."""
        if name not in self._objects.concrete_functions:
            return None, None
        recorded = self._objects.concrete_functions[name]
        decode = self._internals.decode_structure
        return decode(recorded.canonicalized_input_signature), decode(recorded.output_signature)

    def build(self, name: str) -> Any:
        """Returns the concrete function of a name, built now or before, with its captures."""
        tf = tf_internals.import_tensorflow()
        with self._lock, tf.init_scope():
            if name not in self._built:
                new = [each for each in self._in_order(name) if each not in self._built]
                for each in new:
                    self._built[each] = self._build_one(each)
                for each in new:
                    self._capture(each)
            return self._built[name]

    def _in_order(self, name: str) -> list[str]:
        """The functions that a function needs and that are not built yet: each after those that it needs itself."""
        ordered: list[str] = []
        entered: set[str] = set()
        finished: set[str] = set(self._built)
        to_visit = [(name, False)]
        while to_visit:
            current, is_finished = to_visit.pop()
            if is_finished:
                finished.add(current)
                ordered.append(current)
            elif current not in finished:
                if current in entered:
                    raise ValueError(f"The model's functions call each other in a circle, by way of {current!r}.")
                entered.add(current)
                to_visit.append((current, True))
                to_visit.extend((needed, False) for needed in self._needed(current) if needed not in finished)
        return ordered

    def _needed(self, name: str) -> Iterable[str]:
        # In the order of the names, so that a model is built alike each time.
        return sorted(
            self._internals.functions_needed(self._definitions[name], self._definitions, self._gradient_function)
        )

    def _build_one(self, name: str) -> Any:
        internals, definition, needed = self._internals, self._definitions[name], self._needed(name)
        internals.rename(definition, self._built, self._suffix, self._new_op_type)
        inputs, outputs = self.structure(name)
        with self._graph.as_default():
            graph = internals.graph_of(definition, structured_input_signature=inputs, structured_outputs=outputs)
        internals.restore_gradients(graph, self._built_by_new_name, self._gradients_by_op)
        for each in needed:
            self._built[each].add_to_graph(graph)
        function = internals.concrete_function(graph, definition)
        function.add_to_graph(self._graph)
        self._built_by_new_name[function.name] = function
        op_type = self._op_type_to_register.get(name)
        if op_type is not None:
            self._gradients_by_op[op_type.encode()] = function
            internals.register_gradient(op_type, function)
        return function

    def _capture(self, name: str) -> None:
        if name in self._objects.concrete_functions:
            bound = self._objects.concrete_functions[name].bound_inputs
            self._internals.restore_captures(self._built[name], [self._captured_object(node_id) for node_id in bound])

    def _captured_object(self, node_id: int) -> Any:
        obj = self._captured[node_id]
        if isinstance(obj, TensorWithin):
            return self.build(obj.function).graph.get_tensor_by_name(obj.name)
        if isinstance(obj, weakref.ref):
            obj = obj()
            if obj is None:
                raise RuntimeError("A function of this model uses a variable or table that has been deleted.")
        return obj


class TensorWithin:
    """A tensor in the graph of a function, which the gradient of one of its ops captures."""

    def __init__(self, function: str, name: str) -> None:
        self.function = function
        self.name = name


_BUILD = "_rehub_build"
_LOCK = threading.RLock()


def _attribute_of_built(function: Any, attribute: str) -> Any:
    """What `__getattr__` of a lazy object returns, to which Python comes for what is not there yet."""
    # What TensorFlow keeps of an object in a checkpoint, the object can have without being built.
    is_own = attribute in ("__name__", "__signature__", "__wrapped__") or not attribute.startswith(("__", "_self_"))
    if is_own and attribute != _BUILD:
        with _LOCK:
            build = vars(function).get(_BUILD)  # None: another thread has just built it, or the attribute is none.
            if build is not None:
                state = build(function)
                # What was set before stays, as it would if it had been set later.
                vars(function).update({key: value for key, value in state.items() if key not in vars(function)})
                del vars(function)[_BUILD]
                return getattr(function, attribute)
        if attribute in vars(function):
            return vars(function)[attribute]
    raise AttributeError(f"{type(function).__name__!r} object has no attribute {attribute!r}")


@functools.lru_cache(maxsize=None)
def _concrete_function_class() -> Any:
    class LazyConcreteFunction(tf_internals.restored_concrete_function_class()):  # type: ignore[misc]
        """A concrete function that becomes itself when an attribute of it is asked for that it does not have yet."""

        def __init__(self, library: Library, name: str, captured: tuple[Any, ...]) -> None:
            # Not that of the class above, which takes the function that is not there yet.
            self._rehub_captured = captured
            self._rehub_spec: Any = None
            self._rehub_traces = None
            self._rehub_build = functools.partial(_built_state, library, name)

        __getattr__ = _attribute_of_built

    return LazyConcreteFunction


def _built_state(library: Library, name: str, function: Any) -> dict[str, Any]:
    built = library.build(name)
    state = dict(vars(built))
    spec = function._rehub_spec  # noqa: SLF001
    if spec is not None:
        state["_function_type"] = tf_internals.type_by_spec(built, spec)
    return state


@functools.lru_cache(maxsize=None)
def _function_class() -> Any:
    class LazyFunction(tf_internals.restored_function_class()):  # type: ignore[misc]
        """A restored `tf.function` that becomes itself when an attribute of it is asked for, or when it is called."""

        def __init__(self, proto: Any, traces: dict[str, Any]) -> None:
            self._rehub_traces = tuple(traces.values())
            self._rehub_build = lambda _: vars(tf_internals.restored_function(proto, traces))

        __getattr__ = _attribute_of_built

    return LazyFunction


@functools.lru_cache(maxsize=None)
def _loader_class() -> Any:
    concrete_function_class, function_class = _concrete_function_class(), _function_class()

    class LazyLoader(tf_internals.loader_class()):  # type: ignore[misc]
        """TensorFlow's loader, but for its functions."""

        def __init__(self, path: str, saved_model: Any, options: Any) -> None:
            (metagraph,) = saved_model.meta_graphs
            objects = metagraph.object_graph_def
            self._rehub_library = Library(metagraph.graph_def.library, objects)
            self._rehub_functions: dict[str, Any] = {}
            self._rehub_bound = {
                node_id for function in objects.concrete_functions.values() for node_id in function.bound_inputs
            }
            # The loader would build all functions of the library that it finds in the message: it finds none.
            without_functions = tf_internals.without_function_library(saved_model)
            options_of_checkpoint = tf_internals.checkpoint_options(options)
            super().__init__(objects, without_functions, path, options_of_checkpoint, options, None)

        def _recreate(self, proto: Any, node_id: int, nodes: dict[int, Any]) -> tuple[Any, Any]:
            obj, setter = super()._recreate(proto, node_id, nodes)
            if node_id in self._rehub_bound:
                self._rehub_library.keep_captured(node_id, obj)
            return obj, setter

        def _rehub_function(self, name: str, nodes: dict[int, Any]) -> Any:
            if name not in self._rehub_functions:
                bound = self._proto.concrete_functions[name].bound_inputs
                captured = tuple(nodes[node_id] for node_id in bound)
                self._rehub_functions[name] = concrete_function_class(self._rehub_library, name, captured)
            return self._rehub_functions[name]

        def _recreate_function(self, proto: Any, dependencies: dict[Any, Any]) -> tuple[Any, Any]:
            traces = {name: self._rehub_function(name, dependencies) for name in proto.concrete_functions}
            for each in traces.values():
                each._rehub_spec = proto.function_spec  # noqa: SLF001
            return function_class(proto, traces), setattr

        def _recreate_bare_concrete_function(self, proto: Any, dependencies: dict[Any, Any]) -> tuple[Any, Any]:
            function = self._rehub_function(proto.concrete_function_name, dependencies)
            function._arg_keywords = proto.argument_keywords  # noqa: SLF001
            function._num_positional_args = proto.allowed_positional_arguments  # noqa: SLF001
            if proto.HasField("function_spec"):
                function._rehub_spec = proto.function_spec  # noqa: SLF001
            return function, setattr

        def _get_tensor_from_fn(self, proto: Any) -> tuple[Any, Any]:
            return TensorWithin(proto.concrete_function, proto.name), setattr

        def _setup_remaining_functions(self) -> None:
            """Gradients and other functions outside of the object graph are built with those that need them."""

        def _restore_checkpoint(self) -> None:
            variables = self._rehub_variables()
            if variables is None:
                super()._restore_checkpoint()
            elif variables:
                tf_internals.restore_variables(self._rehub_prefix(), variables)

        def _rehub_prefix(self) -> str:
            return str(tf_internals.variables_path(self._export_dir))

        def _rehub_variables(self) -> dict[str, Any] | None:
            """The variables by their keys in the checkpoint; None where more is to be restored than plain variables."""
            options = self._save_options
            if options.allow_partial_checkpoint or options.experimental_io_device is not None:
                return None
            objects = self._proto.nodes
            wanted = {i for i, node in enumerate(objects) if node.WhichOneof("kind") == "variable"}
            if any(
                node.slot_variables or (node.saveable_objects and i not in wanted) for i, node in enumerate(objects)
            ):
                return None
            if not wanted:
                return None
            checkpoint = tf_internals.Checkpoint(self._rehub_prefix())
            variables: dict[str, Any] = {}
            for node_id, attributes in checkpoint.matched(objects).items():
                if not attributes:
                    continue
                variable = self._nodes[node_id]
                if node_id not in wanted or len(attributes) != 1 or attributes[0].name != "VARIABLE_VALUE":
                    return None
                key = attributes[0].checkpoint_key
                if key in variables or not checkpoint.fits(key, variable):
                    return None
                variables[key] = variable
                wanted.discard(node_id)
            return None if wanted else variables

    return LazyLoader
