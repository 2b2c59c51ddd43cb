"""Functions and their traces: what they are, what they capture, and calls of traces."""

from __future__ import annotations

import inspect
import types
from typing import Any, Iterable, Mapping

from rehub.tf_internals.objects import attributes_of
from rehub.tf_internals.tensorflow import import_tensorflow, tensorflow_version


def concrete_functions(function: Any) -> tuple[Any, ...]:
    """Return the traces of a restored `tf.function`; a concrete function itself; nothing for any other object."""
    if "_rehub_traces" in attributes_of(function):  # A lazy function, which must not be built for this.
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
    """Return the variables that a concrete function reads or writes."""
    # ConcreteFunction.variables is public. Seen in 2.15, 2.21; in 1.15 only the graph has them.
    return concrete.variables if hasattr(concrete, "variables") else concrete.graph.variables


def existing_resource_handle(obj: Any) -> Any:
    """Return the handle by which functions capture a table or other resource; None for any other object.

    The handle is not made if it does not exist yet, as the public `resource_handle` would.
    """
    for attribute in (
        "_resource_handle_value",  # CapturableResource's. Seen in 2.15, 2.21.
        "_resource_handle",  # CapturableResource's up to 2.1 or so. Seen in 1.15.
    ):
        handle = vars(obj).get(attribute) if hasattr(obj, "__dict__") else None
        if handle is not None:
            return handle
    return None


def is_captured_weakly(obj: Any) -> bool:
    """Whether functions refer weakly to what they capture of it: it is a variable, table or other resource."""
    # Functions hold assets, which are paths, and constants, which are tensors.
    from tensorflow.python.trackable import asset, base  # Seen in 2.15, 2.21.

    return isinstance(obj, (base.Trackable, import_tensorflow().Variable)) and not isinstance(obj, asset.Asset)


def type_from_spec(proto: Any, structure: tuple[Any, Any], captures: Any) -> Any:
    """Return the type of a concrete function with the arguments in a FunctionSpec message. Seen in 2.15, 2.21.

    Args:
        structure: the function's structured inputs and outputs.
        captures: the types of its captures.
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


def type_from_structure(structure: tuple[Any, Any]) -> Any:
    """Return the type of a concrete function with these structured inputs and outputs, and no captures.

    Seen in 2.15, 2.21.
    """
    from tensorflow.core.function.polymorphism import function_type

    return function_type.from_structured_signature(*structure, {})


def capture_types(concrete: Any) -> Any:
    """Return the types of what a concrete function captures. Seen in 2.15, 2.21."""
    return concrete.graph.function_captures.capture_types


def returns_handles(kind: Any) -> bool:
    """Whether a function of a type returns resources or variants, whose handles have data beyond the type."""
    tf = import_tensorflow()
    # Seen in 2.15, 2.21.
    return any(output.dtype in (tf.resource, tf.variant) for output in kind.flat_outputs)


def captured_tensor(obj: Any) -> Any:
    """Return the tensor by which a function captures an object, such as a handle. Seen in 2.15, 2.21."""
    from tensorflow.core.function.capture import restore_captures

    return restore_captures.get_tensor_from_node(obj)


def bind_tensors(function: Any, kind: Any, args: Any, kwargs: Any) -> list[Any] | None:
    """Return the tensors for a concrete function of a type from the arguments of a call; None if they do not fit.

    A signature also takes the tensors one by one. Seen in 2.15, 2.21.
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


def canonicalize_inputs(function: Any, args: Any, kwargs: Any) -> Any:
    """Return the arguments of a call as the traces of a restored function take them, NumPy's arrays as tensors.

    None if only TensorFlow's own call can convert them, or say what is wrong with them. Seen in 2.15, 2.21.
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
    simple_types = (bool, int, float, str, bytes, type(None), tf.RaggedTensor, tf.SparseTensor)
    is_array = [isinstance(leaf, np.ndarray) for leaf in leaves]
    if not all(
        array or isinstance(leaf, simple_types) or (tf.is_tensor(leaf) and not isinstance(leaf, tf.Variable))
        for leaf, array in zip(leaves, is_array)
    ):
        return None
    if any(is_array):
        leaves = [tf.convert_to_tensor(leaf) if array else leaf for leaf, array in zip(leaves, is_array)]
        inputs = tf.nest.pack_sequence_as(inputs, leaves)
    return inputs


def is_callable_with(trace: Any, inputs: Any) -> bool:
    """Whether a trace takes inputs without conversion. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import function_deserialization

    return bool(function_deserialization._concrete_function_callable_with(trace, inputs, allow_conversion=False))


