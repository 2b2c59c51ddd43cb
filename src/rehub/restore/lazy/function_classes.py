"""The classes of lazy functions. Importing this module imports TensorFlow.

They derive from TensorFlow's own classes. Called eagerly, where no gradient can be asked for, they are run by
TensorFlow's runtime, which knows them without a graph in Python. Else TensorFlow's code does what it does; the
attributes that it asks for are those of the function that is built then.
"""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.restore.copies import copy_function, raise_not_copyable
from rehub.restore.input_mismatch import explain_mismatch
from rehub.restore.lazy.function_library import FunctionLibrary
from rehub.restore.lazy.functions import (
    UNBUILT,
    TraceCandidate,
    UnbuiltConcreteFunction,
    UnbuiltFunction,
    get_built_attribute,
)


class LazyConcreteFunction(tf_internals.restored_functions.restored_concrete_function_class()):  # type: ignore[misc]
    """A `ConcreteFunction`, made from a name in a function library."""

    def __init__(self, library: FunctionLibrary, name: str) -> None:
        # Do not call the base class: it takes the function that is not built yet.
        self._rehub_unbuilt = UnbuiltConcreteFunction(library, name)
        self._rehub_traces = None

    __getattr__ = get_built_attribute
    __reduce_ex__ = raise_not_copyable
    __copy__ = copy_function

    @property
    def captured_inputs(self) -> Any:
        """The tensors that it captures."""
        unbuilt = vars(self).get(UNBUILT)
        return super().captured_inputs if unbuilt is None else unbuilt.captured_inputs()

    @property
    def variables(self) -> Any:
        """The variables that it captures."""
        unbuilt = vars(self).get(UNBUILT)
        return super().variables if unbuilt is None else unbuilt.variables()

    @property
    def trainable_variables(self) -> Any:
        """The captured variables that are trainable."""
        return tuple(variable for variable in self.variables if variable.trainable)

    @property
    def structured_input_signature(self) -> Any:
        """The structured inputs."""
        unbuilt = vars(self).get(UNBUILT)
        return super().structured_input_signature if unbuilt is None else unbuilt.structure()[0]

    @property
    def structured_outputs(self) -> Any:
        """The structured outputs."""
        unbuilt = vars(self).get(UNBUILT)
        return super().structured_outputs if unbuilt is None else unbuilt.structure()[1]

    def _call_impl(self, args: Any, kwargs: Any) -> Any:
        unbuilt = vars(self).get(UNBUILT)
        if unbuilt is not None and tf_internals.tracing.is_plain_eager():
            tensors = unbuilt.bind_tensors(self, args, kwargs)
            if tensors is not None:
                return self._call_flat(tensors, unbuilt.captured_inputs())
        return super()._call_impl(args, kwargs)

    def _call_flat(self, tensor_inputs: Any, captured_inputs: Any) -> Any:
        unbuilt = vars(self).get(UNBUILT)
        if unbuilt is not None and tf_internals.tracing.is_plain_eager():
            runner = unbuilt.get_runner()
            arguments = [*tensor_inputs, *captured_inputs]
            if (
                runner is not None
                and len(arguments) == runner.number_of_inputs
                and not tf_internals.tracing.is_recorded(arguments)
            ):
                return runner(arguments)
        return super()._call_flat(tensor_inputs, captured_inputs)


class LazyFunction(tf_internals.restored_functions.restored_function_class()):  # type: ignore[misc]
    """A `tf.function`, made from a SavedFunction message and its traces by name."""

    def __init__(self, proto: Any, traces: dict[str, Any], label: str) -> None:
        self._rehub_label = label
        self._rehub_unbuilt = UnbuiltFunction(proto, traces)
        self._rehub_traces = tuple(traces.values())

    __getattr__ = get_built_attribute
    __reduce_ex__ = raise_not_copyable
    __copy__ = copy_function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the trace that takes the arguments."""
        if tf_internals.tracing.is_plain_eager():
            inputs = tf_internals.functions.canonicalize_inputs(self, args, kwargs)
            if inputs is not None:
                for trace in map(TraceCandidate, self._rehub_traces):
                    if tf_internals.functions.is_callable_with(trace, inputs):
                        return tf_internals.functions.call_trace(trace, inputs)
        # In a graph, under a tape, with conversions of its inputs, or with inputs that no trace takes.
        try:
            return super().__call__(*args, **kwargs)
        except (TypeError, ValueError, LookupError) as error:
            explained = explain_mismatch(self, args, kwargs, self._rehub_label)
            if explained is None:
                raise
            raise explained from error
