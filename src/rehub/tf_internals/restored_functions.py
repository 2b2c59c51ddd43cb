"""Functions of a SavedModel, run without a graph in Python or built step by step."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any, Iterator

from rehub.tf_internals.gradients import class_with_gradient_lock, lock_gradient_building
from rehub.tf_internals.variables import has_only_cpus


def restored_concrete_function_class() -> Any:
    """Return the class of a restored model's concrete functions, with the lock for building gradients.

    Seen in 2.15, 2.21.
    """
    return class_with_gradient_lock(importlib.import_module("tensorflow.python.saved_model.load")._WrapperFunction)


def restored_function(proto: Any, candidates: dict[str, Any], traces: list[Any]) -> Any:
    """Make the function of a SavedFunction message. Seen in 2.15, 2.21.

    Args:
        candidates: a stand-in for each trace, by name, among which a call chooses.
    """
    from tensorflow.python.saved_model import function_deserialization

    # Hide the traces while the function is made: TensorFlow would set them up. Each call reads them in the message.
    names = list(proto.concrete_functions)
    del proto.concrete_functions[:]
    function = function_deserialization.recreate_function(proto, candidates)
    proto.concrete_functions.extend(names)
    function.concrete_functions.extend(traces)
    return function


def restored_function_class() -> Any:
    """Return the class of a restored model's functions. Seen in 2.15, 2.21."""
    return importlib.import_module("tensorflow.python.saved_model.function_deserialization").RestoredFunction


class RuntimeFunction:
    """A function that is registered with TensorFlow's runtime, called eagerly. Seen in 2.15, 2.21.

    Grappler rewrites its graph in the first call, in one pass. TensorFlow's default is two; the second takes longer
    than it gains (`python benchmarks/load.py`). On CPUs, passes for other devices are left out.

    Args:
        name: its name in the runtime.
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
        """Where its ops were defined, if known; for error messages."""
        return self._context.get_graph_debug_info(self.name)

    def __call__(self, tensors: list[Any]) -> Any:
        """Run it; return its outputs in their structure."""
        with self._explain_errors, _rewrite_quickly(self._context, self._runs_on_cpus):
            outputs = self._context.call_function(self.name, tensors, self._number_of_outputs)
        return self._kind.pack_output(outputs)


@contextlib.contextmanager
def _rewrite_quickly(context: Any, on_cpus: bool) -> Iterator[None]:
    """Limit Grappler to passes that gain time, in functions that this thread calls for the first time."""
    usual = context.function_call_options
    context.function_call_options = _make_quick_options(usual.executor_type, usual.config_proto_serialized, on_cpus)
    try:
        yield
    finally:
        context.function_call_options = usual


@functools.lru_cache(maxsize=16)
def _make_quick_options(executor: str, config: bytes, on_cpus: bool) -> Any:
    """Return options by which Grappler makes one pass, except where the user has set options.

    On CPUs its passes for layouts and memory, and MLIR's, take a third of its time and change nothing that runs.
    """
    from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
    from tensorflow.python.eager import context

    rewriter = rewriter_config_pb2.RewriterConfig
    changed = config_pb2.ConfigProto.FromString(config)
    rewrite_options = changed.graph_options.rewrite_options
    if rewrite_options.meta_optimizer_iterations == rewriter.DEFAULT_NUM_ITERS:
        rewrite_options.meta_optimizer_iterations = rewriter.ONE
    if on_cpus:
        if rewrite_options.layout_optimizer == rewriter.DEFAULT:
            rewrite_options.layout_optimizer = rewriter.OFF
        if rewrite_options.memory_optimization == rewriter.DEFAULT_MEM_OPT:
            rewrite_options.memory_optimization = rewriter.NO_MEM_OPT
        rewrite_options.disable_tfg_optimizer = True
    return context.FunctionCallOptions(executor, changed)


class FunctionDeserializer:
    """TensorFlow's steps from FunctionDefs to concrete functions. Seen in 2.15, 2.21."""

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
        """Wrap a graph that was made from a FunctionDef."""
        from tensorflow.core.function.polymorphism import function_type
        from tensorflow.python.eager import function

        # These shapes of inputs can contradict those of the graph.
        definition.attr.pop("_input_shapes", None)
        kind = function_type.from_structured_signature(
            graph.structured_input_signature, graph.structured_outputs, graph.function_captures.capture_types
        )
        concrete = function.ConcreteFunction.from_func_graph(graph, kind, attrs=definition.attr)
        return lock_gradient_building(restored_concrete_function_class()(concrete))

    def add_function(self, definition: Any) -> None:
        """Register a FunctionDef with the runtime."""
        self._context.context().add_function_def(definition)

    def remove_function(self, name: str) -> None:
        """Remove a function from the runtime, if it is still registered."""
        context = self._context.context()
        if context.has_function(name):
            context.remove_function(name)

    def register_gradient(self, op_type: str, concrete: Any) -> None:
        """Register a concrete function as the gradient of an op type."""
        self.ops.RegisterGradient(op_type)(self._gradient_of(concrete))


@functools.lru_cache(maxsize=None)
def function_deserializer() -> FunctionDeserializer:
    """Return TensorFlow's steps from FunctionDefs to concrete functions."""
    return FunctionDeserializer()