def call_trace(trace: Any, inputs: Any) -> Any:
    """Call a trace with inputs that it takes. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import function_deserialization

    return function_deserialization._call_concrete_function(trace, inputs)


def serialize_function(function: Any, names: list[str]) -> Any:
    """Return the SavedFunction message of a function, with traces of these names. Seen in 2.15, 2.21."""
    from tensorflow.python.saved_model import function_serialization

    message = function_serialization.serialize_function(function, [])
    message.concrete_functions.extend(names)
    return message


def is_concrete_function(candidate: Any) -> bool:
    """Whether an object is a concrete function, such as a signature."""
    # Seen in 1.15 (eager/function.py), 2.15, 2.21 (eager/polymorphic_function/concrete_function.py). The public
    # class tf.types.experimental.ConcreteFunction is missing in 1.15.
    return any(base.__name__ == "ConcreteFunction" for base in type(candidate).__mro__)


def callable_of(candidate: Any) -> Any:
    """Return what a call of an object runs: its own attribute `__call__`, as in restored objects, else itself."""
    return vars(candidate)["__call__"] if "__call__" in getattr(candidate, "__dict__", {}) else candidate


def argument_names(function: Any) -> list[str]:
    """Return the names of a callable's arguments without `self`.

    None for a concrete function, whose arguments are tensors, and for a callable without this information.
    """
    if is_concrete_function(function):
        return []
    # Unlike inspect, tf_inspect looks into tf.function and restored functions. Seen in 1.15, 2.15, 2.21.
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
    """Return the positional and the keyword arguments by which a restored function chooses among its traces.

    They are in the function's own order, with its default values.

    Raises:
        TypeError: a required argument is missing, or it has no argument of some name.
    """
    if hasattr(function, "_function_type"):  # Seen in 2.15, 2.21.
        from tensorflow.core.function.polymorphism import function_type
        from tensorflow.python.eager.polymorphic_function import function_type_utils

        # Leave out its input signature, to which TensorFlow would convert the arguments.
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
    # Wrap the values: TensorFlow would convert arrays to tensors.
    wrapped_args = [_Wrapped(value) for value in args]
    wrapped_kwargs = {name: _Wrapped(value) for name, value in kwargs.items()}
    try:
        positional, keywords = spec.canonicalize_function_inputs(*wrapped_args, **wrapped_kwargs)
    except AssertionError as error:
        raise TypeError(str(error)) from error
    return tuple(map(_unwrap_value, positional)), {name: _unwrap_value(value) for name, value in keywords.items()}


class _Wrapped:
    def __init__(self, value: Any) -> None:
        self.value = value


def _unwrap_value(value: Any) -> Any:
    return value.value if isinstance(value, _Wrapped) else value


def arguments_match(expected: Any, given: Any, converts_arrays: bool, allow_conversion: bool) -> bool:
    """Whether a trace takes arguments, by the check of TensorFlow's restored functions.

    Args:
        expected: a nest of specs and of values that were fixed when tracing.
        converts_arrays: whether NumPy's arrays become tensors of their own dtype first, as in a function without an
            input signature.
        allow_conversion: whether Python's values may become tensors if the trace expects tensors.
    """
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.saved_model import function_deserialization

    trace = types.SimpleNamespace(graph=types.SimpleNamespace(structured_input_signature=expected))
    try:
        if converts_arrays:
            given = import_tensorflow().nest.map_structure(_convert_array, given)
        return bool(function_deserialization._concrete_function_callable_with(trace, given, allow_conversion))
    except (TypeError, ValueError, LookupError):  # TensorFlow fails to compare them, so the call fails too.
        return False


def _convert_array(value: Any) -> Any:
    import numpy as np

    # In TF2, NumPy's scalars count as arrays, but its strings do not. Seen in 1.15, 2.15, 2.21.
    is_scalar = isinstance(value, np.generic) and not isinstance(value, np.str_) and tensorflow_version() >= (2, 0)
    return import_tensorflow().convert_to_tensor(value) if isinstance(value, np.ndarray) or is_scalar else value


def has_input_signature(function: Any) -> bool:
    """Whether a restored function was made with `input_signature=`, to which it converts its arguments."""
    # Public since about 2.5; in 1.15 it is in the FunctionSpec. Seen in 1.15, 2.15, 2.21.
    if hasattr(function, "_function_spec") and hasattr(function._function_spec, "input_signature"):
        return function._function_spec.input_signature is not None
    return getattr(function, "input_signature", None) is not None


def can_call_traces_directly(function: Any) -> bool:
    """Whether a restored function's traces can be called directly: not if XLA compiles it, which traces do not know."""
    # jit_compile of tf.function is the attribute _jit_compile. Seen in 2.15, 2.21; 1.15 has no such argument.
    return not getattr(function, "_jit_compile", None)


def call_with_tensors(concrete: Any, inputs: Any) -> Any:
    """Call a trace that takes the tensors of `inputs` and nothing else; return its outputs in their structure.

    A restored function of TensorFlow does this after it has chosen the trace; here no function is traced around it
    (saved_model/function_deserialization.py, _call_concrete_function). Seen in 1.15, 2.15, 2.21.
    """
    tf = import_tensorflow()
    tensors = [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(inputs, expand_composites=True)]
    return concrete._call_flat(tensors, concrete.captured_inputs)


def load_functions(definitions: Iterable[Any]) -> dict[str, Any]:
    """Return FunctionDefs that capture nothing as concrete functions, by the names that they had.

    Each gets a name that no other function in this process has, and exists as long as its concrete function.
    """
    from tensorflow.python.saved_model import function_deserialization  # Seen in 2.15, 2.21.

    tf = import_tensorflow()
    library = tf.compat.v1.GraphDef().library
    library.function.extend(definitions)
    with tf.init_scope():
        return dict(function_deserialization.load_function_def_library(library))
