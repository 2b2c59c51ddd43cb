"""Reads a `saved_model.pb` but for its functions, which are found, and parsed one by one when they are asked for.

The functions are most of the file, and a call needs a few of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Iterator

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.savedmodel.protos import FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, OpDef, SavedModel
from rehub.savedmodel.wire import BYTES, Message, Span, WireError, read_varint
from rehub.savedmodel.wire_writing import sized_key


@dataclass(frozen=True)
class ModelFile:
    """What a `saved_model.pb` of one MetaGraph holds.

    Attributes:
        metagraph: the MetaGraphDef, without the function library of its graph.
        functions: the FunctionDefs by name.
        registered_gradients: the RegisteredGradient messages of the library.
    """

    metagraph: Any
    functions: Functions
    registered_gradients: tuple[Any, ...]


class Functions(Mapping):  # type: ignore[type-arg]  # Python 3.7 has no Mapping[str, Any] to derive from.
    """FunctionDefs by name, each parsed when it is first asked for, and the same from then on.

    Args:
        path: the file, for messages.
        buffer: its bytes.
        spans: where in them each function starts and ends.
    """

    def __init__(self, path: str, buffer: bytes, spans: dict[str, Span]) -> None:
        self._path = path
        self._buffer = buffer
        self._spans = spans
        self._parsed: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, name: object) -> bool:
        return name in self._spans

    def __getitem__(self, name: str) -> Any:
        if name not in self._parsed:
            start, end = self._spans[name]
            function = tf_internals.protos.parse_function(self._buffer[start:end])
            if function is None or function.signature.name != name:
                raise CorruptModel(
                    f"{self._path!r}: the function {name!r} cannot be read, at byte {start}. The file is damaged: copy "
                    "or download it again."
                )
            self._parsed[name] = function
        return self._parsed[name]

    def ops(self) -> set[str]:
        """Returns the ops that the functions use, each function parsed for that and not kept."""
        used: set[str] = set()
        for start, end in self._spans.values():
            function = tf_internals.protos.parse_function(self._buffer[start:end])
            used.update(node.op for node in getattr(function, "node_def", ()))
        return used - set(self._spans)


def read_model_file(path: str, content: bytes) -> ModelFile | None:
    """Reads a `saved_model.pb`.

    Args:
        path: the file, for messages.
        content: its bytes.

    Returns:
        What it holds; None if it has several MetaGraphs, or writes what it has once in pieces, which no writer does.

    Raises:
        CorruptModel: the bytes are no SavedModel; says where.
    """
    try:
        return _read(path, content)
    except WireError as error:
        raise CorruptModel(
            f"{path!r} cannot be read as a SavedModel, {error}. It is cut off or damaged: copy or download it again."
        ) from error


def _read(path: str, content: bytes) -> ModelFile | None:
    metagraphs = list(Message(content).spans(SavedModel.meta_graphs))
    if len(metagraphs) != 1:
        return None
    graphs = list(Message(content, (metagraphs[0],)).spans(MetaGraphDef.graph_def))
    if len(graphs) != 1:
        return None
    libraries = list(Message(content, (graphs[0],)).spans(GraphDef.library))
    if len(libraries) > 1:
        return None
    spans: dict[str, Span] = {}
    gradients = []
    if libraries:
        library = Message(content, (libraries[0],))
        spans = {_name(content, span): span for span in library.spans(FunctionDefLibrary.function)}
        gradients = [content[start:end] for start, end in library.spans(FunctionDefLibrary.registered_gradients)]
    rest = _without(content, metagraphs[0], MetaGraphDef.graph_def, graphs)
    graph = _without(content, graphs[0], GraphDef.library, libraries)
    if rest is None or graph is None:
        return None
    metagraph = tf_internals.protos.parse_metagraph(rest + sized_key(MetaGraphDef.graph_def, len(graph)) + graph)
    parsed = tuple(map(tf_internals.protos.parse_registered_gradient, gradients))
    if metagraph is None or None in parsed:
        raise WireError("its messages are not those of a SavedModel")
    return ModelFile(metagraph, Functions(path, content, spans), parsed)


def _name(content: bytes, function: Span) -> str:
    """The name of a function. It comes first in the signature, and that in the function, where TensorFlow wrote it."""
    start, end = function
    first_of_first = bytes([FunctionDef.signature << 3 | BYTES]), bytes([OpDef.name << 3 | BYTES])
    position, stop = start, end
    for key in first_of_first:
        if content[position : position + 1] != key:
            break
        size, position = read_varint(content, position + 1, stop)
        stop = min(stop, position + size)
    else:
        try:
            return str(content[position:stop], "utf-8")
        except UnicodeDecodeError as error:
            raise WireError(f"byte {position}: the name of a function is not UTF-8 ({error.reason})") from error
    signature = next(Message(content, (function,)).spans(FunctionDef.signature), None)
    return "" if signature is None else Message(content, (signature,)).text(OpDef.name)


def _without(content: bytes, message: Span, number: int, left_out: list[Span]) -> bytes | None:
    """The bytes of a message without a field that occurs once at most; None if it is written in an unusual way."""
    start, end = message
    for value_start, value_end in left_out:
        key = sized_key(number, value_end - value_start)
        if content[value_start - len(key) : value_start] != key:
            return None
        return content[start : value_start - len(key)] + content[value_end:end]
    return content[start:end]
