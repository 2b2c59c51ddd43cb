"""The traces of a restored function: what it was traced with, and what it returns.

`tf.saved_model.load` restores a `tf.function` as a list of concrete functions, each with the structure, dtypes and
shapes of its inputs and outputs (TensorFlow: saved_model/function_deserialization.py).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from rehub import tf_internals
from rehub.retrain import SignatureFunction

_PLAIN = (bool, int, float, str)


@dataclasses.dataclass(frozen=True)
class Trace:
    """One graph of a function.

    Attributes:
        inputs: the function's first argument, or for a signature the dict of all: a nest of `tf.TypeSpec`s and of
            Python values that were fixed when tracing.
        arguments: the other arguments by name: Python values, or specs where tensors are expected.
        outputs: a nest of `tf.TypeSpec`s.
        concrete: the concrete function that this is a trace of.
        can_run_alone: whether `concrete` can be called with the tensors of `inputs` alone, past the function that
            chooses among the traces.
    """

    inputs: Any
    arguments: dict[str, Any]
    outputs: Any
    concrete: Any
    can_run_alone: bool = False

    @property
    def graph(self) -> Any:
        """The trace's `tf.Graph`."""
        return self.concrete.graph

    @property
    def variables(self) -> Any:
        """The variables that the trace reads or writes. Its graph need not exist for that."""
        return tf_internals.variables_of_trace(self.concrete)

    def agrees_with(self, arguments: dict[str, Any]) -> bool:
        """Whether the function has these arguments, and the Python values among them are those it was traced with."""
        for name, value in arguments.items():
            if name not in self.arguments:
                return False
            traced = self.arguments[name]
            if isinstance(traced, _PLAIN) and isinstance(value, _PLAIN) and traced != value:
                return False
        return True


class _TraceOfModule(Trace):
    """One signature of a legacy module in one mode, whose graph is made when it is asked for."""

    def __init__(self, function: SignatureFunction, training: bool) -> None:
        super().__init__(function.input_specs, {"training": training}, function.output_specs(training), function)

    @property
    def graph(self) -> Any:
        return self.concrete.concrete(self.arguments["training"]).graph

    @property
    def variables(self) -> Any:
        return self.graph.variables

    def agrees_with(self, arguments: dict[str, Any]) -> bool:
        # The function can be traced for either value of its third argument.
        return super().agrees_with({name: value for name, value in arguments.items() if name != "update_ops"})


def traces_of(function: Any) -> list[Trace]:
    """The traces of a restored function or signature, in their order; none for what can be traced anew.

    Args:
        function: whatever is callable.
    """
    if isinstance(function, SignatureFunction):
        return [_TraceOfModule(function, training) for training in (False, True)]
    if tf_internals.is_concrete_function(function):
        # TensorFlow 1.15 does not tell the structure of a signature from a TF1 graph.
        return [] if function.structured_input_signature is None else [_trace_of_signature(function)]
    concrete_functions = tf_internals.concrete_functions(function)
    if not concrete_functions:
        return []
    names = tf_internals.argument_names(function)
    direct = tf_internals.traces_can_run_alone(function)
    traces = (_trace(concrete, names, direct) for concrete in concrete_functions)
    return [trace for trace in traces if trace is not None]


def _trace_of_signature(concrete: Any) -> Trace:
    positional, keywords = concrete.structured_input_signature
    if positional and not keywords:
        inputs = positional[0] if len(positional) == 1 else list(positional)
    else:
        inputs = dict(keywords)
    return Trace(inputs, {}, concrete.structured_outputs, concrete)


def _trace(concrete: Any, names: list[str], direct: bool) -> Trace | None:
    positional, keywords = concrete.structured_input_signature
    if not positional:
        return None
    inputs = positional[0]
    arguments = dict(zip(names[1:], positional[1:]))
    arguments.update(keywords)
    flat = tf_internals.import_tensorflow().nest.flatten
    only_inputs_are_tensors = all(tf_internals.type_spec_of(leaf) is not None for leaf in flat(inputs)) and not any(
        tf_internals.type_spec_of(leaf) is not None for leaf in flat(arguments)
    )
    return Trace(inputs, arguments, concrete.structured_outputs, concrete, direct and only_inputs_are_tensors)


def spec_of(value: Any) -> Any:
    """The `tf.TypeSpec` of a tensor, array, variable, symbolic Keras tensor or spec; None for anything else."""
    composite = tf_internals.type_spec_of(value)
    if composite is not None:
        return composite
    tf = tf_internals.import_tensorflow()
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or shape is None:
        return None
    try:
        dtype = tf.as_dtype(dtype)
    except TypeError:  # an array of dates, records, ...
        return None
    if getattr(value, "sparse", False) is True:
        return tf.SparseTensorSpec(shape, dtype)
    if getattr(value, "ragged", False) is True:
        return tf.RaggedTensorSpec(shape, dtype, ragged_rank=getattr(value, "ragged_rank", None) or 1)
    return tf.TensorSpec(shape, dtype)


def describe(nest: Any) -> str:
    """A nest of tensors or specs for a person: `{'ids': int32[?, 128]}`; keys are sorted, as restored dicts are not."""
    if isinstance(nest, dict):
        return "{" + ", ".join(f"{key!r}: {describe(value)}" for key, value in sorted(nest.items())) + "}"
    if isinstance(nest, (list, tuple)):
        left, right = "[]" if isinstance(nest, list) else "()"
        return left + ", ".join(describe(item) for item in nest) + right
    spec = spec_of(nest)
    if spec is None:
        return f"{type(nest).__name__} {nest!r}"[:80]
    prefix = {"RaggedTensorSpec": "ragged ", "SparseTensorSpec": "sparse "}.get(type(spec).__name__, "")
    return f"{prefix}{spec.dtype.name}{_describe_shape(spec.shape)}"


def describe_trace(trace: Trace) -> str:
    """A trace for a person: its inputs, then the values of its other arguments."""
    fixed = {name: value for name, value in trace.arguments.items() if isinstance(value, _PLAIN)}
    suffix = "".join(f", {name}={value!r}" for name, value in fixed.items())
    return describe(trace.inputs) + suffix


def _describe_shape(shape: Any) -> str:
    if shape is None or shape.rank is None:
        return "[...]"
    return "[" + ", ".join("?" if size is None else str(size) for size in shape.as_list()) + "]"
