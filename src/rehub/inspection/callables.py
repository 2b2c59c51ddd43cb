"""The functions of a TF2 object, with the traces of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from rehub.inspection.model_info import CallableInfo, TensorInfo, TraceInfo
from rehub.savedmodel.object_graph import ObjectGraph, SavedObject
from rehub.savedmodel.protos import FunctionSpec, SavedBareConcreteFunction, SavedConcreteFunction, SavedFunction
from rehub.savedmodel.structures import NamedTuple, Repr, Spec, Structure, flatten, read_structure
from rehub.savedmodel.wire import Message, WireError

_MAX_VALUES = 2_000_000  # A file that repeats one structure could take hours.


@dataclass(frozen=True)
class FunctionTrace:
    """One trace of a function.

    Attributes:
        positional, keywords: its arguments: tensors, Python values, and nests of them.
        outputs: its results.
        captures: the indices of the objects that it uses: variables, tables, constants.
    """

    positional: tuple[Structure, ...]
    keywords: Mapping[str, Structure]
    outputs: Structure
    captures: tuple[int, ...]


@dataclass(frozen=True)
class Function:
    """A function of a TF2 object.

    Attributes:
        info: what `hub.inspect` returns about it.
        defaults: the default values of its arguments, by name.
        traces: the traces of `info`, with nested arguments.
    """

    info: CallableInfo
    defaults: Mapping[str, Structure]
    traces: tuple[FunctionTrace, ...]


def read_functions(graph: ObjectGraph) -> tuple[Function, ...]:
    """Return the functions of a model, sorted by path.

    Raises:
        WireError: they cannot be read.
    """
    reader = _FunctionReader(graph)
    functions = (reader.read_function(graph.path(number), obj) for number, obj in graph.functions())
    return tuple(sorted(functions, key=lambda function: function.info.path))


def named_arguments(arguments: tuple[str, ...], trace: FunctionTrace) -> dict[str, Structure]:
    """Return the arguments of a trace by name; the first without a name is `args[0]`."""
    unnamed = len(trace.positional) - len(arguments)
    names = [*arguments, *(f"args[{index}]" for index in range(unnamed))]
    return {**dict(zip(names, trace.positional)), **trace.keywords}


class _FunctionReader:
    """Reads functions. Each structure, such as the type of an image, is read once for all of them."""

    def __init__(self, graph: ObjectGraph) -> None:
        self._graph = graph
        self._structures: dict[bytes, Structure] = {}
        self._traces: dict[tuple[tuple[str, ...], str], tuple[FunctionTrace, TraceInfo]] = {}
        self._values = 0

    def read_function(self, path: str, obj: SavedObject) -> Function:
        is_bare = obj.kind == "bare function"
        spec = obj.body.message(SavedBareConcreteFunction.function_spec if is_bare else SavedFunction.function_spec)
        arguments, defaults = _read_argument_names(self._read_structure_once(spec.message(FunctionSpec.fullargspec)))
        if is_bare and not arguments:
            arguments = tuple(obj.body.texts(SavedBareConcreteFunction.argument_keywords))
        if arguments[:1] == ("self",):
            arguments = arguments[1:]
        traces: dict[TraceInfo, FunctionTrace] = {}
        for name in dict.fromkeys(
            obj.body.texts(
                SavedBareConcreteFunction.concrete_function_name if is_bare else SavedFunction.concrete_functions
            )
        ):
            trace, info = self._read_trace_once(arguments, name)
            traces.setdefault(info, trace)
        return Function(CallableInfo(path, arguments, tuple(traces)), defaults, tuple(traces.values()))

    def _read_trace_once(self, arguments: tuple[str, ...], name: str) -> tuple[FunctionTrace, TraceInfo]:
        key = (arguments, name)
        if key not in self._traces:
            trace = self._read_trace(name)
            self._traces[key] = trace, self._describe_trace(arguments, trace)
        return self._traces[key]

    def _read_trace(self, name: str) -> FunctionTrace:
        concrete = self._graph.concrete_functions.get(name)
        if concrete is None:
            raise WireError(f"the object graph lacks the function {name!r}, which an object of it names")
        arguments = self._read_structure_once(concrete.message(SavedConcreteFunction.canonicalized_input_signature))
        outputs = self._read_structure_once(concrete.message(SavedConcreteFunction.output_signature))
        positional, keywords = arguments if isinstance(arguments, tuple) and len(arguments) == 2 else ((), {})
        return FunctionTrace(
            tuple(positional) if isinstance(positional, (list, tuple)) else (),
            keywords if isinstance(keywords, dict) else {},
            outputs,
            tuple(concrete.packed_integers(SavedConcreteFunction.bound_inputs)),
        )

    def _describe_trace(self, arguments: tuple[str, ...], trace: FunctionTrace) -> TraceInfo:
        inputs, literals = [], []
        for name, value in named_arguments(arguments, trace).items():
            for path, leaf in self._flatten_within_limit(value, name):
                if isinstance(leaf, Spec):
                    inputs.append(TensorInfo(path, leaf.dtype, leaf.shape, leaf.kind))
                else:
                    literals.append((path, leaf.text if isinstance(leaf, Repr) else repr(leaf)))
        outputs = [
            TensorInfo(path, leaf.dtype, leaf.shape, leaf.kind)
            for path, leaf in self._flatten_within_limit(trace.outputs, "")
            if isinstance(leaf, Spec)
        ]
        return TraceInfo(tuple(inputs), tuple(literals), tuple(outputs))

    def _flatten_within_limit(self, structure: Structure, path: str) -> list[tuple[str, Structure]]:
        found = list(flatten(structure, path))
        self._values += len(found)
        if self._values > _MAX_VALUES:
            raise WireError(f"its functions have more than {_MAX_VALUES:,} arguments and results")
        return found

    def _read_structure_once(self, message: Message) -> Structure:
        content = message.content()
        if content not in self._structures:
            self._structures[content] = read_structure(Message(content))
        return self._structures[content]


def _read_argument_names(specification: Structure) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of the positional arguments in an `inspect.FullArgSpec`, and the defaults by name."""
    if not isinstance(specification, NamedTuple):
        return (), {}
    fields = dict(specification.fields)
    names = [name for name in fields.get("args") or () if isinstance(name, str)]
    values = list(fields.get("defaults") or ())
    defaults = dict(zip(names[len(names) - len(values) :], values))
    defaults.update(fields.get("kwonlydefaults") or {})
    return tuple(names), defaults
