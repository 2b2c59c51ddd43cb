"""The private TensorFlow names that rehub leans on, each with the versions it was seen in.

No other file imports `tensorflow.python`, `tensorflow.core` or `keras.src`, or reads an underscore attribute of a
TensorFlow object. All imports happen inside the functions: importing this module imports nothing.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import logging
import os
import re
import sys
import threading
import types
import weakref
from typing import Any, Callable, Iterable, Iterator, Mapping, TypeVar

from rehub.errors import TensorFlowMissing
from rehub.input_names import can_be_called_by, parameter_names

# --- TensorFlow itself -------------------------------------------------------------------------------------------

OLDEST_TENSORFLOW = (1, 15)


@functools.lru_cache(maxsize=None)
def import_tensorflow() -> Any:
    """Imports TensorFlow and returns its module.

    Raises:
        TensorFlowMissing: it is not installed, or older than 1.15; says what to install.
    """
    try:
        tf = importlib.import_module("tensorflow")
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != "tensorflow":
            raise  # TensorFlow is there, but something that it needs is not: its own message tells more.
        raise TensorFlowMissing(
            "Loading a model needs TensorFlow, which is not installed here. rehub never installs it by itself, as "
            "there are several builds of it to choose from: pip install tensorflow (or tensorflow-cpu, ...)."
        ) from error
    version = getattr(tf, "__version__", None)
    if version is None:
        raise TensorFlowMissing(
            f"Loading a model needs TensorFlow, but what Python imports as `tensorflow` ({tf!r}) is not it: it has "
            "no __version__. If that is a folder of your own, rename it; then: pip install tensorflow."
        )
    if version_of(version) < OLDEST_TENSORFLOW:
        raise TensorFlowMissing(
            f"rehub needs TensorFlow 1.15 or newer, found {version}: pip install --upgrade tensorflow."
        )
    return tf


def tensorflow_version() -> tuple[int, int]:
    """The first two numbers of the installed TensorFlow's version."""
    return version_of(import_tensorflow().__version__)


def version_of(version: str) -> tuple[int, int]:
    """Returns the first two numbers of a version; zeros where it has none, so that it counts as old.

    >>> version_of("2.15.0-rc1"), version_of("")
    ((2, 15), (0, 0))
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return (int(numbers.group(1)), int(numbers.group(2))) if numbers else (0, 0)


# --- Ops ---------------------------------------------------------------------------------------------------------


def missing_ops(names: Iterable[str]) -> tuple[str, ...]:
    """Returns those of the op names that are not registered in this process, sorted."""
    registered = _registered_ops(importlib.import_module("tensorflow"))
    return tuple(sorted(name for name in set(names) if not registered(name)))


def _registered_ops(tf: Any) -> Any:
    if version_of(tf.__version__) >= (2, 0):
        # op_def_registry.get asks the registry in C++. Seen in 2.15, 2.21.
        from tensorflow.python.framework import op_def_registry

        return lambda name: op_def_registry.get(name) is not None
    # In 1.15 that module knows only the ops of imported Python wrappers; the C API knows all of them. Seen in 1.15.
    return frozenset(op.name for op in op_definitions()).__contains__


def op_definitions() -> Any:
    """The definitions of all ops that are registered in this process."""
    from tensorflow.core.framework import op_def_pb2

    if version_of(importlib.import_module("tensorflow").__version__) >= (2, 0):
        from tensorflow.python.client import pywrap_tf_session as c_api  # Seen in 2.15, 2.21.
    else:
        from tensorflow.python import pywrap_tensorflow as c_api  # Seen in 1.15.

    ops = op_def_pb2.OpList()
    ops.ParseFromString(c_api.TF_GetBuffer(c_api.TF_GetAllOpList()))
    return ops.op


# --- Graphs of TF1, for legacy modules ---------------------------------------------------------------------------


def saved_model_message() -> Any:
    """Returns an empty SavedModel message, of the class that this TensorFlow brings."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel()


def op_definition(name: str) -> Any:
    """Returns the OpDef of a registered op, None where there is none of that name."""
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):  # Seen in 2.15, 2.21.
        return op_def_registry.get(name)
    return op_def_registry.get_registered_ops().get(name)  # Seen in 1.15.


def make_importable(names: Iterable[str]) -> None:
    """Lets graphs with these ops be imported, whose definitions TensorFlow may know in C++ only.

    1.15 imports a graph by the registry of its Python wrappers, in which ops of a library are missing whose wrappers
    nobody imported. Newer versions ask the registry in C++.
    """
    from tensorflow.python.framework import op_def_registry

    if hasattr(op_def_registry, "get"):
        return
    registry = op_def_registry.get_registered_ops()  # Seen in 1.15.
    if all(name in registry for name in names):
        return
    for definition in op_definitions():
        if definition.name not in registry:
            definition.ClearField("summary")
            definition.ClearField("description")
            for part in (*definition.input_arg, *definition.output_arg, *definition.attr):
                part.ClearField("description")
            registry[definition.name] = definition


def variable_definition(serialized: bytes) -> Any:
    """Parses the VariableDef that a graph's collection has of a variable."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.framework import variable_pb2

    return variable_pb2.VariableDef.FromString(serialized)


def register_gradients_of_loops() -> None:
    """Lets the functional loops of a graph have gradients, which 1.15 registers when it makes the first such loop."""
    # Seen in 1.15, 2.15, 2.21.
    importlib.import_module("tensorflow.python.ops.while_v2")


def import_meta_graph(meta_graph: Any, scope: str, input_map: dict[str, Any]) -> dict[str, Any]:
    """Imports a MetaGraphDef, its collections included, into the default graph under a fresh name scope.

    The public function of this name makes a Saver as well, whose ops nobody would use.

    Returns:
        The variables under that scope by their tensors' names in it.
    """
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import meta_graph as meta_graphs

    return dict(meta_graphs.import_scoped_meta_graph(meta_graph, import_scope=scope, input_map=input_map))


def set_colocation(op: Any, groups: Iterable[bytes]) -> None:
    """Replaces the ops that an op is colocated with; its device becomes theirs, as in `tf.import_graph_def`.

    Args:
        groups: `b"loc:@" + name` for each of the ops.
    """
    # Seen in 1.15, 2.15, 2.21.
    tf = import_tensorflow()
    others = [value for value in op.get_attr("_class") if not value.startswith(b"loc:@")]
    value = tf.compat.v1.AttrValue()
    value.list.s.extend([*others, *groups])
    op._set_attr("_class", value)
    if groups:
        devices = (op.graph.get_operation_by_name(group[5:].decode()).device for group in groups)
        op._set_device(next((device for device in devices if device), ""))


def part_of_variable(variable: Any) -> tuple[str, tuple[int, ...]] | None:
    """The full name and the offset in it of a part of a partitioned variable; None for a whole variable."""
    # Seen in 1.15, 2.15, 2.21.
    part = variable._save_slice_info
    return None if part is None else (part.full_name, tuple(part.var_offset))


def control_flow_context(graph: Any) -> Any:
    """The `tf.cond` or `tf.while_loop` of TF1 whose body is being built in a graph, None outside of one."""
    # Seen in 1.15, 2.15, 2.21.
    return graph._get_control_flow_context()


def members_of_context(collection: str, serialized: bytes) -> set[str]:
    """The names of the tensors and ops in a stored `tf.cond` or `tf.while_loop` of TF1, with those nested in it."""
    contexts = _context_and_nested(collection, serialized)
    return {member for context in contexts for member in context.values_def.values}


def loops_of_context(collection: str, serialized: bytes) -> list[Any]:
    """The WhileContextDefs in a stored `tf.cond` or `tf.while_loop` of TF1, itself included."""
    return [context for context in _context_and_nested(collection, serialized) if hasattr(context, "back_prop")]


def _context_and_nested(collection: str, serialized: bytes) -> list[Any]:
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import ops

    outermost = ops.get_collection_proto_type(collection)()
    outermost.ParseFromString(serialized)
    found = [outermost]
    for context in found:  # It grows.
        found += [getattr(nested, nested.WhichOneof("ctxt")) for nested in context.nested_contexts]
    return found


def is_building_for_tpu(graph: Any) -> bool:
    """Whether what is built in a function's graph will be replicated over TPUs."""
    # Seen in 1.15, 2.15, 2.21.
    return type(control_flow_context(graph)).__name__.endswith("TPUReplicateContext")


def is_wrapped_function(graph: Any) -> bool:
    """Whether a function's graph is that of `tf.compat.v1.wrap_function`, which can own state and be pruned."""
    # tf.function adds control dependencies, branches and bodies of loops have classes of their own, and Defun has
    # another class. Seen in 1.15, 2.15, 2.21.
    return type(graph).__name__ == "FuncGraph" and not graph._add_control_dependencies


def is_of_wrapped_graph(function: Any) -> bool:
    """Whether a function was made from a graph of TF1, as the signatures of such a SavedModel are."""
    # Seen in 1.15, 2.15, 2.21 (eager/wrap_function.py).
    return any(base.__name__ == "WrappedFunction" for base in type(function).__mro__)


def outer_graph(graph: Any) -> Any:
    """The graph around a function's graph; None for a graph that is no function's."""
    # FuncGraph has it public; Defun's graph private, in 1.15. Seen in 1.15, 2.15, 2.21.
    return getattr(graph, "outer_graph", getattr(graph, "_outer_graph", None))


def composite_spec(tensor_info: Any) -> Any:
    """Returns the TypeSpec that a TensorInfo of a composite tensor describes."""
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.protobuf import struct_pb2
    from tensorflow.python.saved_model import nested_structure_coder

    value = struct_pb2.StructuredValue(type_spec_value=tensor_info.composite_tensor.type_spec)
    if hasattr(nested_structure_coder, "decode_proto"):  # Seen in 2.15, 2.21.
        return nested_structure_coder.decode_proto(value)
    return nested_structure_coder.StructureCoder().decode_proto(value)  # Seen in 1.15.


def composite_from_components(spec: Any, components: list[Any]) -> Any:
    """Returns the composite tensor of a TypeSpec that is made of these tensors."""
    return spec._from_components(components)  # Seen in 1.15, 2.15, 2.21.


def spec_dtype(spec: Any) -> Any:
    """The dtype of a TypeSpec; None for one that has none, such as that of a dataset."""
    return _of_spec(spec, "dtype")


