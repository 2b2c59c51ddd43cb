"""Conversion of a layer's inputs to tensors that one of the function's traces accepts.

A restored function is a fixed set of traces: unlike a `tf.function`, TensorFlow cannot trace it again for other shapes,
dtypes or structures. This file converts where nothing can be lost (a container's type, a wider integer, another
float). Otherwise it raises an error that shows what was expected and what was received.
"""

from __future__ import annotations

import numbers
from typing import Any, Callable, Sequence

from rehub import tf_internals
from rehub.errors import InputMismatch
from rehub.keras.traces import RunnableTraces, Trace, describe_trace
from rehub.restore import are_compatible_dtypes, describe_arguments, describe_nest, spec_of, suggest_fixes

_ShapesAgree = Callable[[Any, Any], bool]


def as_tensors(inputs: Any, dtype_hint: Any = None) -> Any:
    """Convert the plain Python values in a nest of inputs to tensors; leave everything else as it is.

    A list (of lists ...) of numbers, strings, bytes or bools is the value of one tensor, as in
    `layer(["a sentence", "another"])`. Any other list, tuple or dict is a structure of several inputs.
    """
    if isinstance(inputs, dict):
        return {key: as_tensors(value) for key, value in inputs.items()}
    if isinstance(inputs, range):
        inputs = list(inputs)
    if _is_python_value(inputs):
        return tf_internals.import_tensorflow().convert_to_tensor(inputs, dtype_hint=dtype_hint)
    if isinstance(inputs, (list, tuple)):
        items = [as_tensors(item) for item in inputs]
        if hasattr(inputs, "_fields"):  # a namedtuple takes its items one by one
            return type(inputs)(*items)
        return items if isinstance(inputs, list) else tuple(items)
    return tf_internals.import_tensorflow().convert_to_tensor(inputs.__array__()) if _is_array_like(inputs) else inputs


def _is_array_like(value: Any) -> bool:
    """Return whether a value, such as a DataFrame, is neither a tensor nor an array but converts to an array."""
    if not hasattr(value, "__array__") or hasattr(value, "handle") or tf_internals.import_tensorflow().is_tensor(value):
        return False
    return type(value).__module__.split(".")[0] not in ("numpy", "tensorflow", "keras", "tf_keras")


def stack_inputs(inputs: Any, traces: Sequence[Trace]) -> Any:
    """Stack a list or tuple to one tensor, if a trace expects one that it fits; leave everything else as it is.

    TensorFlow's restored functions do the same (saved_model/function_deserialization.py, _convert_to_tensor).
    """
    tf = tf_internals.import_tensorflow()
    if not isinstance(inputs, (list, tuple)) or hasattr(inputs, "_fields"):
        return inputs
    leaves = tf.nest.flatten(inputs)
    if any(type(leaf).__name__ == "KerasTensor" for leaf in leaves):  # They have no values yet.
        return inputs
    if any(_fits_as_is(inputs, trace.inputs, _shapes_overlap) for trace in traces):
        return inputs
    for trace in traces:
        expected = _only_item(list(trace.inputs.values())) if isinstance(trace.inputs, dict) else trace.inputs
        if isinstance(expected, tf.TensorSpec):
            try:
                stacked = tf.convert_to_tensor(inputs, dtype_hint=None if leaves else expected.dtype)
            except (TypeError, ValueError, tf.errors.OpError):  # They have different shapes or dtypes.
                continue
            if stacked.shape.rank is not None and _leaf_fits(stacked, expected, _shapes_overlap, cast=True):
                return stacked
    return inputs


def _is_python_value(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_python_value(item) for item in value)
    return isinstance(value, (str, bytes, numbers.Number))


def match_trace(inputs: Any, runnable: RunnableTraces, label: str) -> tuple[Trace, Any]:
    """Find the trace that a call will run: the first that the inputs fit as they are, else the first that they fit
    after a conversion that loses nothing.

    Args:
        inputs: a nest of tensors, arrays or symbolic tensors.

    Returns:
        The trace, and the inputs in the form that it accepts.

    Raises:
        InputMismatch: no trace fits; shows what each expects and what was received.
    """
    trace = first_compatible(inputs, runnable)
    if trace is None:
        raise InputMismatch(_mismatch_message(inputs, runnable, label))
    if not _fits_as_is(inputs, trace.inputs, _shapes_overlap):
        inputs = _convert_inputs(inputs, trace.inputs, _shapes_overlap)
    return trace, inputs


