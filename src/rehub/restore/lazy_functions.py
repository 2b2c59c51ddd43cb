"""Functions of a restored model that have no graph in Python until one of their attributes is asked for.

They are of TensorFlow's own classes. Called eagerly, with nothing that could ask for a gradient, they have the runtime
do it, which knows them without a graph. Else TensorFlow's own code does what it does, and the attributes of the
function that it asks for are those of the one that is built now.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from rehub import tf_internals
from rehub.restore.copies import copy_function, refuse_to_copy_function
from rehub.restore.function_library import Library, TensorWithin
from rehub.restore.input_mismatch import explain_mismatch

_UNBUILT = "_rehub_unbuilt"
_LOCK = threading.RLock()
# TensorFlow asks each member of a list whether it has these, which layers have.
_OF_LAYERS = ("_use_resource_variables", "_attribute_sentinel")


def _attribute_of_built(function: Any, attribute: str) -> Any:
    """What `__getattr__` of a lazy function returns, to which Python comes for what is not there yet."""
    if _is_of_built(attribute):
        with _LOCK:
            unbuilt = vars(function).get(_UNBUILT)  # None: another thread has just built it, or the attribute is none.
            if unbuilt is not None:
                state = unbuilt.build()
                # What was set before stays, as it would if it had been set later.
                vars(function).update({key: value for key, value in state.items() if key not in vars(function)})
                del vars(function)[_UNBUILT]
                return getattr(function, attribute)
        if attribute in vars(function):
            return vars(function)[attribute]
    raise AttributeError(f"{type(function).__name__!r} object has no attribute {attribute!r}")


def _is_of_built(attribute: str) -> bool:
    if attribute in ("__name__", "__signature__", "__wrapped__"):
        return True
    # What TensorFlow keeps of an object in a checkpoint, the object can have without being built.
    return not attribute.startswith(("__", "_self_", "_rehub_")) and attribute not in _OF_LAYERS


@functools.lru_cache(maxsize=None)
def concrete_function_class() -> Any:
    """The class of lazy concrete functions: a `ConcreteFunction`, to be made of a `Library` and a name in it."""

    class LazyConcreteFunction(tf_internals.restored_functions.restored_concrete_function_class()):  # type: ignore[misc]
        def __init__(self, library: Library, name: str) -> None:
            # Not that of the class above, which takes the function that is not there yet.
            self._rehub_unbuilt = UnbuiltFunction(library, name)
            self._rehub_traces = None

        __getattr__ = _attribute_of_built
        __reduce_ex__ = refuse_to_copy_function
        __copy__ = copy_function

        @property
        def captured_inputs(self) -> Any:
            unbuilt = vars(self).get(_UNBUILT)
            return super().captured_inputs if unbuilt is None else unbuilt.captured_inputs()

        @property
        def variables(self) -> Any:
            unbuilt = vars(self).get(_UNBUILT)
            return super().variables if unbuilt is None else unbuilt.variables()

        @property
        def trainable_variables(self) -> Any:
            return tuple(variable for variable in self.variables if variable.trainable)

        @property
        def structured_input_signature(self) -> Any:
            unbuilt = vars(self).get(_UNBUILT)
            return super().structured_input_signature if unbuilt is None else unbuilt.structure()[0]

        @property
        def structured_outputs(self) -> Any:
            unbuilt = vars(self).get(_UNBUILT)
            return super().structured_outputs if unbuilt is None else unbuilt.structure()[1]

        def _call_impl(self, args: Any, kwargs: Any) -> Any:
            unbuilt = vars(self).get(_UNBUILT)
            if unbuilt is not None and tf_internals.tracing.is_plain_eager():
                tensors = unbuilt.bind(self, args, kwargs)
                if tensors is not None:
                    return self._call_flat(tensors, unbuilt.captured_inputs())
            return super()._call_impl(args, kwargs)

        def _call_flat(self, tensor_inputs: Any, captured_inputs: Any) -> Any:
            unbuilt = vars(self).get(_UNBUILT)
            if unbuilt is not None and tf_internals.tracing.is_plain_eager():
                run = unbuilt.run()
                arguments = [*tensor_inputs, *captured_inputs]
                if (
                    run is not None
                    and len(arguments) == run.number_of_inputs
                    and not tf_internals.tracing.is_recorded(arguments)
                ):
                    return run(arguments)
            return super()._call_flat(tensor_inputs, captured_inputs)

    return LazyConcreteFunction


class UnbuiltFunction:
    """What is known of a concrete function without its graph.

    Attributes:
        captured: the objects that it captures, which it owns: variables, tables, assets, tensors.
        spec: the FunctionSpec message that names its arguments, or None.
    """

    def __init__(self, library: Library, name: str) -> None:
        self.captured: tuple[Any, ...] = ()
        self.spec: Any = None
        self._library = library
        self._name = name
        self._structure: tuple[Any, Any] | None = None
        self._type: Any = None
        self._run: _Run | None = None

    def build(self) -> dict[str, Any]:
        """Returns the attributes of the function, built."""
        built = self._library.build(self._name)
        state = {**vars(built), "_rehub_captured": self.captured}
        if self.spec is not None:
            captures = tf_internals.functions.capture_types(built)
            structure = (built.structured_input_signature, built.structured_outputs)
            state["_function_type"] = tf_internals.functions.type_from_spec(self.spec, structure, captures)
        return state

    def structure(self) -> tuple[Any, Any]:
        """The structured inputs and outputs."""
        if self._structure is None:
            self._structure = self._library.structure(self._name)
        return self._structure

    def captured_inputs(self) -> list[Any]:
        """The tensors that it captures."""
        return [tf_internals.functions.captured_tensor(obj) for obj in self.captured]

    def variables(self) -> tuple[Any, ...]:
        """The variables that it captures."""
        tf = tf_internals.import_tensorflow()
        return tuple(obj for obj in self.captured if isinstance(obj, tf.Variable))

    def bind(self, function: Any, args: Any, kwargs: Any) -> list[Any] | None:
        """Returns the tensors that a call's arguments are; None where only TensorFlow can tell, or what is wrong."""
        if self._type is None:
            structure = self.structure()
            if self.spec is None:
                self._type = tf_internals.functions.type_from_structure(structure)
            else:
                self._type = tf_internals.functions.type_from_spec(self.spec, structure, {})
        return tf_internals.functions.bind_tensors(function, self._type, args, kwargs)

    def run(self) -> _Run | None:
        """What runs it without its graph; None where that cannot be."""
        if self._run is None:
            outputs = tf_internals.functions.type_from_structure(self.structure())
            if tf_internals.functions.returns_handles(outputs) or any(
                isinstance(obj, TensorWithin) for obj in self.captured
            ):
                return None
            self._run = _Run(self._library, self._name, outputs)
        return self._run