def spec_shape(spec: Any) -> Any:
    """The shape of a TypeSpec; None for one that has none."""
    return _of_spec(spec, "shape")


def spec_raggedness(spec: Any) -> tuple[int, Any]:
    """How many dimensions of a RaggedTensorSpec are ragged, and the dtype of their row splits; of others 0 and None."""
    return _of_spec(spec, "ragged_rank") or 0, _of_spec(spec, "row_splits_dtype")


def _of_spec(spec: Any, attribute: str) -> Any:
    # Public in a RaggedTensorSpec of 2.15, 2.21; private there in 1.15, and in an IndexedSlicesSpec of all versions.
    return getattr(spec, attribute) if hasattr(spec, attribute) else getattr(spec, f"_{attribute}", None)


def spec_with_shape(spec: Any, shape: Any) -> Any:
    """The spec of dense, sparse or ragged tensors of the same kind with another shape; a RaggedTensorSpec has all of it
    private in 1.15.
    """
    tf = import_tensorflow()
    if isinstance(spec, tf.RaggedTensorSpec):
        return tf.RaggedTensorSpec(shape, spec_dtype(spec), spec._ragged_rank, spec._row_splits_dtype)
    return (tf.SparseTensorSpec if isinstance(spec, tf.SparseTensorSpec) else tf.TensorSpec)(shape, spec.dtype)


# --- Log messages -------------------------------------------------------------------------------------------------


class _Deprecations:
    """Whether TensorFlow logs what it deprecates: not while something runs that silences it, in any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silences = 0
        self._are_shown = True

    @contextlib.contextmanager
    def silenced(self) -> Iterator[None]:
        from tensorflow.python.util import deprecation  # Seen in 1.15, 2.15, 2.21.

        with self._lock:
            if self._silences == 0:
                self._are_shown = deprecation._PRINT_DEPRECATION_WARNINGS
            self._silences += 1
            deprecation._PRINT_DEPRECATION_WARNINGS = False
        try:
            yield
        finally:
            with self._lock:
                self._silences -= 1
                if self._silences == 0:
                    deprecation._PRINT_DEPRECATION_WARNINGS = self._are_shown


_DEPRECATIONS = _Deprecations()


@contextlib.contextmanager
def without_deprecations_and_infos() -> Iterator[None]:
    """Keeps TensorFlow from logging what it deprecates, and from logging at INFO what this thread does.

    TensorFlow logs a deprecation once, and does not count one as logged that was silenced here: other code that uses
    the same afterwards is warned. Its own `deprecation.silence` silences for good when an exception leaves it.
    """
    thread = threading.get_ident()

    def is_shown(record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or record.thread != thread

    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    for logger in loggers:
        logger.addFilter(is_shown)
    try:
        with _DEPRECATIONS.silenced():
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_shown)


# --- Graphs of TF1, traced again in TF2 --------------------------------------------------------------------------


def is_in_graph(value: Any, graph: Any) -> bool:
    """Whether a value is a tensor that an op of this very graph computes; not if it was captured or is eager."""
    tf = import_tensorflow()
    return isinstance(value, tf.Tensor) and getattr(value, "graph", None) is graph


def has_gradient(name: str) -> bool:
    """Whether `tf.RegisterGradient` was called with this name."""
    try:
        gradient_of(name)
    except LookupError:
        return False
    return True


def gradient_of(name: str) -> Any:
    """The function that `tf.RegisterGradient` was given for an op, or for a name of one's own.

    Raises:
        LookupError: there is none.
    """
    from tensorflow.python.framework import ops

    # Public in its module since 2.0 or so. Seen in 2.15, 2.21; with an underscore in 1.15.
    registry = ops.gradient_registry if hasattr(ops, "gradient_registry") else ops._gradient_registry
    return registry.lookup(name)


def import_node(node: Any, attributes: dict[str, Any], inputs: list[Any], functions: Iterable[Any]) -> list[Any]:
    """Makes one op in a function's graph by an import, which brings the functions that its attributes name.

    Args:
        node: an object with `name` and `op`.
        attributes: AttrValues.
        inputs: tensors, those of lists one by one.
        functions: FunctionDefs.

    Returns:
        Its outputs.
    """
    tf = import_tensorflow()
    graph = tf.compat.v1.get_default_graph()
    graph_def = tf.compat.v1.GraphDef()
    graph_def.library.function.extend(functions)
    node_def = graph_def.node.add(name="node", op=node.op)
    for key, value in attributes.items():
        node_def.attr[key].CopyFrom(value)
    fed = {}
    for index, tensor in enumerate(inputs):
        placeholder = graph_def.node.add(name=f"input_{index}", op="Placeholder")
        placeholder.attr["dtype"].type = tensor.dtype.as_datatype_enum
        node_def.input.append(placeholder.name)
        fed[f"{placeholder.name}:0"] = graph.capture(tensor)
    (op,) = tf.import_graph_def(graph_def, input_map=fed, return_elements=["node"], name=node.name)
    return list(op.outputs)


def function_of_keywords(function: Any, specs: dict[str, Any]) -> Any:
    """Makes a concrete function that takes tensors by keyword, as TensorFlow's loader makes signatures of TF1.

    `tf.function` has only names that Python could have.

    Args:
        function: takes tensors by position.
        specs: a `tf.TensorSpec` for each of them by name, in order.
    """
    tf = import_tensorflow()
    in_order = sorted(specs)  # As TensorFlow flattens them.

    def by_position(*tensors: Any) -> Any:
        by_name = dict(zip(in_order, tensors))
        return function(*(by_name[name] for name in specs))

    wrapped = tf.compat.v1.wrap_function(
        by_position, [tf.TensorSpec(specs[name].shape, specs[name].dtype) for name in in_order]
    )
    # Not by `wrapped.prune`, as TensorFlow's loader does: it copies the call without its gradient, and without the
    # shapes of what it returns (TensorFlow: lift_to_graph.py).
    graph = wrapped.graph
    graph.structured_input_signature = ((), in_same_order({name: specs[name] for name in in_order}))
    options = {"variable_holder": wrapped._variable_holder}  # Seen in 2.15, 2.21.
    if "are_keyword_args_also_positional" in inspect.signature(type(wrapped)).parameters:  # Seen in 2.21.
        options["are_keyword_args_also_positional"] = True
    concrete = type(wrapped)(graph, **options)
    graph.structured_input_signature = ((), {name: specs[name] for name in in_order})
    concrete._arg_keywords = in_order  # Seen in 2.15, 2.21.
    # As TensorFlow's loader has it: a position tells nothing where there are several (load_v1_in_v2.py).
    concrete._num_positional_args = 1 if len(in_order) == 1 else 0
    accept_all_names(concrete)
    return build_gradients_in_turn(concrete)


def in_same_order(specs: dict[str, Any]) -> dict[str, Any]:
    """The specs by names that TensorFlow can call a function by, in the same order; by their own where it can."""
    if can_be_called_by(specs):
        return specs
    return {f"input_{number:04d}": spec for number, spec in enumerate(specs.values())}


def keywords_to_trace_by(like: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments to trace another form of a concrete function with, by names that TensorFlow takes."""
    return in_same_order(kwargs) if hasattr(like, "_rehub_names") else kwargs


def accept_all_names(concrete: Any) -> None:
    """Lets a signature of a graph of TF1 be called by the names of its inputs where TensorFlow cannot do that.

    Args:
        concrete: a concrete function that has the names of its inputs, one for each, in their order.
    """
    names = tuple(concrete._arg_keywords)  # Seen in 1.15, 2.15, 2.21.
    if can_be_called_by(names) or hasattr(concrete, "_rehub_names"):
        return
    concrete._rehub_names = names
    concrete.__class__ = _class_with_any_names(concrete.__class__)
    # `tf.saved_model.save` names the inputs of a signature by these.
    parameters = parameter_names(names)
    concrete._arg_keywords = [parameters[name] for name in names]