def first_compatible(inputs: Any, runnable: RunnableTraces) -> Trace | None:
    """Return the trace that a call with these inputs will run, or None."""
    for accepts in (_fits_as_is, _fits_converted):
        for traces in (runnable.exact, runnable.converting):
            # In a graph the batch size is unknown: prefer a trace for any size to one for a certain size.
            for shapes_agree in (_shape_covers, _shapes_overlap):
                for trace in traces:
                    if accepts(inputs, trace.inputs, shapes_agree):
                        return trace
    return None


def reachable_traces(inputs: Any, runnable: RunnableTraces) -> list[Trace]:
    """Return the traces that calls with inputs of these specs can run: several, if the sizes leave a choice.

    Args:
        inputs: a nest of specs or symbolic tensors.
    """
    found: list[Trace] = []
    for accepts in (_fits_as_is, _fits_converted):
        for trace in (*runnable.exact, *runnable.converting):
            if all(trace is not other for other in found) and accepts(inputs, trace.inputs, _shapes_overlap):
                found.append(trace)
                if accepts(inputs, trace.inputs, _shape_covers):
                    return found
    return found


def _fits_converted(inputs: Any, expected: Any, shapes_agree: _ShapesAgree) -> bool:
    return _convert_inputs(inputs, expected, shapes_agree) is not None


def _shape_covers(expected: Any, received: Any) -> bool:
    """Return whether every tensor of the received shape has the expected shape."""
    if expected.rank is None or received.rank is None:
        return expected.rank is None
    sizes = zip(expected.as_list(), received.as_list())
    return expected.rank == received.rank and all(wanted is None or wanted == given for wanted, given in sizes)


def _shapes_overlap(expected: Any, received: Any) -> bool:
    """Return whether some tensor of the received shape can have the expected shape."""
    return bool(expected.is_compatible_with(received))


def _fits_as_is(inputs: Any, expected: Any, shapes_agree: _ShapesAgree) -> bool:
    """Return whether the structure, kinds, dtypes and shapes agree without any conversion."""
    tf = tf_internals.import_tensorflow()
    if isinstance(inputs, tf.Tensor) and isinstance(expected, tf.TensorSpec):  # by far the most frequent case
        return bool(inputs.dtype == expected.dtype) and shapes_agree(expected.shape, inputs.shape)
    if isinstance(expected, dict):
        return (
            isinstance(inputs, dict)
            and inputs.keys() == expected.keys()
            and all(_fits_as_is(inputs[key], expected[key], shapes_agree) for key in expected)
        )
    if isinstance(expected, (list, tuple)):
        # TensorFlow distinguishes lists from tuples when it looks for a trace.
        return (
            isinstance(inputs, list) == isinstance(expected, list)
            and isinstance(inputs, (list, tuple))
            and len(inputs) == len(expected)
            and all(_fits_as_is(item, spec, shapes_agree) for item, spec in zip(inputs, expected))
        )
    return _leaf_fits(inputs, expected, shapes_agree, cast=False)


def _leaf_fits(value: Any, expected: Any, shapes_agree: _ShapesAgree, cast: bool) -> bool:
    if not hasattr(expected, "is_compatible_with"):  # a Python value that was fixed when the function was traced
        return bool(value is expected or (type(value) is type(expected) and value == expected))
    received = spec_of(value)
    if received is None or type(received) is not type(expected):
        return False
    if not tf_internals.specs.is_of_tensors(expected):
        return bool(expected.is_compatible_with(received))
    if not are_compatible_dtypes(tf_internals.specs.dtype_of(received), tf_internals.specs.dtype_of(expected), cast):
        return False
    shape, wanted = tf_internals.specs.shape_of(received), tf_internals.specs.shape_of(expected)
    if shape is not None and wanted is not None and not shapes_agree(wanted, shape):
        return False
    (rank, splits), (wanted_rank, wanted_splits) = (
        tf_internals.specs.raggedness_of(received),
        tf_internals.specs.raggedness_of(expected),
    )
    return rank == wanted_rank and are_compatible_dtypes(splits, wanted_splits, cast)


