"""Freeze functions: their variables become constants, with numbers as they are or in bfloat16."""

from __future__ import annotations

import functools
import uuid
from dataclasses import dataclass
from typing import Any, Callable

from rehub import tf_internals
from rehub.formatting import format_size

# The limit of a protobuf message, which a graph is.
_LARGEST_GRAPH = 2**31 - 2**20
# For a model of 100 MB (ResNet50), TensorFlow's converter, Grappler and the runtime took up to 3.1 GB.
_COPIES = 40
_BF16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86: the first two; ARM: the last.


@dataclass(frozen=True)
class FrozenGraph:
    """A function as one graph without variables.

    Attributes:
        inputs: the names of its input tensors: the function's arguments, then its captures.
        outputs: the names of the tensors that it returns.
        captured: what it still captures, such as tables.
    """

    graph_def: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    captured: tuple[Any, ...]


def why_too_large(trace: Any) -> str:
    """Return why a function's variables cannot be constants of a graph here; "" if they can."""
    size = sum(variable.dtype.size * (variable.shape.num_elements() or 0) for variable in trace.variables)
    if size > _LARGEST_GRAPH:
        return f"its variables take {format_size(size)}, and a graph holds no more than 2 GB"
    free = _free_memory()
    if free is not None and size * _COPIES > free:
        return (
            f"its variables take {format_size(size)}, of which there are up to {_COPIES} copies while forms are made "
            f"and compared, and {format_size(free)} of memory are free"
        )
    return ""