@functools.lru_cache(maxsize=None)
def _class_with_any_names(concrete_class: Any) -> Any:
    class NamedSignature(concrete_class):  # type: ignore[misc]
        # `self` may be the name of an input.
        def __call__(*args: Any, **kwargs: Any) -> Any:
            return args[0]._call_impl(args[1:], kwargs)

        def _call_impl(self, args: Any, kwargs: Any, *_: Any) -> Any:
            values = self._rehub_bind(args, kwargs)
            tensors = [_as_input(*each) for each in zip(self._rehub_names, values, self.inputs)]
            return self._call_flat(tensors, self.captured_inputs)

        def _rehub_bind(self, args: Any, kwargs: Any) -> list[Any]:
            """The arguments in the order of the inputs; by the names that a saved function has, too."""
            names, parameters = self._rehub_names, self._arg_keywords
            if len(args) > self._num_positional_args:
                raise TypeError(f"The signature takes {_quoted(names)} by keyword; {len(args)} came by position.")
            given = dict(zip(names, args))
            unknown = []
            for keyword, value in kwargs.items():
                name = keyword if keyword in names else dict(zip(parameters, names)).get(keyword)
                if name is None or name in given:
                    unknown.append(keyword)
                else:
                    given[name] = value
            missing = [name for name in names if name not in given]
            if unknown or missing:
                raise TypeError(
                    f"The signature takes {_quoted(names)} by keyword. Missing: {_quoted(missing) or 'none'}. "
                    f"Unknown, or given twice: {_quoted(unknown) or 'none'}."
                )
            return [given[name] for name in names]

    NamedSignature.__name__, NamedSignature.__qualname__ = concrete_class.__name__, concrete_class.__qualname__
    return NamedSignature


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _as_input(name: str, value: Any, placeholder: Any) -> Any:
    """A value as the tensor that an input of a function takes.

    Raises:
        TypeError: it cannot be one; names the input.
    """
    tf = import_tensorflow()
    expected = f"Input {name!r} takes a {placeholder.dtype.name} tensor of shape {placeholder.shape}"
    try:
        tensor = tf.convert_to_tensor(value, placeholder.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{expected}: {error}") from error
    if not placeholder.shape.is_compatible_with(tensor.shape):
        raise TypeError(f"{expected}. Received: {tensor.dtype.name} of shape {tensor.shape}.")
    return tensor


def array_of_flow(array: Any, flow: Any) -> Any:
    """The `tf.TensorArray` like another one, with other contents, which are its flow in a function of TF2."""
    from tensorflow.python.ops import tensor_array_ops  # Seen in 2.15, 2.21.

    return tensor_array_ops.build_ta_with_new_flow(array, flow)


def trackable_resource_class() -> Any:
    """The class of tables and other resources that are made, initialized and saved with the object that has them."""
    tf = import_tensorflow()
    if hasattr(tf.saved_model, "experimental") and hasattr(tf.saved_model.experimental, "TrackableResource"):
        return tf.saved_model.experimental.TrackableResource
    from tensorflow.python.training.tracking import tracking  # Seen in 1.15.

    return tracking.TrackableResource


def auto_trackable_class() -> Any:
    """The class of objects whose attributes checkpoints and SavedModels keep; that of restored objects."""
    tf = import_tensorflow()
    if hasattr(tf, "__internal__"):  # Seen in 2.15, 2.21.
        return tf.__internal__.tracking.AutoTrackable
    from tensorflow.python.training.tracking import tracking  # Seen in 1.15.

    return tracking.AutoTrackable


# --- Sessions ----------------------------------------------------------------------------------------------------

_explanations: weakref.WeakKeyDictionary[Any, Callable[[Any], Exception | None]] = weakref.WeakKeyDictionary()


def explain_session_errors(graph: Any, explain: Callable[[Any], Exception | None]) -> None:
    """Lets sessions of a graph raise another error where `explain` returns one for the InternalError that they met.

    A session is the user's own, and tells nobody of its errors: so the one method through which they come is wrapped,
    once for the process. Sessions of other graphs do not notice.
    """
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.client import session

    _explanations[graph] = explain
    call = session.BaseSession._do_call
    if hasattr(call, "explains_errors"):
        return
    internal_error = import_tensorflow().errors.InternalError

    @functools.wraps(call)
    def call_and_explain(self: Any, function: Any, *arguments: Any) -> Any:
        try:
            return call(self, function, *arguments)
        except internal_error as error:
            explained = _explanations[self.graph](error) if self.graph in _explanations else None
            if explained is None:
                raise
            raise explained from error

    call_and_explain.explains_errors = True  # type: ignore[attr-defined]
    session.BaseSession._do_call = call_and_explain


# --- Feature columns and Estimator --------------------------------------------------------------------------------


def feature_column_bases() -> tuple[type, ...]:
    """The classes that a column of dense values has to extend: for the functions of TF1, and for those since."""
    # Neither has a public name. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.feature_column import feature_column, feature_column_v2

    return feature_column._DenseColumn, feature_column_v2.DenseColumn


def layers_keep_resources() -> bool:
    """Whether layers of feature columns track the objects that columns keep in them: since TensorFlow 2.1 or so."""
    # Missing in 1.15, seen in 2.15, 2.21.
    from tensorflow.python.feature_column import feature_column_v2

    return hasattr(feature_column_v2.StateManager, "has_resource")


def is_trainable_state(state_manager: Any) -> bool:
    """Whether the layer that a feature column keeps its state in is trainable."""
    # Seen in 1.15, 2.15, 2.21.
    return bool(state_manager._trainable)


def session_config_of(estimator: Any) -> Any:
    """The ConfigProto by which an Estimator makes its sessions; None for the default."""
    # Seen in 1.15, 2.15. Another object in an Estimator's place, which newer TensorFlows do not have, may lack it.
    return getattr(estimator, "_session_config", None)


# --- AutoGraph ---------------------------------------------------------------------------------------------------

_Entity = TypeVar("_Entity")


def run_as_written(entity: _Entity) -> _Entity:
    """Keeps AutoGraph from rewriting a function, or the calls of a class's instances, inside of `tf.function`.

    A decorator that needs no TensorFlow, which `tf.autograph.experimental.do_not_convert` does.
    """
    # By this attribute AutoGraph knows what it needs not convert. Seen in 1.15, 2.15, 2.21.
    entity.autograph_info__ = {}  # type: ignore[attr-defined]
    return entity


# --- Restored objects and their functions --------------------------------------------------------------------------


def trackable_children(obj: Any) -> Iterator[Any]:
    """Yields the objects that TensorFlow tracks as parts of `obj` in checkpoints; none for what is no trackable."""
    for _, part in named_trackable_children(obj):
        yield part


def named_trackable_children(obj: Any) -> Iterator[tuple[str, Any]]:
    """Yields the parts of `obj` in checkpoints as `trackable_children` does, each with its name there."""
    if hasattr(obj, "_trackable_children"):  # Trackable's since 2.9. Seen in 2.15, 2.21.
        yield from obj._trackable_children().items()
    elif hasattr(obj, "_checkpoint_dependencies"):  # Its name up to 2.8. Seen in 1.15.
        for reference in obj._checkpoint_dependencies:
            yield reference.name, reference.ref


def state_beside_variables(obj: Any) -> dict[str, Any]:
    """Returns what a checkpoint holds of a restored object that is not a variable, such as a table that can change.

    Tensors by names; empty for an object without such state.
    """
    attributes = attributes_of(obj)
    # load.py, _load_checkpoint_save_and_restore_functions. Seen in 2.15, 2.21; 1.15 has neither.
    if "_serialize_to_tensors" in attributes:
        return dict(obj._serialize_to_tensors())
    return {
        f"{name}/{number}": spec.tensor() if callable(spec.tensor) else spec.tensor
        for name, saveable in _saveables(attributes)
        for number, spec in enumerate(saveable.specs)
    }


def set_state_beside_variables(obj: Any, state: dict[str, Any]) -> None:
    """Sets what `state_beside_variables` returned of an object of the same model."""
    attributes = attributes_of(obj)
    if "_serialize_to_tensors" in attributes:
        obj._restore_from_tensors(state)
    for name, saveable in _saveables(attributes):
        saveable.restore([state[f"{name}/{number}"] for number in range(len(saveable.specs))], None)


def attributes_of(obj: Any) -> Any:
    try:
        return getattr(obj, "__dict__", {})
    except TypeError:  # The dict that 1.15 makes of a dict to be tracked, data_structures.py: "_DictWrapper".
        return {}


def _saveables(attributes: Any) -> Iterator[tuple[str, Any]]:
    for name, factory in (attributes.get("_self_saveable_object_factories") or {}).items():
        yield name, factory(name="") if callable(factory) else factory


def concrete_functions(function: Any) -> tuple[Any, ...]:
    """Returns the traces of a restored `tf.function`, itself for a concrete function, nothing for any other object."""
    if "_rehub_traces" in attributes_of(function):  # A lazy one: it is not to be built for this.
        return (function,) if function._rehub_traces is None else function._rehub_traces
    # RestoredFunction has `concrete_functions`, ConcreteFunction `captured_inputs`. Seen in 1.15, 2.15, 2.21.
    if hasattr(function, "captured_inputs"):
        return (function,)
    if hasattr(function, "get_concrete_function"):
        return tuple(getattr(function, "concrete_functions", ()))
    return ()


def is_restored_function(function: Any) -> bool:
    """Whether it is a `tf.function` of a restored model, which cannot be traced for other arguments."""
    if "_rehub_traces" in getattr(function, "__dict__", {}):
        return function._rehub_traces is not None
    # Seen in 1.15, 2.15, 2.21.
    return hasattr(function, "get_concrete_function") and hasattr(function, "concrete_functions")


def variables_of_trace(concrete: Any) -> Any:
    """Returns the variables that a concrete function reads or writes."""
    # ConcreteFunction.variables is public. Seen in 2.15, 2.21; in 1.15 only the graph has them.
    return concrete.variables if hasattr(concrete, "variables") else concrete.graph.variables


@contextlib.contextmanager
def renamed(variable: Any, name: str) -> Iterator[None]:
    """Lets a variable say another name in Python; its graph and its handle stay as they are.

    A variable over replicas keeps its own.
    """
    # Where BaseResourceVariable keeps what `name` returns. Seen in 1.15, 2.15, 2.21.
    own = vars(variable).get("_handle_name")
    if own is None:
        yield
        return
    variable._handle_name = name
    try:
        yield
    finally:
        variable._handle_name = own


def load_model(path: str, tags: list[str] | None, has_odd_names: bool = False, **options: Any) -> Any:
    """Loads a SavedModel by TensorFlow's own loader, whose models of TF1 keep their state to themselves.

    In a graph of TF1, what gives reference variables their values is among the initializers of tables then, as there
    is no variable in that graph to be initialized.

    Args:
        path: its directory.
        tags: of the MetaGraph.
        has_odd_names: whether it is a graph of TF1 with a signature that TensorFlow cannot call by its inputs' names.
        **options: of TensorFlow's loader.
    """
    tf = import_tensorflow()
    if version_of(tf.__version__) < (2, 0):
        return _load_in_1_15(path, tags)
    # Where the loader puts it since TensorFlow 2.0. Seen in 2.15, 2.21.
    collection = "saved_model_initializers"
    with tf.init_scope():
        before = set() if tf.executing_eagerly() else set(map(id, tf.compat.v1.get_collection(collection)))
        loaded = (_load_graph_of_tf1 if has_odd_names else tf.compat.v1.saved_model.load_v2)(path, tags, **options)
        if not tf.executing_eagerly() and loaded_with_reference_variables(loaded):
            for initializer in tf.compat.v1.get_collection(collection):
                if id(initializer) not in before:
                    tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.TABLE_INITIALIZERS, initializer)
        if inspect.ismethod(getattr(loaded, "prune", None)):  # That of a model of TF1, a method of the whole graph.
            loaded.prune = build_gradients_in_turn(loaded.prune.__self__).prune
        return loaded


def _load_graph_of_tf1(path: str, tags: list[str] | None, options: Any = None) -> Any:
    """Loads a graph of TF1 as TensorFlow's loader does, whatever the names of its signatures' inputs are."""
    loaded = _loader_of_tf1()(path).load(tags, bool(getattr(options, "experimental_skip_checkpoint", False)))
    loaded.graph_debug_info = debug_information(path)
    return loaded


