"""The traces of a restored function: what it was traced with, and what it returns.

`tf.saved_model.load` restores a `tf.function` as a list of concrete functions, each with the structure, dtypes and
shapes of its inputs and outputs (TensorFlow: saved_model/function_deserialization.py).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from rehub import tf_internals
from rehub.restore import describe_arguments, describe_nest
from rehub.retrain import TrainableSignature


@dataclasses.dataclass(frozen=True)
class BoundArguments:
    """The arguments of a call other than the first, in the order of the function, with its defaults.

    Attributes:
        converts_arrays: whether arrays become tensors of their own dtype before TensorFlow chooses a trace.
    """

    positional: tuple[Any, ...]
    keywords: dict[str, Any]
    converts_arrays: bool = False


@dataclasses.dataclass(frozen=True)
class RunnableTraces:
    """The traces that can run with given arguments other than the inputs, each list in the order of the function.

    Attributes:
        arguments: these arguments, by name, without the function's defaults.
        exact: the traces that take the arguments as they are.
        converting: these, and those that take the arguments after Python values became tensors.
        refusal: why the function takes no such arguments, or "".
    """

    arguments: dict[str, Any]
    exact: list[Trace]
    converting: list[Trace]
    everything: list[Trace]
    refusal: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """One graph of a function.

    Attributes:
        inputs: the function's first argument, or for a signature the dict of all: a nest of `tf.TypeSpec`s and of
            Python values that were fixed when tracing.
        arguments: the other arguments by name: Python values, or specs where tensors are expected.
        outputs: a nest of `tf.TypeSpec`s.
        can_run_alone: whether `concrete` can be called with the tensors of `inputs` alone, without the function that
            chooses among the traces.
        fixed: the other arguments by position and by name, as the function passes them to its traces.
    """

    inputs: Any
    arguments: dict[str, Any]
    outputs: Any
    concrete: Any
    can_run_alone: bool = False
    fixed: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    @property
    def graph(self) -> Any:
        """The trace's `tf.Graph`."""
        return self.concrete.graph

    @property
    def variables(self) -> Any:
        """The variables that the trace reads or writes. The property builds no graph."""
        return tf_internals.functions.variables_of_trace(self.concrete)

    def accepts(self, bound: BoundArguments, allow_conversion: bool) -> bool:
        """Return whether TensorFlow would run this trace for a call with these arguments other than the first.

        Args:
            allow_conversion: whether Python values may become tensors where the trace expects tensors.
        """
        given = (bound.positional, bound.keywords)
        return tf_internals.functions.arguments_match(self.fixed, given, bound.converts_arrays, allow_conversion)


class _ModuleTrace(Trace):
    """One signature of a legacy module in one mode. Its graph is made on first use."""

    def __init__(self, function: TrainableSignature, training: bool) -> None:
        arguments = {"training": training}
        outputs = function.output_specs(training)
        super().__init__(function.input_specs, arguments, outputs, function, fixed=((), arguments))

    @property
    def graph(self) -> Any:
        return self.concrete.concrete_function(self.arguments["training"]).graph

    @property
    def variables(self) -> Any:
        return self.graph.variables


def traces_of(function: Any) -> list[Trace]:
    """Return the traces of a restored function or signature, in their order; none of a callable that TensorFlow can
    trace again.
    """
    if isinstance(function, TrainableSignature):
        return [_ModuleTrace(function, training) for training in (False, True)]
    if tf_internals.functions.is_concrete_function(function):
        # TensorFlow 1.15 does not know the structure of a signature from a TF1 graph.
        return [] if function.structured_input_signature is None else [_make_signature_trace(function)]
    concrete_functions = tf_internals.functions.concrete_functions(function)
    if not concrete_functions:
        return []
    names = tf_internals.functions.argument_names(function)
    direct = tf_internals.functions.can_call_traces_directly(function)
    traces = (_make_trace(concrete, names, direct) for concrete in concrete_functions)
    return [trace for trace in traces if trace is not None]


def find_runnable_traces(function: Any, traces: list[Trace], arguments: dict[str, Any]) -> RunnableTraces:
    """Find the traces that TensorFlow would run for a call with these arguments other than the inputs.

    Every argument counts, also one that is not given and has a default
    (TensorFlow: saved_model/function_deserialization.py, _concrete_function_callable_with).
    """
    if not traces:
        return RunnableTraces(arguments, [], [], [])
    try:
        bound = _bind_arguments(function, arguments)
    except (TypeError, ValueError) as error:
        return RunnableTraces(arguments, [], [], traces, str(error))
    exact = [trace for trace in traces if trace.accepts(bound, allow_conversion=False)]
    converting = [trace for trace in traces if trace in exact or trace.accepts(bound, allow_conversion=True)]
    return RunnableTraces(arguments, exact, converting, traces)


def _bind_arguments(function: Any, arguments: dict[str, Any]) -> BoundArguments:
    if isinstance(function, TrainableSignature):  # It can be traced for either value of its third argument.
        return BoundArguments((), {name: value for name, value in arguments.items() if name != "update_ops"})
    if tf_internals.functions.is_concrete_function(function):
        return BoundArguments((), arguments)
    positional, keywords = tf_internals.functions.bind_arguments(function, (None,), arguments)
    return BoundArguments(positional[1:], keywords, not tf_internals.functions.has_input_signature(function))


def _make_signature_trace(concrete: Any) -> Trace:
    positional, keywords = concrete.structured_input_signature
    if positional and not keywords:
        inputs = positional[0] if len(positional) == 1 else list(positional)
    else:
        inputs = dict(keywords)
    return Trace(inputs, {}, concrete.structured_outputs, concrete)


def _make_trace(concrete: Any, names: list[str], direct: bool) -> Trace | None:
    positional, keywords = concrete.structured_input_signature
    if not positional:
        return None
    inputs = positional[0]
    arguments = dict(zip(names[1:], positional[1:]))
    arguments.update(keywords)
    flat = tf_internals.import_tensorflow().nest.flatten
    only_inputs_are_tensors = all(
        tf_internals.specs.type_spec_of(leaf) is not None for leaf in flat(inputs)
    ) and not any(tf_internals.specs.type_spec_of(leaf) is not None for leaf in flat(arguments))
    can_run_alone = direct and only_inputs_are_tensors
    return Trace(
        inputs, arguments, concrete.structured_outputs, concrete, can_run_alone, (tuple(positional[1:]), dict(keywords))
    )


def describe_trace(trace: Trace) -> str:
    """Return a trace as text: its inputs, then its other arguments."""
    return describe_nest(trace.inputs) + describe_arguments(trace.arguments)