def _free_memory() -> int | None:
    """Return the machine's free memory in bytes; None if unknown."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            kilobytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    except OSError:  # Not Linux.
        return None
    return None if kilobytes is None else int(kilobytes) * 1024


def freeze_function(call: Callable[[Any], Any], structure: Any) -> FrozenGraph:
    """Make a function's variables constants of its graph, and inline the functions that it calls.

    Args:
        call: calls the function with its arguments, a pair of positional and keyword ones.
        structure: its structured input signature.
    """
    tf = tf_internals.import_tensorflow()

    @tf_internals.tracing.no_autograph
    def call_with_tensors(*tensors: Any) -> list[Any]:
        return [output for output in _flatten_tensors(call(_replace_tensors(structure, tensors))) if output is not None]

    specs = [leaf for leaf in _flatten_tensors(structure) if isinstance(leaf, tf.TensorSpec)]
    # Give each a unique name: an input of a signature and one of a nest can have the same.
    specs = [tf.TensorSpec(spec.shape, spec.dtype, f"input_{i}") for i, spec in enumerate(specs)]
    function = tf.function(call_with_tensors, autograph=False).get_concrete_function(*specs)
    # TensorFlow's converter loses the captures that remain, such as tables.
    captured = {inner.name: outer for inner, outer in zip(function.inputs[len(specs) :], function.captured_inputs)}
    frozen = tf_internals.freezing.freeze_variables(function)
    remaining = [tensor.name for tensor in frozen.inputs if tensor.name in captured]
    return FrozenGraph(
        frozen.graph.as_graph_def(),
        (*(tensor.name for tensor in function.inputs[: len(specs)]), *remaining),
        tuple(tensor.name for tensor in frozen.outputs),
        tuple(captured[name] for name in remaining),
    )


def convert_to_bfloat16(frozen: FrozenGraph) -> FrozenGraph | None:
    """Convert the ops that gain by it to bfloat16, with their constants; return None if there are none.

    Inputs and outputs keep their dtypes. TensorFlow's own lists say which ops tolerate bfloat16.
    """
    tf = tf_internals.import_tensorflow()
    graph_def = tf_internals.freezing.convert_to_bfloat16(frozen.graph_def, frozen.inputs + frozen.outputs)
    number = tf.bfloat16.as_datatype_enum
    if not any(attribute.type == number for node in graph_def.node for attribute in node.attr.values()):
        return None
    return FrozenGraph(graph_def, frozen.inputs, frozen.outputs, frozen.captured)


@functools.lru_cache(maxsize=None)
def cpu_has_bfloat16() -> bool:
    """Whether the CPU is known to have instructions for bfloat16, and is the only device."""
    if not tf_internals.variables.has_only_cpus():
        return False
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:  # Not Linux.
        return False
    return not _BF16_INSTRUCTIONS.isdisjoint(flags.split())


def make_function(frozen: FrozenGraph, trace: Any, name: str) -> Any:
    """Make a concrete function of a frozen graph, called like the trace it was made from. The graph is changed."""
    tf = tf_internals.import_tensorflow()
    structure, outputs = trace.structured_input_signature, trace.structured_outputs
    _make_names_unique(frozen.graph_def)
    for definition in frozen.graph_def.library.function:
        # An import adds it to the graph only. The runtime keeps it, as other functions may call this one later. It is
        # the body of a conditional or a loop, without weights.
        tf_internals.restored_functions.function_deserializer().add_function(definition)

    @tf_internals.tracing.no_autograph
    def body(*args: Any, **kwargs: Any) -> Any:
        tensors = [leaf for leaf in _flatten_tensors((args, kwargs)) if tf.is_tensor(leaf)]
        graph = tf.compat.v1.get_default_graph()
        captured = [graph.capture(tensor) for tensor in frozen.captured]
        found = tf.graph_util.import_graph_def(
            frozen.graph_def,
            input_map=dict(zip(frozen.inputs, (*tensors, *captured))),
            return_elements=list(frozen.outputs),
            name="",
        )
        # The trace can have more precise shapes than its ops: its author may have called set_shape().
        for tensor, spec in zip(found, _tensors_or_specs(outputs)):
            tensor.set_shape(spec.shape)
        return _replace_tensors(outputs, found)

    body.__name__ = name
    args, kwargs = structure
    # In the order in which a call's arguments are flattened.
    kwargs = tf_internals.tracing.callable_keywords(trace, {key: kwargs[key] for key in sorted(kwargs)})
    function = tf.function(body, autograph=False).get_concrete_function(*args, **kwargs)
    tf_internals.tracing.copy_arg_convention(function, trace)
    return function


def _make_names_unique(graph_def: Any) -> None:
    """Rename the functions in a graph: the runtime has one of each name, and each form has its own."""
    library = graph_def.library
    suffix = f"_{uuid.uuid4().hex}"
    names = {function.signature.name for function in library.function}
    for nodes in (graph_def.node, *(function.node_def for function in library.function)):
        for node in nodes:
            if node.op in names:
                node.op += suffix
            for attribute in node.attr.values():
                for called in [attribute.func] if attribute.HasField("func") else attribute.list.func:
                    if called.name in names:
                        called.name += suffix
    for function in library.function:
        function.signature.name += suffix
    for gradient in library.gradient:
        gradient.function_name += suffix if gradient.function_name in names else ""
        gradient.gradient_func += suffix if gradient.gradient_func in names else ""


def _flatten_tensors(structure: Any) -> Any:
    return tf_internals.import_tensorflow().nest.flatten(structure, expand_composites=True)


def _tensors_or_specs(structure: Any) -> list[Any]:
    tf = tf_internals.import_tensorflow()
    return [leaf for leaf in _flatten_tensors(structure) if isinstance(leaf, tf.TensorSpec) or tf.is_tensor(leaf)]


def _replace_tensors(structure: Any, tensors: Any) -> Any:
    """Return a structure with other tensors in place of its tensors and specs."""
    tf = tf_internals.import_tensorflow()
    remaining = iter(tensors)
    leaves = _flatten_tensors(structure)
    replaced = [next(remaining) if isinstance(leaf, tf.TensorSpec) or tf.is_tensor(leaf) else leaf for leaf in leaves]
    return tf.nest.pack_sequence_as(structure, replaced, expand_composites=True)