@functools.lru_cache(maxsize=None)
def _loader_of_tf1() -> Any:
    from tensorflow.python.saved_model import load_v1_in_v2

    class Loader(load_v1_in_v2._EagerSavedModelLoader):  # type: ignore[misc]  # Seen in 1.15, 2.15, 2.21.
        def _extract_signatures(self, wrapped: Any, meta_graph_def: Any) -> Any:
            functions = super()._extract_signatures(PrunedByOtherNames(wrapped), meta_graph_def)
            for function in functions.values():
                accept_all_names(function)
            return functions

    return Loader


class PrunedByOtherNames:
    """A wrapped function, of whose pruned functions the parameters have names that TensorFlow takes."""

    def __init__(self, wrapped: Any) -> None:
        self.graph = wrapped.graph
        self._wrapped = wrapped

    def prune(self, feeds: Any, fetches: Any, input_signature: Any = None, **options: Any) -> Any:
        if input_signature is None:  # In 1.15 and 2.15, where parameters have no names.
            return self._wrapped.prune(feeds, fetches, **options)
        args, kwargs = input_signature
        in_order = (args, in_same_order(kwargs))
        pruned = self._wrapped.prune(feeds, fetches, input_signature=in_order, **options)
        pruned.graph.structured_input_signature = input_signature
        return pruned


def loaded_with_reference_variables(loaded: Any) -> bool:
    """Whether a restored model of TF1 has reference variables, which stay within its functions."""
    graph = getattr(loaded, "graph", None)
    return graph is not None and any(op.type in ("Variable", "VariableV2") for op in graph.get_operations())


def _load_in_1_15(path: str, tags: list[str] | None) -> Any:
    """Loads a SavedModel so that models of TF1 share no variables and tables with each other.

    1.15 gives what a model shares by name a name of its own only if the name's attribute is written out, which it is
    not in models that were written without default values, as legacy modules are. Inlined functions then each have
    variables of their own without values, and models in eager mode have those of one another.
    """
    tf = import_tensorflow()
    loader = _loader_of_tf1()(path)
    metagraphs = loader._saved_model.meta_graphs
    if len(metagraphs) == 1 and metagraphs[0].HasField("object_graph_def"):
        return tf.compat.v1.saved_model.load_v2(path, tags=tags)
    for metagraph in metagraphs:
        functions = (function.node_def for function in metagraph.graph_def.library.function)
        for nodes in (metagraph.graph_def.node, *functions):
            for node in nodes:
                if "shared_name" not in node.attr and _has_shared_name(node.op):
                    node.attr["shared_name"].s = b""
    with tf.init_scope():
        return loader.load(tags=tags)


@functools.lru_cache(maxsize=None)
def _has_shared_name(op: str) -> bool:
    definition = op_definition(op)
    return definition is not None and any(each.name == "shared_name" for each in definition.attr)


def captured_resource(obj: Any) -> Any:
    """Returns the handle by which functions capture a table or another resource object, None for any other object.

    It is not made where it does not exist yet: the public `resource_handle` would.
    """
    for attribute in (
        "_resource_handle_value",  # CapturableResource's. Seen in 2.15, 2.21.
        "_resource_handle",  # CapturableResource's up to 2.1 or so. Seen in 1.15.
    ):
        handle = vars(obj).get(attribute) if hasattr(obj, "__dict__") else None
        if handle is not None:
            return handle
    return None


def enclosing_function_graph(tf: Any) -> Any:
    """Returns the outermost graph of the `tf.function` that is being traced, None outside of one."""
    outermost = None
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    while graph is not None and graph.building_function:
        outermost = graph
        graph = getattr(graph, "outer_graph", None)  # FuncGraph's. Seen in 1.15, 2.15, 2.21.
    return outermost


# --- TensorFlow's loader, for the lazy one -------------------------------------------------------------------------

_LOADER_MODULES = {
    "tensorflow.python.saved_model.load": ("Loader", "_WrapperFunction", "_call_attribute"),
    "tensorflow.python.saved_model.nested_structure_coder": ("decode_proto",),
    "tensorflow.python.saved_model.function_deserialization": (
        "RestoredFunction",
        "_call_concrete_function",
        "_concrete_function_callable_with",
        "_deserialize_function_spec_as_nonmethod",
        "_fix_fdef_in_place",
        "_gen_gradient_func",
        "_list_function_deps",
        "_restore_gradient_functions",
        "recreate_function",
        "set_preinitialized_function_spec",
    ),
    "tensorflow.python.pywrap_tfe": ("TFE_ContextSetRunEagerOpAsFunction",),
    "tensorflow.core.function.capture.restore_captures": ("get_tensor_from_node", "restore_captures"),
    "tensorflow.core.function.polymorphism.function_type": ("FunctionType", "from_structured_signature"),
    "tensorflow.python.checkpoint.checkpoint_options": ("CheckpointOptions",),
    "tensorflow.python.eager.context": ("FunctionCallOptions", "anonymous_name", "context"),
    "tensorflow.python.eager.function": ("ConcreteFunction",),
    "tensorflow.python.eager.polymorphic_function.atomic_function": ("InterpolateRuntimeError",),
    "tensorflow.python.eager.polymorphic_function.function_type_utils": ("canonicalize_function_inputs",),
    "tensorflow.python.eager.record": ("could_possibly_record",),
    "tensorflow.python.framework.function_def_to_graph": ("function_def_to_graph",),
    "tensorflow.python.framework.op_def_registry": ("get",),
    "tensorflow.python.framework.ops": ("Graph", "RegisterGradient", "uid"),
    "tensorflow.python.ops.custom_gradient": ("generate_name",),
    "tensorflow.python.ops.gen_resource_variable_ops": ("assign_variable_op", "var_handle_op"),
    "tensorflow.python.ops.gradients_util": ("POSSIBLE_GRADIENT_TYPES_NONE", "PossibleTapeGradientTypes"),
    "tensorflow.python.ops.handle_data_util": ("create_handle_data",),
    "tensorflow.python.ops.resource_variable_ops": ("BaseResourceVariable", "UninitializedVariable"),
    "tensorflow.python.ops.variables": ("validate_synchronization_aggregation_trainable",),
    "tensorflow.python.saved_model.revived_types": ("deserialize", "registered_identifiers"),
    "tensorflow.python.trackable.data_structures": ("List",),
}
_LOADER_METHODS = {
    "__init__": ("object_graph_proto", "saved_model_proto", "export_dir", "ckpt_options", "save_options", "filters"),
    "_add_object_graph_edges": ("proto", "node_id"),
    "_generate_ordered_node_ids": (),
    "_get_node_dependencies": ("proto",),
    "_load_checkpoint_save_and_restore_functions": (),
    "_load_nodes": (),
    "_recreate": ("proto", "node_id", "nodes"),
    "_recreate_base_user_object": ("proto", "node_id"),
    "_restore_checkpoint": (),
    "_setup_remaining_functions": (),
}


@functools.lru_cache(maxsize=None)
def unexpected_loader_internals() -> str | None:
    """What of TensorFlow's loader is not as the lazy loader needs it; None if all is. As seen in 2.15, 2.21."""
    missing = missing_name(_LOADER_MODULES)
    if missing is not None:
        return missing
    for method, arguments in _LOADER_METHODS.items():
        function = getattr(loader_class(), method, None)
        if function is None or tuple(inspect.signature(function).parameters)[1:] != arguments:
            return f"{method} of its loader has other arguments"
    return None


def missing_name(modules: Mapping[str, tuple[str, ...]]) -> str | None:
    for module, names in modules.items():
        try:
            found = importlib.import_module(module)
        except ImportError:
            return f"it has no {module}"
        for name in names:
            if not hasattr(found, name):
                return f"{module} has no {name}"
    return None


def loader_class() -> Any:
    """The class that restores a TF2 SavedModel, all of it when an instance is made. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.load").Loader


def restored_concrete_function_class() -> Any:
    """The class of a restored model's concrete functions, whose gradients one thread at a time builds.

    Seen in 2.15, 2.21.
    """
    return class_with_gradients_in_turn(importlib.import_module("tensorflow.python.saved_model.load")._WrapperFunction)


def parse_saved_model(content: bytes) -> Any:
    """Returns a SavedModel message, None if the bytes are none."""
    return _parse(saved_model_message(), content)


def parse_metagraph(content: bytes) -> Any:
    """Returns a MetaGraphDef message, None if the bytes are none."""
    from tensorflow.core.protobuf import meta_graph_pb2

    return _parse(meta_graph_pb2.MetaGraphDef(), content)


def parse_function(content: bytes) -> Any:
    """Returns a FunctionDef message, None if the bytes are none."""
    from tensorflow.core.framework import function_pb2

    return _parse(function_pb2.FunctionDef(), content)


def parse_registered_gradient(content: bytes) -> Any:
    """Returns a RegisteredGradient message, None if the bytes are none."""
    from tensorflow.core.framework import function_pb2

    return _parse(function_pb2.RegisteredGradient(), content)


def _parse(message: Any, content: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    return message


def debug_information(path: str) -> Any:
    """Returns a directory's GraphDebugInfo message, empty where it has none. Seen in 2.15, 2.21."""
    from tensorflow.core.framework import graph_debug_info_pb2
    from tensorflow.python.saved_model import constants, path_helpers

    tf = import_tensorflow()
    information = graph_debug_info_pb2.GraphDebugInfo()
    file = os.path.join(tf.compat.as_str(path_helpers.get_debug_dir(path)), constants.DEBUG_INFO_FILENAME_PB)
    if tf.io.gfile.exists(file):
        with tf.io.gfile.GFile(file, "rb") as content:
            information.ParseFromString(content.read())
    return information


def saved_model_around(metagraph: Any) -> Any:
    """Returns what the loader reads of a SavedModel message: its MetaGraph. Seen in 2.15, 2.21."""
    return types.SimpleNamespace(meta_graphs=[metagraph])


def checkpoint_options(options: Any) -> Any:
    """The options for reading the variables of a model that is loaded with these `LoadOptions`."""
    # Its public name tf.train.CheckpointOptions takes the same. Seen in 2.15, 2.21.
    return import_tensorflow().train.CheckpointOptions(experimental_io_device=options.experimental_io_device)


def is_captured_weakly(obj: Any) -> bool:
    """Whether functions refer to what they capture of it weakly: a variable, a table or another resource."""
    # An asset is a path, and a constant is a tensor: functions hold them.
    from tensorflow.python.trackable import asset, base  # Seen in 2.15, 2.21.

    return isinstance(obj, (base.Trackable, import_tensorflow().Variable)) and not isinstance(obj, asset.Asset)


