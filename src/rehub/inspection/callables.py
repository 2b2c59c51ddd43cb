"""The functions of a TF2 object, with the ways in which each was traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from rehub.inspection.model_info import CallableInfo, TensorInfo, TraceInfo
from rehub.savedmodel.object_graph import ObjectGraph, SavedObject
from rehub.savedmodel.protos import FunctionSpec, SavedBareConcreteFunction, SavedConcreteFunction, SavedFunction
from rehub.savedmodel.structures import NamedTuple, Spec, Structure, Written, leaves, read_structure
from rehub.savedmodel.wire import Message, WireError

_MOST_LEAVES = 2_000_000  # Files that say the same little structure again and again would take hours else.


@dataclass(frozen=True)
class Trace:
    """One way in which a function was traced.

    Attributes:
        positional, keywords: its arguments: tensors, plain values, and nests of them.
        outputs: what it returns.
        captures: the numbers of the objects that it uses: variables, tables, constants.
    """

    positional: tuple[Structure, ...]
    keywords: Mapping[str, Structure]
    outputs: Structure
    captures: tuple[int, ...]


@dataclass(frozen=True)
class Function:
    """A function of a TF2 object.

    Attributes:
        info: what `hub.inspect` tells of it.
        defaults: the values of arguments that need not be given.
        traces: those of `info`, with their nests.
    """

    info: CallableInfo
    defaults: Mapping[str, Structure]
    traces: tuple[Trace, ...]


def read_functions(graph: ObjectGraph) -> tuple[Function, ...]:
    """Returns the functions of a model, sorted by path.

    Raises:
        WireError: they cannot be read.
    """
    reader = _Reader(graph)
    functions = (reader.function(graph.path(number), obj) for number, obj in graph.functions())
    return tuple(sorted(functions, key=lambda function: function.info.path))


def named_arguments(arguments: tuple[str, ...], trace: Trace) -> dict[str, Structure]:
    """Returns the arguments of a trace by name; `args[0]` is the first of those that have none."""
    further = len(trace.positional) - len(arguments)
    names = [*arguments, *(f"args[{index}]" for index in range(further))]
    return {**dict(zip(names, trace.positional)), **trace.keywords}


class _Reader:
    """Reads functions; what many have in common, such as the type of an image, is read once."""

    def __init__(self, graph: ObjectGraph) -> None:
        self._graph = graph
        self._structures: dict[bytes, Structure] = {}
        self._traces: dict[tuple[tuple[str, ...], str], tuple[Trace, TraceInfo]] = {}
        self._leaves = 0

    def function(self, path: str, obj: SavedObject) -> Function:
        is_bare = obj.kind == "bare function"
        spec = obj.body.message(SavedBareConcreteFunction.function_spec if is_bare else SavedFunction.function_spec)
        arguments, defaults = _arguments(self._structure(spec.message(FunctionSpec.fullargspec)))
        if is_bare and not arguments:
            arguments = tuple(obj.body.texts(SavedBareConcreteFunction.argument_keywords))
        if arguments[:1] == ("self",):
            arguments = arguments[1:]
        traces: dict[TraceInfo, Trace] = {}
        names = SavedBareConcreteFunction.concrete_function_name if is_bare else SavedFunction.concrete_functions
        for name in dict.fromkeys(obj.body.texts(names)):
            trace, info = self._trace(arguments, name)
            traces.setdefault(info, trace)
        return Function(CallableInfo(path, arguments, tuple(traces)), defaults, tuple(traces.values()))

    def _trace(self, arguments: tuple[str, ...], name: str) -> tuple[Trace, TraceInfo]:
        key = (arguments, name)
        if key not in self._traces:
            trace = self._read_trace(name)
            self._traces[key] = trace, self._info(arguments, trace)
        return self._traces[key]

    def _read_trace(self, name: str) -> Trace:
        concrete = self._graph.concrete_functions.get(name)
        if concrete is None:
            raise WireError(f"the object graph has no function {name!r}, which one of its objects names")
        arguments = self._structure(concrete.message(SavedConcreteFunction.canonicalized_input_signature))
        outputs = self._structure(concrete.message(SavedConcreteFunction.output_signature))
        positional, keywords = arguments if isinstance(arguments, tuple) and len(arguments) == 2 else ((), {})
        return Trace(
            tuple(positional) if isinstance(positional, (list, tuple)) else (),
            keywords if isinstance(keywords, dict) else {},
            outputs,
            tuple(concrete.packed_integers(SavedConcreteFunction.bound_inputs)),
        )

    def _info(self, arguments: tuple[str, ...], trace: Trace) -> TraceInfo:
        inputs, literals = [], []
        for name, value in named_arguments(arguments, trace).items():
            for path, leaf in self._leaves_of(value, name):
                if isinstance(leaf, Spec):
                    inputs.append(TensorInfo(path, leaf.dtype, leaf.shape, leaf.kind))
                else:
                    literals.append((path, leaf.text if isinstance(leaf, Written) else repr(leaf)))
        outputs = [
            TensorInfo(path, leaf.dtype, leaf.shape, leaf.kind)
            for path, leaf in self._leaves_of(trace.outputs, "")
            if isinstance(leaf, Spec)
        ]
        return TraceInfo(tuple(inputs), tuple(literals), tuple(outputs))

    def _leaves_of(self, structure: Structure, path: str) -> list[tuple[str, Structure]]:
        found = list(leaves(structure, path))
        self._leaves += len(found)
        if self._leaves > _MOST_LEAVES:
            raise WireError(f"its functions take and return more than {_MOST_LEAVES:,} values")
        return found

    def _structure(self, message: Message) -> Structure:
        content = message.content()
        if content not in self._structures:
            self._structures[content] = read_structure(Message(content))
        return self._structures[content]


def _arguments(specification: Structure) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of the positional arguments in an `inspect.FullArgSpec`, and the defaults by name."""
    if not isinstance(specification, NamedTuple):
        return (), {}
    fields = dict(specification.fields)
    names = [name for name in fields.get("args") or () if isinstance(name, str)]
    values = list(fields.get("defaults") or ())
    defaults = dict(zip(names[len(names) - len(values) :], values))
    defaults.update(fields.get("kwonlydefaults") or {})
    return tuple(names), defaults
