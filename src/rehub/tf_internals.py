"""The private TensorFlow names that rehub leans on, each with the versions it was seen in.

No other file imports `tensorflow.python`, `tensorflow.core` or `keras.src`, or reads an underscore attribute of a
TensorFlow object. All imports happen inside the functions: importing this module imports nothing.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from typing import Any, Iterable, Iterator, TypeVar

from rehub.errors import CorruptModel, TensorFlowMissing

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
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python import pywrap_tensorflow

    ops = op_def_pb2.OpList()
    ops.ParseFromString(pywrap_tensorflow.TF_GetBuffer(pywrap_tensorflow.TF_GetAllOpList()))
    return frozenset(op.name for op in ops.op).__contains__


# --- SavedModel --------------------------------------------------------------------------------------------------


def serialized_saved_model_text(path: str, text: str) -> bytes:
    """Turns the text of a `saved_model.pbtxt` into the bytes of a `saved_model.pb`.

    Raises:
        CorruptModel: the text is not a SavedModel; names the file, the line and the column.
    """
    # Generated code of TensorFlow's protos; its place has not moved. Seen in 1.15, 2.15, 2.21.
    from tensorflow.core.protobuf import saved_model_pb2

    text_format = importlib.import_module("google.protobuf.text_format")

    try:
        message = text_format.Parse(text, saved_model_pb2.SavedModel())
    except text_format.ParseError as error:
        raise CorruptModel(f"{path!r} cannot be read as a SavedModel in text form: {error}") from error
    return bytes(message.SerializeToString())


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
    if hasattr(obj, "_trackable_children"):  # Trackable's since 2.9. Seen in 2.15, 2.21.
        yield from obj._trackable_children().values()
    elif hasattr(obj, "_checkpoint_dependencies"):  # Its name up to 2.8. Seen in 1.15.
        for reference in obj._checkpoint_dependencies:
            yield reference.ref


def concrete_functions(function: Any) -> tuple[Any, ...]:
    """Returns the traces of a restored `tf.function`, itself for a concrete function, nothing for any other object."""
    # RestoredFunction has `concrete_functions`, ConcreteFunction `captured_inputs`. Seen in 1.15, 2.15, 2.21.
    if hasattr(function, "captured_inputs"):
        return (function,)
    if hasattr(function, "get_concrete_function"):
        return tuple(getattr(function, "concrete_functions", ()))
    return ()


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