def restored_function(proto: Any, candidates: dict[str, Any], traces: list[Any]) -> Any:
    """Makes the function of a SavedFunction message. Seen in 2.15, 2.21.

    Args:
        proto: the message.
        candidates: what stands for each trace, by its name, when a call chooses among them and calls one.
        traces: the traces themselves.
    """
    from tensorflow.python.saved_model import function_deserialization

    # TensorFlow sets up the traces that it finds in the message. It looks at them again in each call: there they are.
    names = list(proto.concrete_functions)
    del proto.concrete_functions[:]
    function = function_deserialization.recreate_function(proto, candidates)
    proto.concrete_functions.extend(names)
    function.concrete_functions.extend(traces)
    return function


def restored_function_class() -> Any:
    """The class of a restored model's functions. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.function_deserialization").RestoredFunction


def type_by_spec(proto: Any, structure: tuple[Any, Any], captures: Any) -> Any:
    """Returns the type of a concrete function whose arguments a FunctionSpec message names. Seen in 2.15, 2.21.

    Args:
        proto: the message.
        structure: the function's structured inputs and outputs.
        captures: the types of what it captures.
    """
    from tensorflow.core.function.polymorphism import function_type
    from tensorflow.python.saved_model import function_deserialization

    class Typed:
        structured_input_signature = structure[0]
        structured_outputs = structure[1]
        _function_type: Any = None

    Typed.graph = Typed  # type: ignore[attr-defined]
    spec = function_deserialization._deserialize_function_spec_as_nonmethod(proto)
    function_deserialization.set_preinitialized_function_spec(Typed, spec)
    kind = Typed._function_type
    if kind is None:
        return None
    return function_type.FunctionType(kind.parameters.values(), captures, return_annotation=kind.output)


def type_by_structure(structure: tuple[Any, Any]) -> Any:
    """Returns the type of a concrete function, without what it captures, that takes and returns what is written.

    Seen in 2.15, 2.21.
    """
    from tensorflow.core.function.polymorphism import function_type

    return function_type.from_structured_signature(*structure, {})


def capture_types(concrete: Any) -> Any:
    """The types of what a concrete function captures. Seen in 2.15, 2.21."""
    return concrete.graph.function_captures.capture_types


def has_handles(kind: Any) -> bool:
    """Whether a function of a type returns resources or variants, of which TensorFlow keeps more than their type."""
    tf = import_tensorflow()
    # Seen in 2.15, 2.21.
    return any(output.dtype in (tf.resource, tf.variant) for output in kind.flat_outputs)


def captured_tensor(obj: Any) -> Any:
    """Returns what a function takes of an object that it captures: a handle, or the tensor. Seen in 2.15, 2.21."""
    from tensorflow.core.function.capture import restore_captures

    return restore_captures.get_tensor_from_node(obj)


def calls_run_at_once() -> bool:
    """Whether a function that is called now does nothing but to run, and nobody looks on: in eager mode, without a
    tape, outside of strategies. Seen in 2.15, 2.21.
    """
    from tensorflow.python.eager import context, record

    now = context.context()
    return (
        now.executing_eagerly()
        and not record.could_possibly_record()
        and not now.op_callbacks
        and not import_tensorflow().distribute.has_strategy()
    )


def is_watched(tensors: list[Any]) -> bool:
    """Whether a tape or a `tf.autodiff.ForwardAccumulator` follows what is computed of tensors."""
    from tensorflow.python.ops import gradients_util  # Seen in 2.15, 2.21.

    possible = gradients_util.PossibleTapeGradientTypes(tensors)
    return bool(possible != gradients_util.POSSIBLE_GRADIENT_TYPES_NONE)


def bind(function: Any, kind: Any, args: Any, kwargs: Any) -> list[Any] | None:
    """Returns the tensors that a call's arguments are to a concrete function of a type; None where they do not fit.

    A function that is a signature takes them one tensor after the other too. Seen in 2.15, 2.21.
    """
    from tensorflow.python.eager.polymorphic_function import function_type_utils

    try:
        bound = function_type_utils.canonicalize_function_inputs(args, kwargs, kind)
        return list(kind.unpack_inputs(bound))
    except (TypeError, ValueError):
        keywords = vars(function).get("_arg_keywords")
        if keywords is None or len(args) > vars(function)["_num_positional_args"]:
            return None
    tensors = [*args, *(kwargs.get(keyword) for keyword in keywords[len(args) :])]
    fits = len(tensors) == len(args) + len(kwargs) and all(import_tensorflow().is_tensor(each) for each in tensors)
    return tensors if fits else None


def plain_inputs(function: Any, args: Any, kwargs: Any) -> Any:
    """Returns a call's arguments as the traces of a restored function take them, NumPy's arrays as tensors.

    None where it takes TensorFlow to say what they are, or what is wrong with them. Seen in 2.15, 2.21.
    """
    import numpy as np
    from tensorflow.python.eager.polymorphic_function import function_type_utils

    if function._jit_compile:
        return None
    try:
        bound = function_type_utils.canonicalize_function_inputs(
            args, kwargs, function._function_type, function._default_values, function._is_pure
        )
    except (TypeError, ValueError):
        return None
    tf = import_tensorflow()
    inputs = (bound.args, bound.kwargs)
    leaves = tf.nest.flatten(inputs)
    plain = (bool, int, float, str, bytes, type(None), tf.RaggedTensor, tf.SparseTensor)
    is_array = [isinstance(leaf, np.ndarray) for leaf in leaves]
    if not all(
        array or isinstance(leaf, plain) or (tf.is_tensor(leaf) and not isinstance(leaf, tf.Variable))
        for leaf, array in zip(leaves, is_array)
    ):
        return None
    if any(is_array):
        leaves = [tf.convert_to_tensor(leaf) if array else leaf for leaf, array in zip(leaves, is_array)]
        inputs = tf.nest.pack_sequence_as(inputs, leaves)
    return inputs


def is_callable_with(trace: Any, inputs: Any) -> bool:
    """Whether a trace takes inputs as they are. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import function_deserialization

    return bool(function_deserialization._concrete_function_callable_with(trace, inputs, allow_conversion=False))


def call_trace(trace: Any, inputs: Any) -> Any:
    """Calls a trace with inputs that it takes. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import function_deserialization

    return function_deserialization._call_concrete_function(trace, inputs)


class RegisteredFunction:
    """A function that TensorFlow's runtime knows by a name, called eagerly. Seen in 2.15, 2.21.

    Grappler, which rewrites its graph in the first call, goes over it once. TensorFlow has it go twice, unless told
    otherwise; what the second pass finds has been worth less than it takes (`python benchmarks/load.py`). On CPUs it
    leaves out what is for other devices.

    Args:
        name: the name.
        kind: its type, which says how its outputs are packed.
    """

    children = ()

    def __init__(self, name: str, kind: Any) -> None:
        from tensorflow.python.eager import context
        from tensorflow.python.eager.polymorphic_function import atomic_function

        self.name = name.encode()
        self._kind = kind
        self._number_of_outputs = len(kind.flat_outputs)
        self._context = context.context()
        self._explain_errors = atomic_function.InterpolateRuntimeError(self)
        self._runs_on_cpus = has_only_cpus()

    @property
    def graph_debug_info(self) -> Any:
        """Where its ops were defined, as far as is known; for messages of errors."""
        return self._context.get_graph_debug_info(self.name)

    def __call__(self, tensors: list[Any]) -> Any:
        """Runs it; returns its outputs in their structure."""
        with self._explain_errors, _rewritten_quickly(self._context, self._runs_on_cpus):
            outputs = self._context.call_function(self.name, tensors, self._number_of_outputs)
        return self._kind.pack_output(outputs)


@contextlib.contextmanager
def _rewritten_quickly(context: Any, on_cpus: bool) -> Iterator[None]:
    """Has Grappler do no more than is of use to the functions that this thread calls for the first time."""
    usual = context.function_call_options
    context.function_call_options = _quick_options(usual.executor_type, usual.config_proto_serialized, on_cpus)
    try:
        yield
    finally:
        context.function_call_options = usual


@functools.lru_cache(maxsize=16)
def _quick_options(executor: str, config: bytes, on_cpus: bool) -> Any:
    """Options by which Grappler goes over a graph once; as the user says, where he says something.

    On CPUs its passes for layouts and memory, and MLIR's, take a third of its time and change nothing that runs.
    """
    from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
    from tensorflow.python.eager import context

    rewriter = rewriter_config_pb2.RewriterConfig
    changed = config_pb2.ConfigProto.FromString(config)
    rewriting = changed.graph_options.rewrite_options
    if rewriting.meta_optimizer_iterations == rewriter.DEFAULT_NUM_ITERS:
        rewriting.meta_optimizer_iterations = rewriter.ONE
    if on_cpus:
        if rewriting.layout_optimizer == rewriter.DEFAULT:
            rewriting.layout_optimizer = rewriter.OFF
        if rewriting.memory_optimization == rewriter.DEFAULT_MEM_OPT:
            rewriting.memory_optimization = rewriter.NO_MEM_OPT
        rewriting.disable_tfg_optimizer = True
    return context.FunctionCallOptions(executor, changed)


class OpTraits:
    """What of an op's attributes is to be changed when it is loaded into a program.

    Attributes:
        functions: the attributes that name functions.
        shared_name: what a missing name of the resource that it shares stands for; None for an op without such names.
    """

    def __init__(self, op: str) -> None:
        from tensorflow.python.framework import op_def_registry  # Seen in 2.15, 2.21.

        definition = op_def_registry.get(op)
        attributes = [] if definition is None else definition.attr
        self.functions = tuple(each.name for each in attributes if each.type in ("func", "list(func)"))
        defaults = [each.default_value.s for each in attributes if each.name == "shared_name"]
        self.shared_name = defaults[0] if defaults else None


@functools.lru_cache(maxsize=None)
def op_traits(op: str) -> OpTraits:
    """What of an op's attributes is to be changed when it is loaded into a program."""
    return OpTraits(op)


def user_object_class() -> Any:
    """Makes a class for one object of a restored model, as the loader does. Seen in 2.15, 2.21."""
    return type(loader_class()._recreate_base_user_object(None)[0])