def _convert_inputs(inputs: Any, expected: Any, shapes_agree: _ShapesAgree) -> Any | None:
    """Return `inputs` in the structure and dtypes of `expected`, or None if that may lose something."""
    rearranged = _rearrange_container(inputs, expected)
    if rearranged is None:
        return None
    if isinstance(expected, dict):
        items = {key: _convert_inputs(rearranged[key], spec, shapes_agree) for key, spec in expected.items()}
        return None if any(item is None for item in items.values()) else items
    if isinstance(expected, (list, tuple)):
        sequence: list[Any] = [_convert_inputs(item, spec, shapes_agree) for item, spec in zip(rearranged, expected)]
        if any(item is None for item in sequence):
            return None
        if hasattr(expected, "_fields"):
            return type(expected)(*sequence)
        return sequence if isinstance(expected, list) else tuple(sequence)
    if not _leaf_fits(rearranged, expected, shapes_agree, cast=True):
        return None
    received = spec_of(rearranged)
    return rearranged if received is None else _cast_leaf(rearranged, received, expected)


def _cast_leaf(value: Any, received: Any, expected: Any) -> Any:
    tf = tf_internals.import_tensorflow()
    is_ragged = isinstance(value, tf.RaggedTensor)
    if is_ragged and tf_internals.specs.raggedness_of(received) != tf_internals.specs.raggedness_of(expected):
        value = value.with_row_splits_dtype(tf_internals.specs.raggedness_of(expected)[1])
    dtype = tf_internals.specs.dtype_of(expected)
    if not tf_internals.specs.is_of_tensors(expected) or tf_internals.specs.dtype_of(received) == dtype:
        return value
    if is_ragged:
        return value.with_flat_values(tf.cast(value.flat_values, dtype))
    if tf.is_tensor(value) or not hasattr(value, "dtype") or hasattr(value, "__array__"):
        return tf.cast(value, dtype)
    return value  # A symbolic tensor of Keras: only its shape matters here. Its values are cast when the layer runs.


def _rearrange_container(inputs: Any, expected: Any) -> Any | None:
    """Return `inputs` in the outermost container of `expected`, or None if the order would be a guess."""
    if isinstance(expected, dict):
        if isinstance(inputs, dict):
            return inputs if inputs.keys() == expected.keys() else _rename_inputs(inputs, expected)
        return {next(iter(expected)): _only_item(inputs)} if len(expected) == 1 else None
    if isinstance(expected, (list, tuple)):
        if isinstance(inputs, (list, tuple)):
            return inputs if len(inputs) == len(expected) else None
        if isinstance(inputs, dict):
            names = [getattr(spec, "name", None) for spec in expected]
            return [inputs[name] for name in names] if set(names) == set(inputs) else None
        return [inputs] if len(expected) == 1 else None
    if isinstance(inputs, (list, tuple, dict)):
        return _only_item(inputs) if len(inputs) == 1 else None
    return inputs


def _rename_inputs(inputs: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any] | None:
    """Return inputs by the parameters of a function. An input "token-ids" may have the parameter `token_ids`."""
    sanitize = tf_internals.input_names.sanitize_name
    parameters: dict[Any, str] = {sanitize(parameter): parameter for parameter in expected}
    parameters.update({getattr(spec, "name", None): parameter for parameter, spec in expected.items()})
    parameters.update({parameter: parameter for parameter in expected})
    renamed = {parameters[name]: value for name, value in inputs.items() if name in parameters}
    return renamed if len(renamed) == len(inputs) == len(expected) else None


def _only_item(inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return next(iter(inputs.values()))
    return inputs[0] if isinstance(inputs, (list, tuple)) and len(inputs) == 1 else inputs


def _mismatch_message(inputs: Any, runnable: RunnableTraces, label: str) -> str:
    traces = runnable.converting or runnable.everything
    count = len(runnable.everything)
    lines = [f"{label} cannot be called with these inputs: they match none of its {count} trace(s)."]
    lines.append(f"  received: {describe_nest(inputs)}{describe_arguments(runnable.arguments)}")
    for position, trace in enumerate(traces):
        lines.append(f"  {'expected' if position == 0 else '      or'}: {describe_trace(trace)}")
    if runnable.converting:
        fixes = suggest_fixes(inputs, traces[0].inputs)
    else:
        reason = f" ({runnable.refusal})" if runnable.refusal else ""
        fixes = [f"pass each of the other arguments with a value that the function was traced with{reason}"]
    if not runnable.everything:
        fixes = ["save the model again: it has no trace of this function, or only traces with values such as bytes"]
    lines += [f"  fix: {hint}" for hint in fixes]
    return "\n".join(lines)
