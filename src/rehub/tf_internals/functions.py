"""Functions and their traces: arguments, captures, calls."""

from __future__ import annotations

import inspect
import types
from typing import Any, Mapping

from rehub.tf_internals.objects import attributes_of
from rehub.tf_internals.tensorflow import import_tensorflow, tensorflow_version


def concrete_functions(function: Any) -> tuple[Any, ...]:
    """Return the traces of a restored `tf.function`, itself for a concrete function, nothing for any other object."""
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
    """Return the variables that a concrete function reads or writes."""
    # ConcreteFunction.variables is public. Seen in 2.15, 2.21; in 1.15 only the graph has them.
    return concrete.variables if hasattr(concrete, "variables") else concrete.graph.variables


def existing_resource_handle(obj: Any) -> Any:
    """Return the handle by which functions capture a table or another resource object, None for any other object.

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


def is_captured_weakly(obj: Any) -> bool:
    """Whether functions refer to what they capture of it weakly: a variable, a table or another resource."""
    # An asset is a path, and a constant is a tensor: functions hold them.
    from tensorflow.python.trackable import asset, base  # Seen in 2.15, 2.21.

    return isinstance(obj, (base.Trackable, import_tensorflow().Variable)) and not isinstance(obj, asset.Asset)


def type_from_spec(proto: Any, structure: tuple[Any, Any], captures: Any) -> Any:
    """Return the type of a concrete function whose arguments a FunctionSpec message names. Seen in 2.15, 2.21.

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


def type_from_structure(structure: tuple[Any, Any]) -> Any:
    """Return the type of a concrete function, without what it captures, that takes and returns what is written.

    Seen in 2.15, 2.21.
    """
    from tensorflow.core.function.polymorphism import function_type

    return function_type.from_structured_signature(*structure, {})


def capture_types(concrete: Any) -> Any:
    """The types of what a concrete function captures. Seen in 2.15, 2.21."""
    return concrete.graph.function_captures.capture_types


def returns_handles(kind: Any) -> bool:
    """Whether a function of a type returns resources or variants, of which TensorFlow keeps more than their type."""
    tf = import_tensorflow()
    # Seen in 2.15, 2.21.
    return any(output.dtype in (tf.resource, tf.variant) for output in kind.flat_outputs)


def captured_tensor(obj: Any) -> Any:
    """Return what a function takes of an object that it captures: a handle, or the tensor. Seen in 2.15, 2.21."""
    from tensorflow.core.function.capture import restore_captures

    return restore_captures.get_tensor_from_node(obj)


def bind_tensors(function: Any, kind: Any, args: Any, kwargs: Any) -> list[Any] | None:
    """Return the tensors that a call's arguments are to a concrete function of a type; None where they do not fit.

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


def canonicalize_inputs(function: Any, args: Any, kwargs: Any) -> Any:
    """Return a call's arguments as the traces of a restored function take them, NumPy's arrays as tensors.

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
    """Whether it is one graph of a `tf.function`, such as a signature."""
    # Seen in 1.15 (eager/function.py), 2.15, 2.21 (eager/polymorphic_function/concrete_function.py). The class of
    # public name tf.types.experimental.ConcreteFunction is missing in 1.15.
    return any(base.__name__ == "ConcreteFunction" for base in type(candidate).__mro__)


def callable_of(candidate: Any) -> Any:
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
    """Return the positional and the keyword arguments by which a restored function chooses among its traces: in its
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


def arguments_match(expected: Any, given: Any, converts_arrays: bool, allow_conversion: bool) -> bool:
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


def can_call_traces_directly(function: Any) -> bool:
    """Whether a restored function's traces can be called without it: not if it asks for XLA, which they do not know."""
    # jit_compile of tf.function is the attribute _jit_compile. Seen in 2.15, 2.21; 1.15 has no such argument.
    return not getattr(function, "_jit_compile", None)


def call_with_tensors(concrete: Any, inputs: Any) -> Any:
    """Call a trace that takes the tensors of `inputs` and nothing else; returns its outputs in their structure.

    It is what TensorFlow's restored function does after it has chosen the trace, and skips the tracing of a function
    around it (saved_model/function_deserialization.py, _call_concrete_function). Seen in 1.15, 2.15, 2.21.
    """
    tf = import_tensorflow()
    tensors = [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(inputs, expand_composites=True)]
    return concrete._call_flat(tensors, concrete.captured_inputs)