def call_attribute(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Calls a restored object by its attribute `__call__`. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.load")._call_attribute(obj, *args, **kwargs)


def is_plain_object(proto: Any) -> bool:
    """Whether the object of a SavedUserObject message is of no class of its own."""
    return proto.identifier != "optimizer" and proto.identifier not in _revived_types().registered_identifiers()


@functools.lru_cache(maxsize=1)
def _revived_types() -> Any:
    # It is asked for each of thousands of objects: an import statement for each would take longer than the answer.
    return importlib.import_module("tensorflow.python.saved_model.revived_types")  # Seen in 2.15, 2.21.


def revived_optimizer(proto: Any) -> Any:
    """Returns the optimizer of a SavedUserObject message, with what sets its parts, by the Keras that is imported.

    None for other objects, and where no Keras is imported that has one. TensorFlow's loader imports `tf_keras` in any
    case, which breaks `custom_objects=` of another Keras 2 that is in use. Seen in 2.15, 2.21.
    """
    return _revived_types().deserialize(proto) if proto.identifier == "optimizer" else None


def is_collection(proto: Any) -> bool:
    """Whether the object of a SavedUserObject message is a list or a dict. Seen in 2.15, 2.21."""
    return proto.identifier in ("trackable_list_wrapper", "trackable_dict_wrapper")


def restored_collection(proto: Any) -> Any:
    """Makes an empty list or dict as a restored model has it, and what sets its members. Seen in 2.15, 2.21."""
    return _revived_types().deserialize(proto)


def fill_collection(members: Any, setter: Any, parts: Iterable[tuple[str, Any]]) -> None:
    """Gives an empty list or dict of a restored model its members, by their names. Seen in 2.15, 2.21."""
    from tensorflow.python.trackable import data_structures

    parts = list(parts)
    is_list = isinstance(members, data_structures.List)
    if is_list and all(name == str(index) for index, (name, _) in enumerate(parts)):
        # TensorFlow's own setter copies the list for each.
        for _, part in parts:
            data_structures.List.append(members, part)
        members._update_snapshot()
    else:
        for name, part in parts:
            setter(members, name, part)


def can_make_variables(options: Any) -> bool:
    """Whether the variables of a model are plain ones of this machine, whose making is nobody else's affair.

    Seen in 2.15, 2.21.
    """
    from tensorflow.python.eager import context
    from tensorflow.python.framework import ops

    return (
        context.executing_eagerly()
        and not ops.get_default_graph()._variable_creator_stack
        and not options.experimental_variable_policy._save_variable_devices()
        and not options.experimental_skip_checkpoint
        and not options.allow_partial_checkpoint
        and options.experimental_io_device is None
    )


def has_only_cpus() -> bool:
    """Whether all that is made without a device's name is made on the only kind of device there is."""
    from tensorflow.python.eager import context

    devices = import_tensorflow().config.list_logical_devices()
    return not context.context().device_name and all(device.device_type == "CPU" for device in devices)


class VariableMaker:
    """Makes the variables of SavedVariable messages as TensorFlow's loader does, in less time. Seen in 2.15, 2.21.

    They have no values yet.

    A kernel is made for each set of an op's attributes. TensorFlow gives the op that makes a variable the variable's
    name, for messages about variables without values; these will have values.
    """

    def __init__(self) -> None:
        from tensorflow.python.eager import context
        from tensorflow.python.framework import ops
        from tensorflow.python.ops import gen_resource_variable_ops, handle_data_util, resource_variable_ops, variables

        self._tf = import_tensorflow()
        self._uid = ops.uid
        self._make_handle = gen_resource_variable_ops.var_handle_op
        self._resource_variable_ops = resource_variable_ops
        self._new_handle_data = handle_data_util.create_handle_data
        self._validate = variables.validate_synchronization_aggregation_trainable
        self._anonymous = context.anonymous_name()
        self._container = ops.get_default_graph()._container or ""
        self._scope = context.context().scope_name or ""
        self._kinds: dict[Any, Any] = {}

    def make(self, proto: Any) -> Any:
        """Makes a variable that has no value yet."""
        synchronization, aggregation, trainable = self._validate(
            proto.synchronization, proto.aggregation, proto.trainable, name=proto.name
        )
        # What name_scope makes of a name in eager mode: one that ends with a slash is absolute.
        name = proto.name or "Variable"
        name = name[:-1] if name.endswith("/") else self._scope + name
        shape, dtype, handle_data = self._kind(proto)
        handle = self._make_handle(
            dtype=dtype,
            shape=shape,
            shared_name=self._anonymous,
            debug_name="rehub",
            container=self._container,
        )
        kind = self._resource_variable_ops.UninitializedVariable
        variable = kind.__new__(kind)
        handle._handle_data = handle_data
        handle._parent_trackable = weakref.ref(variable)
        handle._name = f"{name}:0"
        handle._unique_id = f"{name}_{self._uid()}"
        variable._in_graph_mode = False
        self._resource_variable_ops.BaseResourceVariable.__init__(
            variable,
            trainable=trainable,
            shape=shape,
            dtype=dtype,
            handle=handle,
            synchronization=synchronization,
            aggregation=aggregation,
            unique_id=handle._unique_id,
            handle_name=name,
            in_graph_mode=False,
        )
        return variable

    def _kind(self, proto: Any) -> Any:
        """The shape and type of a variable, and what its handle says of them in Python: one for all that are alike."""
        key = (proto.dtype, proto.shape.SerializeToString(deterministic=True))
        if key not in self._kinds:
            shape, dtype = self._tf.TensorShape(proto.shape), self._tf.as_dtype(proto.dtype)
            self._kinds[key] = shape, dtype, self._new_handle_data(shape, dtype)
        return self._kinds[key]


_PLAINLY = threading.Lock()
_plainly = 0  # How many threads want it so.


@contextlib.contextmanager
def ops_run_plainly() -> Iterator[None]:
    """Has TensorFlow run an op that it runs for the first time as it is, not as a function around it.

    To make the function takes it 0.35 ms for each set of attributes and of shapes of resources, the kernel alone
    0.02 ms. It is a setting of the process: another thread's ops run so too in the meantime, with the same results.
    Seen in 2.15, 2.21.
    """
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager import context

    global _plainly  # noqa: PLW0603  TensorFlow's setting is one for all, and cannot be asked for.
    now = context.context()
    now.ensure_initialized()
    with _PLAINLY:
        _plainly += 1
        pywrap_tfe.TFE_ContextSetRunEagerOpAsFunction(now._handle, False)
    try:
        yield
    finally:
        with _PLAINLY:
            _plainly -= 1
            if not _plainly:
                pywrap_tfe.TFE_ContextSetRunEagerOpAsFunction(now._handle, True)


def bytes_of_variable(proto: Any) -> int:
    """How many bytes the value of a SavedVariable message takes, about."""
    size: int = import_tensorflow().as_dtype(proto.dtype).size
    for dimension in proto.shape.dim:
        size *= max(1, dimension.size)
    return size


def assign(variable: Any, value: Any) -> None:
    """Gives a variable a value, whose memory it shares from then on. Seen in 2.15, 2.21."""
    from tensorflow.python.ops import gen_resource_variable_ops

    gen_resource_variable_ops.assign_variable_op(variable.handle, value)


def read_values(prefix: str, keys: list[str], dtypes: list[int]) -> list[Any]:
    """Reads tensors of a checkpoint by their keys, on the CPU; in any thread. Seen in 2.15, 2.21."""
    from tensorflow.python.eager import context

    tf = import_tensorflow()
    with context.eager_mode(), tf.device("CPU"):
        return list(
            tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=keys, shape_and_slices=[""] * len(keys), dtypes=dtypes)
        )


