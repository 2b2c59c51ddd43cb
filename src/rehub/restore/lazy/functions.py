"""What is known of a restored function before its graph is built in Python."""

from __future__ import annotations

import threading
from typing import Any

from rehub import tf_internals
from rehub.restore.lazy.function_library import FunctionLibrary, TensorWithin

UNBUILT = "_rehub_unbuilt"
_LOCK = threading.RLock()
# TensorFlow asks each member of a list whether it has these, which layers have.
_OF_LAYERS = ("_use_resource_variables", "_attribute_sentinel")


def get_built_attribute(function: Any, attribute: str) -> Any:
    """Return an attribute of a lazy function that Python did not find, and build the function for that.

    It is the `__getattr__` of lazy functions.
    """
    if _needs_building(attribute):
        with _LOCK:
            # None if another thread has just built it, or if there is no such attribute.
            unbuilt = vars(function).get(UNBUILT)
            if unbuilt is not None:
                state = unbuilt.build()
                # Attributes that were set before stay, as if they had been set later.
                vars(function).update({key: value for key, value in state.items() if key not in vars(function)})
                del vars(function)[UNBUILT]
                return getattr(function, attribute)
        if attribute in vars(function):
            return vars(function)[attribute]
    raise AttributeError(f"{type(function).__name__!r} object has no attribute {attribute!r}")


def _needs_building(attribute: str) -> bool:
    if attribute in ("__name__", "__signature__", "__wrapped__"):
        return True
    # An object can have what TensorFlow keeps of it in a checkpoint without being built.
    return not attribute.startswith(("__", "_self_", "_rehub_")) and attribute not in _OF_LAYERS


class UnbuiltConcreteFunction:
    """What is known of a concrete function without its graph.

    Attributes:
        captured: the objects that it captures, and retains: variables, tables, assets, tensors.
        spec: the FunctionSpec message that names its arguments, or None.
    """

    def __init__(self, library: FunctionLibrary, name: str) -> None:
        self.captured: tuple[Any, ...] = ()
        self.spec: Any = None
        self._library = library
        self._name = name
        self._structure: tuple[Any, Any] | None = None
        self._type: Any = None
        self._runner: _FunctionRunner | None = None

    def build(self) -> dict[str, Any]:
        """Return the attributes of the function, built."""
        built = self._library.build(self._name)
        state = {**vars(built), "_rehub_captured": self.captured}
        if self.spec is not None:
            captures = tf_internals.functions.capture_types(built)
            structure = (built.structured_input_signature, built.structured_outputs)
            state["_function_type"] = tf_internals.functions.type_from_spec(self.spec, structure, captures)
        return state

    def structure(self) -> tuple[Any, Any]:
        """Return the structured inputs and outputs."""
        if self._structure is None:
            self._structure = self._library.structure(self._name)
        return self._structure

    def captured_inputs(self) -> list[Any]:
        """Return the tensors that it captures."""
        return [tf_internals.functions.captured_tensor(obj) for obj in self.captured]

    def variables(self) -> tuple[Any, ...]:
        """Return the variables that it captures."""
        tf = tf_internals.import_tensorflow()
        return tuple(obj for obj in self.captured if isinstance(obj, tf.Variable))

    def bind_tensors(self, function: Any, args: Any, kwargs: Any) -> list[Any] | None:
        """Return the tensors that a call's arguments are; None where only TensorFlow can tell, or say what is wrong."""
        if self._type is None:
            structure = self.structure()
            if self.spec is None:
                self._type = tf_internals.functions.type_from_structure(structure)
            else:
                self._type = tf_internals.functions.type_from_spec(self.spec, structure, {})
        return tf_internals.functions.bind_tensors(function, self._type, args, kwargs)

    def get_runner(self) -> _FunctionRunner | None:
        """Return what runs it without its graph; None where that is not possible."""
        if self._runner is None:
            outputs = tf_internals.functions.type_from_structure(self.structure())
            captures_tensor = any(isinstance(obj, TensorWithin) for obj in self.captured)
            if captures_tensor or tf_internals.functions.returns_handles(outputs):
                return None
            self._runner = _FunctionRunner(self._library, self._name, outputs)
        return self._runner


class _FunctionRunner:
    """Runs a function in TensorFlow's runtime."""

    def __init__(self, library: FunctionLibrary, name: str, kind: Any) -> None:
        self.number_of_inputs = library.number_of_inputs(name)
        self._library = library  # The runtime knows the function as long as the library lives.
        self._call = tf_internals.restored_functions.RuntimeFunction(library.register(name), kind)

    def __call__(self, tensors: list[Any]) -> Any:
        return self._call(tensors)


class UnbuiltFunction:
    """What is known of a `tf.function` without what TensorFlow makes of its SavedFunction message."""

    def __init__(self, proto: Any, traces: dict[str, Any]) -> None:
        self._proto = proto
        self._traces = traces

    def build(self) -> dict[str, Any]:
        """Return the attributes of the function, its traces not built."""
        candidates = {name: TraceCandidate(trace) for name, trace in self._traces.items()}
        traces = list(self._traces.values())
        return dict(vars(tf_internals.restored_functions.restored_function(self._proto, candidates, traces)))


class TraceCandidate:
    """A trace, for the code that chooses among several: choosing does not build it."""

    def __init__(self, trace: Any) -> None:
        self._trace = trace

    @property
    def graph(self) -> Any:
        """The trace's graph, or the trace itself, which has its structured inputs too."""
        return self._trace if UNBUILT in vars(self._trace) else self._trace.graph

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._trace, attribute)
