"""Read a `saved_model.pb` without its functions, which are parsed one by one when they are used.

Functions are most of the file, and a call needs a few of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Iterator

from rehub import tf_internals
from rehub.errors import CorruptModel
from rehub.savedmodel.protos import FunctionDef, FunctionDefLibrary, GraphDef, MetaGraphDef, OpDef, SavedModel
from rehub.savedmodel.wire import BYTES, Message, Span, WireError, encode_field_start, read_strictly, read_varint


@dataclass(frozen=True)
class ModelFile:
    """The content of a `saved_model.pb` with one MetaGraph.

    Attributes:
        metagraph: the MetaGraphDef, without the function library of its graph.
    """

    metagraph: Any
    functions: Functions
    registered_gradients: tuple[Any, ...]


class Functions(Mapping):  # type: ignore[type-arg]  # Python 3.7 has no Mapping[str, Any] to derive from.
    """FunctionDefs by name, each parsed when it is first used.

    Args:
        spans: where each function starts and ends in them.
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
            function = tf_internals.protos.parse_message("FunctionDef", self._buffer[start:end])
            if function is None or function.signature.name != name:
                raise CorruptModel(
                    f"{self._path!r}: the function {name!r} cannot be read, at byte {start}. The file is damaged: copy "
                    "or download it again."
                )
            self._parsed[name] = function
        return self._parsed[name]

    def ops(self) -> set[str]:
        """Return the ops that the functions use. The functions parsed for this are not kept."""
        used: set[str] = set()
        for start, end in self._spans.values():
            function = tf_internals.protos.parse_message("FunctionDef", self._buffer[start:end])
            used.update(node.op for node in getattr(function, "node_def", ()))
        return used - set(self._spans)


def read_model_file(path: str, content: bytes) -> ModelFile | None:
    """Read a `saved_model.pb`.

    Returns:
        Its content; None if it has several MetaGraphs, or writes a field in pieces, which no known writer does.

    Raises:
        CorruptModel: the bytes are not a SavedModel; says where.
    """
    return read_strictly(path, lambda: _parse_content(path, content))


def is_function(node: Any) -> bool:
    """Whether a node of a SavedObjectGraph is a function."""
    return node.WhichOneof("kind") in ("function", "bare_concrete_function")


def _parse_content(path: str, content: bytes) -> ModelFile | None:
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
        spans = {_function_name(content, span): span for span in library.spans(FunctionDefLibrary.function)}
        gradients = [content[start:end] for start, end in library.spans(FunctionDefLibrary.registered_gradients)]
    rest = _remove_field(content, metagraphs[0], MetaGraphDef.graph_def, graphs)
    graph = _remove_field(content, graphs[0], GraphDef.library, libraries)
    if rest is None or graph is None:
        return None
    content_without_functions = rest + encode_field_start(MetaGraphDef.graph_def, len(graph)) + graph
    metagraph = tf_internals.protos.parse_message("MetaGraphDef", content_without_functions)
    parsed = tuple(tf_internals.protos.parse_message("RegisteredGradient", each) for each in gradients)
    if metagraph is None or None in parsed:
        raise WireError("its messages are not those of a SavedModel")
    return ModelFile(metagraph, Functions(path, content, spans), parsed)


def _function_name(content: bytes, function: Span) -> str:
    """Return the name of a function, which TensorFlow writes first in the signature, and that first in the function."""
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


def _remove_field(content: bytes, message: Span, number: int, spans: list[Span]) -> bytes | None:
    """Return a message without a field that occurs at most once; None if the field is written in an unusual way."""
    start, end = message
    for value_start, value_end in spans:
        key = encode_field_start(number, value_end - value_start)
        if content[value_start - len(key) : value_start] != key:
            return None
        return content[start : value_start - len(key)] + content[value_end:end]
    return content[start:end]