def variables_path(path: str) -> str:
    """The prefix of the files with a SavedModel's variables. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import path_helpers

    return str(path_helpers.get_variables_path(path))


class Checkpoint:
    """A checkpoint of objects, before anything of it is restored. Seen in 2.15, 2.21."""

    def __init__(self, prefix: str) -> None:
        from tensorflow.core.protobuf import trackable_object_graph_pb2
        from tensorflow.python.training import py_checkpoint_reader

        reader = py_checkpoint_reader.NewCheckpointReader(prefix)
        self._objects = trackable_object_graph_pb2.TrackableObjectGraph()
        if reader.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"):
            self._objects.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        self._shapes = reader.get_variable_to_shape_map()
        self._dtypes = reader.get_variable_to_dtype_map()

    def matched(self, nodes: Any) -> dict[int, Any]:
        """Returns the attributes that are kept here of nodes of a SavedObjectGraph, which are found by their names.

        Of nodes without attributes there is nothing.
        """
        found: dict[int, Any] = {}
        seen = {0}
        to_visit = [(0, 0)] if self._objects.nodes else []
        while to_visit:
            node_id, kept_id = to_visit.pop()
            kept = self._objects.nodes[kept_id]
            if kept.attributes:
                found[node_id] = kept.attributes
            kept_children = {child.local_name: child.node_id for child in kept.children}
            if not kept_children:
                continue
            for child in nodes[node_id].children:
                child_id = child.node_id
                if child_id not in seen and child.local_name in kept_children:
                    seen.add(child_id)
                    to_visit.append((child_id, kept_children[child.local_name]))
        return found

    def fits(self, key: str, proto: Any) -> bool:
        """Whether the value under a key is one for the variable of a SavedVariable message."""
        tf = import_tensorflow()
        if key not in self._shapes or tf.as_dtype(proto.dtype) != self._dtypes[key]:
            return False
        return bool(tf.TensorShape(proto.shape).is_compatible_with(self._shapes[key]))


class _FunctionInternals:
    """The steps by which TensorFlow makes concrete functions of FunctionDefs. Seen in 2.15, 2.21."""

    def __init__(self) -> None:
        from tensorflow.core.function.capture import restore_captures
        from tensorflow.python.eager import context
        from tensorflow.python.framework import function_def_to_graph, ops
        from tensorflow.python.ops import custom_gradient
        from tensorflow.python.saved_model import function_deserialization, nested_structure_coder

        self.ops = ops
        self._context = context
        self.new_gradient_name = custom_gradient.generate_name
        self.decode_structure = nested_structure_coder.decode_proto
        self.functions_needed = function_deserialization._list_function_deps
        self.rename = function_deserialization._fix_fdef_in_place
        self.graph_of = function_def_to_graph.function_def_to_graph
        self.restore_gradients = function_deserialization._restore_gradient_functions
        self.restore_captures = restore_captures.restore_captures
        self._gradient_of = function_deserialization._gen_gradient_func

    def concrete_function(self, graph: Any, definition: Any) -> Any:
        """Wraps a graph that was made of a FunctionDef."""
        from tensorflow.core.function.polymorphism import function_type
        from tensorflow.python.eager import function

        # The shapes of inputs that are recorded there can be at odds with those of the graph.
        definition.attr.pop("_input_shapes", None)
        kind = function_type.from_structured_signature(
            graph.structured_input_signature, graph.structured_outputs, graph.function_captures.capture_types
        )
        concrete = function.ConcreteFunction.from_func_graph(graph, kind, attrs=definition.attr)
        return build_gradients_in_turn(restored_concrete_function_class()(concrete))

    def add_function(self, definition: Any) -> None:
        """Makes a FunctionDef known to the runtime."""
        self._context.context().add_function_def(definition)

    def remove_function(self, name: str) -> None:
        """Has the runtime forget a function, if it still knows it."""
        context = self._context.context()
        if context.has_function(name):
            context.remove_function(name)

    def register_gradient(self, op_type: str, concrete: Any) -> None:
        """Lets a concrete function be the gradient of ops that are marked with a type."""
        self.ops.RegisterGradient(op_type)(self._gradient_of(concrete))


@functools.lru_cache(maxsize=None)
def function_internals() -> _FunctionInternals:
    """The steps by which TensorFlow makes concrete functions of FunctionDefs."""
    return _FunctionInternals()


# --- Gradients in threads ----------------------------------------------------------------------------------------

# TensorFlow builds what differentiates a function when it is first called under a tape, or when that tape computes,
# and changes the function's graph while it does. It takes no lock: threads that do so at once fail, for example with
# "'NoneType' object is not iterable" (concrete_function.py: _DelayedRewriteGradientFunctions, _TapeGradientFunctions).
# One lock for the process, as functions share functions that they call. It is never held while a function runs.
_BUILDING_GRADIENT = threading.RLock()


def build_gradients_in_turn(concrete: Any) -> Any:
    """Has threads wait for each other while they build gradients of a concrete function; returns that function.

    So it is for the functions that are built of it, for gradients of gradients, and for each `tf.function` that calls
    it. Functions that it calls need no turns of their own: their gradients are built as parts of its own.
    TensorFlow 1.15 has other functions, which stay as they are. Seen in 2.15, 2.21.
    """
    select = getattr(type(concrete), "_select_forward_and_backward_functions", None)
    if select is not None and "possible_gradient_type" in inspect.signature(select).parameters:
        with _BUILDING_GRADIENT:
            of_graphs = vars(concrete).get("_delayed_rewrite_functions")
            if of_graphs is not None:
                functions_class: Any = type(of_graphs)
                of_graphs.__class__ = _class_of_graph_gradients(functions_class)
                concrete.__class__ = class_with_gradients_in_turn(type(concrete))
    return concrete


def build_gradients_of_trace_in_turn() -> None:
    """Does as `build_gradients_in_turn` for each `tf.function` that is being traced in this thread."""
    from tensorflow.python.framework import ops

    _watch_traces()
    graph = ops.get_default_graph()
    while graph is not None and not getattr(graph, _IN_TURN, False):
        setattr(graph, _IN_TURN, True)
        graph = getattr(graph, "outer_graph", None)


_IN_TURN = "_rehub_gradients_in_turn"


@functools.lru_cache(maxsize=None)
def _watch_traces() -> None:
    # Called with each new trace of a `tf.function`, before another thread can have it. Seen in 2.15, 2.21.
    try:
        from tensorflow.python.eager.polymorphic_function import transform
    except ImportError:
        return
    transform.CONCRETE_FUNCTION_CALLBACKS.append(_after_trace)


def _after_trace(concrete: Any) -> None:
    if getattr(concrete.graph, _IN_TURN, False):
        build_gradients_in_turn(concrete)


def class_with_gradients_in_turn(concrete_class: Any) -> Any:
    """Returns a class of concrete functions as one whose gradients are built by one thread at a time."""
    with _BUILDING_GRADIENT:
        return _class_in_turn(concrete_class)


@functools.lru_cache(maxsize=None)
def _class_in_turn(concrete_class: Any) -> Any:
    if hasattr(concrete_class, "_rehub_in_turn"):
        return concrete_class

    class InTurn(concrete_class):  # type: ignore[misc]
        _rehub_in_turn = True

        def _select_forward_and_backward_functions(
            self, args: Any, possible_gradient_type: Any, executing_eagerly: bool
        ) -> Any:
            if not executing_eagerly:
                build_gradients_of_trace_in_turn()
            with _BUILDING_GRADIENT:
                call = super()._select_forward_and_backward_functions(args, possible_gradient_type, executing_eagerly)
                call.forward()  # Builds, where that is to be done; TensorFlow asks again for what is there then.
                backward = vars(call._functions).get("_backward")
                if backward is not None:
                    build_gradients_in_turn(backward)
            return call

        def prune(self, *args: Any, **kwargs: Any) -> Any:
            return build_gradients_in_turn(super().prune(*args, **kwargs))

    if not hasattr(concrete_class, "prune"):  # Functions of graphs of TF1 have it.
        del InTurn.prune
    InTurn.__name__, InTurn.__qualname__ = concrete_class.__name__, concrete_class.__qualname__
    InTurn.__module__ = concrete_class.__module__
    return InTurn


@functools.lru_cache(maxsize=None)
def _class_of_graph_gradients(functions_class: Any) -> Any:
    """Does the same for what builds the gradients of a function's calls in graphs."""
    if hasattr(functions_class, "_rehub_in_turn"):
        return functions_class

    class InTurn(functions_class):  # type: ignore[misc]
        _rehub_in_turn = True

        def forward_backward(self, *args: Any) -> Any:
            with _BUILDING_GRADIENT:
                forward, backward = super().forward_backward(*args)
                return forward, build_gradients_in_turn(backward)

        def _rewrite_forward_and_call_backward(self, op: Any, *doutputs: Any) -> Any:
            with _BUILDING_GRADIENT:
                return super()._rewrite_forward_and_call_backward(op, *doutputs)

    return InTurn


# --- Freezing ----------------------------------------------------------------------------------------------------


_FREEZING_MODULES = {
    "tensorflow.python.framework.convert_to_constants": ("convert_variables_to_constants_v2",),
    "tensorflow.python.grappler.tf_optimizer": ("OptimizeGraph",),
    "tensorflow.python.saved_model.function_serialization": ("serialize_function",),
}


def unexpected_freezing_internals() -> str | None:
    """What of TensorFlow is not as optimizing needs it; None if all is. As seen in 2.15, 2.21."""
    return unexpected_loader_internals() or missing_name(_FREEZING_MODULES)


def with_constants(concrete: Any) -> Any:
    """Returns a concrete function of one graph, in which the values of the variables are constants.

    Conditionals and loops stay as they are: TensorFlow lowers them when it runs the function. The functions that it
    calls are inlined, also those whose ops with a state are not tied to their results, as in graphs of TF1: in others
    the converter leaves lookups in variables as they are, and fails. Seen in 2.15, 2.21.
    """
    from tensorflow.python.framework import convert_to_constants

    return convert_to_constants.convert_variables_to_constants_v2(
        concrete, lower_control_flow=False, aggressive_inlining=True
    )


def in_bfloat16(graph_def: Any, kept: Iterable[str]) -> Any:
    """Returns a graph in which what gains by it is computed in bfloat16 on CPUs, its constants included.

    Grappler does it, which TensorFlow otherwise has do so for a whole process. Seen in 2.15, 2.21.

    Args:
        graph_def: a graph without variables.
        kept: the names of tensors that go in and come out; they stay as they are.
    """
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    config = config_pb2.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    # Batch norm's constants are computed before they lose bits, and casts of constants after that. Then nothing waits
    # for the constants that these were made of, and they can go.
    rewriting.optimizers.extend(
        ["constfold", "auto_mixed_precision_onednn_bfloat16", "constfold", "dependency", "pruning"]
    )
    rewriting.min_graph_nodes = -1
    meta_graph = meta_graph_pb2.MetaGraphDef(graph_def=graph_def)
    # What this collection names, Grappler keeps.
    meta_graph.collection_def["train_op"].node_list.value.extend(kept)
    return tf_optimizer.OptimizeGraph(config, meta_graph)


def take_tensors_as(concrete: Any, like: Any) -> None:
    """Lets a concrete function be called with one tensor after the other as another one is. Seen in 2.15, 2.21."""
    concrete._arg_keywords = like._arg_keywords
    concrete._num_positional_args = like._num_positional_args
    if hasattr(like, "_rehub_names"):
        concrete.graph.structured_input_signature = like.structured_input_signature
        concrete._arg_keywords = list(like._rehub_names)
        accept_all_names(concrete)