class _Run:
    """Runs a function in TensorFlow's runtime."""

    def __init__(self, library: Library, name: str, kind: Any) -> None:
        self.number_of_inputs = library.number_of_inputs(name)
        self._library = library  # As long as it lives, the runtime knows the function.
        self._call = tf_internals.restored_functions.RuntimeFunction(library.register(name), kind)

    def __call__(self, tensors: list[Any]) -> Any:
        return self._call(tensors)


@functools.lru_cache(maxsize=None)
def function_class() -> Any:
    """The class of lazy functions: a `tf.function`, to be made of a SavedFunction message and its traces by name.

    It says in its own words which arguments it takes; for that it is given the model's handle or path.
    """

    class LazyFunction(tf_internals.restored_functions.restored_function_class()):  # type: ignore[misc]
        def __init__(self, proto: Any, traces: dict[str, Any], handle: str) -> None:
            self._rehub_handle = handle
            self._rehub_unbuilt = _UnbuiltTfFunction(proto, traces)
            self._rehub_traces = tuple(traces.values())

        __getattr__ = _attribute_of_built
        __reduce_ex__ = refuse_to_copy_function
        __copy__ = copy_function

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if tf_internals.tracing.is_plain_eager():
                inputs = tf_internals.functions.canonicalize_inputs(self, args, kwargs)
                if inputs is not None:
                    for trace in map(_Candidate, self._rehub_traces):
                        if tf_internals.functions.is_callable_with(trace, inputs):
                            return tf_internals.functions.call_trace(trace, inputs)
            # In a graph, under a tape, with conversions of its inputs, or not at all.
            try:
                return super().__call__(*args, **kwargs)
            except (TypeError, ValueError, LookupError) as error:
                explained = explain_mismatch(self, args, kwargs, self._rehub_handle)
                if explained is None:
                    raise
                raise explained from error

    return LazyFunction


class _UnbuiltTfFunction:
    def __init__(self, proto: Any, traces: dict[str, Any]) -> None:
        self._proto = proto
        self._traces = traces

    def build(self) -> dict[str, Any]:
        """Returns the attributes of the function, its traces not built."""
        candidates = {name: _Candidate(trace) for name, trace in self._traces.items()}
        return dict(
            vars(
                tf_internals.restored_functions.restored_function(self._proto, candidates, list(self._traces.values()))
            )
        )


class _Candidate:
    """A trace as those see it who choose among several: it is not built for that."""

    def __init__(self, trace: Any) -> None:
        self._trace = trace

    @property
    def graph(self) -> Any:
        """The trace's graph, or what has its structured inputs too."""
        return self._trace if _UNBUILT in vars(self._trace) else self._trace.graph

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._trace, attribute)