def saved_function_message(function: Any, names: list[str]) -> Any:
    """Returns the SavedFunction message of a function, with traces of these names. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import function_serialization

    message = function_serialization.serialize_function(function, [])
    message.concrete_functions.extend(names)
    return message


# --- Functions and specs, for KerasLayer -------------------------------------------------------------------------


def is_concrete_function(candidate: Any) -> bool:
    """Whether it is one graph of a `tf.function`, such as a signature."""
    # Seen in 1.15 (eager/function.py), 2.15, 2.21 (eager/polymorphic_function/concrete_function.py). The class of
    # public name tf.types.experimental.ConcreteFunction is missing in 1.15.
    return any(base.__name__ == "ConcreteFunction" for base in type(candidate).__mro__)


def call_method(candidate: Any) -> Any:
    """What a call of the object runs: its own attribute `__call__`, as in a restored object, else itself."""
    return vars(candidate)["__call__"] if "__call__" in getattr(candidate, "__dict__", {}) else candidate


def argument_names(function: Any) -> list[str]:
    """The names of a callable's arguments, `self` left out; none for a concrete function, whose arguments are
    tensors, and for a callable that does not tell.
    """
    if is_concrete_function(function):
        return []
    # It sees through the decorators of tf.function and of restored functions. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.util import tf_inspect

    is_function = inspect.isroutine(function) or hasattr(function, "get_concrete_function")
    target = function if is_function else function.__call__
    try:
        spec = tf_inspect.getfullargspec(target)
    except TypeError:  # a callable written in C
        return []
    names = [*spec.args, *spec.kwonlyargs]
    return names[1:] if inspect.ismethod(target) else names


def bind_arguments(function: Any, args: Any, kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the positional and the keyword arguments by which a restored function chooses among its traces: in its
    own order, its default values added.

    Raises:
        TypeError: a required argument is missing, or it has no argument of some name.
    """
    if hasattr(function, "_function_type"):  # Seen in 2.15, 2.21.
        from tensorflow.core.function.polymorphism import function_type
        from tensorflow.python.eager.polymorphic_function import function_type_utils

        # Without its input signature, to which it would convert the arguments.
        parameters = function._function_type.parameters.values()
        unconstrained = function_type.FunctionType(
            [function_type.Parameter(each.name, each.kind, each.optional, None) for each in parameters]
        )
        try:
            bound = function_type_utils.bind_function_inputs(
                tuple(args), dict(kwargs), unconstrained, function._default_values
            )
        except TypeError as error:
            raise TypeError(str(error.__cause__ or error)) from error
        return tuple(bound.args), dict(bound.kwargs)
    # Seen in 1.15.
    spec = type(function._function_spec)(function._function_spec.fullargspec, False, [], {}, None)
    # It would make tensors of arrays.
    hidden_args = [_Hidden(value) for value in args]
    hidden_kwargs = {name: _Hidden(value) for name, value in kwargs.items()}
    try:
        positional, keywords = spec.canonicalize_function_inputs(*hidden_args, **hidden_kwargs)
    except AssertionError as error:
        raise TypeError(str(error)) from error
    return tuple(map(_shown, positional)), {name: _shown(value) for name, value in keywords.items()}


class _Hidden:
    def __init__(self, value: Any) -> None:
        self.value = value


def _shown(value: Any) -> Any:
    return value.value if isinstance(value, _Hidden) else value


def arguments_fit(expected: Any, given: Any, converts_arrays: bool, allow_conversion: bool) -> bool:
    """Whether a trace takes arguments, asked of what TensorFlow's restored functions ask.

    Args:
        expected: a nest of specs and of values that were fixed when tracing.
        given: the arguments.
        converts_arrays: whether NumPy's arrays become tensors of their own dtype before traces are looked at: where
            the function has no input signature.
        allow_conversion: whether Python's values may become tensors where the trace expects some.
    """
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.saved_model import function_deserialization

    if converts_arrays:
        given = import_tensorflow().nest.map_structure(_array_as_tensor, given)
    trace = types.SimpleNamespace(graph=types.SimpleNamespace(structured_input_signature=expected))
    return bool(function_deserialization._concrete_function_callable_with(trace, given, allow_conversion))


def _array_as_tensor(value: Any) -> Any:
    import numpy as np

    # TF2 counts NumPy's scalars among the arrays, but not its strings. Seen in 1.15, 2.15, 2.21.
    is_scalar = isinstance(value, np.generic) and not isinstance(value, np.str_) and tensorflow_version() >= (2, 0)
    return import_tensorflow().convert_to_tensor(value) if isinstance(value, np.ndarray) or is_scalar else value


def has_input_signature(function: Any) -> bool:
    """Whether a restored function was made with `input_signature=`, to which it converts its arguments."""
    # Public since 2.5 or so; in 1.15 the FunctionSpec has it. Seen in 1.15, 2.15, 2.21.
    if hasattr(function, "_function_spec") and hasattr(function._function_spec, "input_signature"):
        return function._function_spec.input_signature is not None
    return getattr(function, "input_signature", None) is not None


def traces_can_run_alone(function: Any) -> bool:
    """Whether a restored function's traces can be called without it: not if it asks for XLA, which they do not know."""
    # jit_compile of tf.function is the attribute _jit_compile. Seen in 2.15, 2.21; 1.15 has no such argument.
    return not getattr(function, "_jit_compile", None)


def call_with_tensors(concrete: Any, inputs: Any) -> Any:
    """Calls a trace that takes the tensors of `inputs` and nothing else; returns its outputs in their structure.

    It is what TensorFlow's restored function does after it has chosen the trace, and skips the tracing of a function
    around it (saved_model/function_deserialization.py, _call_concrete_function). Seen in 1.15, 2.15, 2.21.
    """
    tf = import_tensorflow()
    tensors = [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(inputs, expand_composites=True)]
    return concrete._call_flat(tensors, concrete.captured_inputs)


def type_spec_of(value: Any) -> Any:
    """The spec of a RaggedTensor, SparseTensor or other composite tensor; of a spec, itself; else None."""
    tf = import_tensorflow()
    if isinstance(value, (tf.TypeSpec, tf.TensorSpec)):
        return value
    # tf.type_spec_from_value is missing in 1.15. Seen in 1.15, 2.15, 2.21.
    return None if hasattr(value, "handle") else getattr(value, "_type_spec", None)


def static_bool(value: Any) -> bool | None:
    """A Python bool, number, None (for False) or constant tensor as a bool; None for a tensor known only when run."""
    if value is None or not hasattr(value, "dtype"):
        return bool(value)
    # In 2.x this is tf.get_static_value. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import tensor_util

    constant = tensor_util.constant_value(import_tensorflow().convert_to_tensor(value))
    return None if constant is None else bool(constant)


# --- XLA ---------------------------------------------------------------------------------------------------------


def has_xla_kernel(op: str) -> bool:
    """Whether XLA can compile an op of this name."""
    _register_xla_kernels()
    # Seen in 2.15, 2.21.
    from tensorflow.python.framework import kernels

    registered = kernels.get_registered_kernels_for_op(op).kernel
    return any(kernel.device_type.startswith("XLA_") and kernel.device_type.endswith("_JIT") for kernel in registered)


@functools.lru_cache(maxsize=None)
def _register_xla_kernels() -> None:
    """XLA adds its kernels to the registry when it compiles something for the first time."""
    tf = import_tensorflow()
    with tf.init_scope():
        tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(0.0))


def handles_strings(node: Any) -> bool:
    """Whether a node of a GraphDef takes or makes strings."""
    string = import_tensorflow().string.as_datatype_enum
    return any(attr.type == string or string in attr.list.type for attr in node.attr.values())


# --- Keras -------------------------------------------------------------------------------------------------------


def keras_is_calling(package: str) -> bool:
    """Whether a layer or model of this Keras, `keras` (3) or `tf_keras`, is being called in this thread just now."""
    if package == "tf_keras":
        # tf_keras/src in tf_keras 2.16 to 2.21.
        contexts = sys.modules.get("tf_keras.src.engine.base_layer_utils")
        return contexts is not None and bool(contexts.call_context().in_call)
    # keras/src in Keras 3.0 to 3.15; Keras 2, of TensorFlow 2.15, is in the package `keras` too but has no such module.
    state = sys.modules.get("keras.src.backend.common.global_state")
    return state is not None and state.get_global_attribute("current_call_ctx") is not None


def keras_loads_in_safe_mode(keras: Any) -> bool:
    """Whether Keras is making objects from configs in its safe mode just now; never in versions that have none."""
    library = _serialization_lib(keras)
    return library is not None and library.in_safe_mode() is True


def keras_2_loads_file(keras: Any) -> bool:
    """Whether Keras 2 is reading a `.keras` file just now; it shares objects only within files."""
    library = _serialization_lib(keras)
    return library is not None and getattr(library.SHARED_OBJECTS, "enabled", False)


def _serialization_lib(keras: Any) -> Any:
    package = keras.layers.Layer.__module__.split(".")[0]
    # keras/src in Keras 3.0 to 3.15 and in Keras 2.13 to 2.15; tf_keras/src in tf_keras 2.15 to 2.21.
    return sys.modules.get(f"{package}.src.saving.serialization_lib")


def builds_graph_of_tf1() -> bool:
    """Whether variables that are made now are parts of a graph of TF1, with a session to initialize them."""
    tf = import_tensorflow()
    with tf.init_scope():
        return not tf.executing_eagerly()


def initialize_by_keras(keras: Any, variables: Iterable[Any]) -> None:
    """Lets Keras 2 initialize variables in its session, as it does weights; those of other graphs are left out."""
    tf = import_tensorflow()
    # Seen in the tf.keras of 1.15, in Keras 2.13 to 2.15, and in tf_keras 2.15 to 2.21.
    backend = importlib.import_module(keras.layers.Layer.__module__.replace("engine.base_layer", "backend"))
    for variable in variables:
        if getattr(variable, "graph", None) is tf.compat.v1.get_default_graph():
            backend.track_variable(variable)


def custom_objects_given(name: str) -> Iterator[Any]:
    """Yields what the callers of Keras, which is making an object just now, gave it under a name: as `custom_objects=`,
    or by a scope of these.

    Keras since 2.12 takes what is registered in the process before what its caller gave, and drops the latter; only
    the frames of the calls still have it.
    """
    # The locals of load_model, model_from_json and deserialize_keras_object. keras/src in Keras 2.13 to 3.15;
    # tf_keras/src in 2.15 to 2.21. In 1.15 what the caller gave comes first.
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in ("keras", "tf_keras"):
            scope = frame.f_locals.get("custom_obj_scope")
            for given in (frame.f_locals.get("custom_objects"), getattr(scope, "backup", None)):
                if isinstance(given, Mapping) and name in given:
                    yield given[name]
        frame = frame.f_back  # type: ignore[assignment]


def options_of_keras_loading() -> Any:
    """The LoadOptions given to `load_model` of Keras 2 while it loads a SavedModel that contains this layer, so that
    the layer's own model is read through the same device (P43); else None.
    """
    # keras/src in Keras 2.13 to 2.15; tf_keras/src in 2.15 to 2.21. 1.15 has no LoadOptions.
    for name in (
        "keras.src.saving.legacy.saved_model.load_context",
        "tf_keras.src.saving.legacy.saved_model.load_context",
    ):
        context = sys.modules.get(name)
        if context is not None and context.get_load_options() is not None:
            return context.get_load_options()
    return None
