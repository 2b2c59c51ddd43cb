"""Every node of a `saved_model.pb`: of each graph, and of each function of its library, called or not."""

from __future__ import annotations

from typing import Iterator

from rehub.savedmodel.protos import (
    FunctionDef,
    FunctionDefLibrary,
    GraphDef,
    MapEntry,
    MetaGraphDef,
    MetaInfoDef,
    NodeDef,
    OpDef,
    SavedModel,
)
from rehub.savedmodel.wire import BYTES, Buffer, Message, Span, WireError

_OP_TAG = NodeDef.op << 3 | BYTES
_MOST_METAGRAPHS = 1000  # Models have a few; each takes time, and an empty one takes two bytes.


class Node:
    """A node of a graph or function; what is not asked for is not read.

    Attributes:
        op: the op that it runs, or the function that it calls like an op.
        scope: the graph or function that it is in.
    """

    __slots__ = ("op", "scope", "span")

    def __init__(self, scope: GraphScope, op: str, span: Span) -> None:
        self.scope = scope
        self.op = op
        self.span = span

    @property
    def name(self) -> str:
        """Its name, which no other node of the graph or function has."""
        return self.message.text(NodeDef.name)

    @property
    def message(self) -> Message:
        """Its NodeDef."""
        return Message(self.scope.buffer, (self.span,))

    def inputs(self) -> list[str]:
        """Return its inputs as the graph writes them: "node:1", "^node"; in a function also "node:output:0"."""
        return list(self.message.texts(NodeDef.input))

    def attributes(self) -> Iterator[tuple[str, Message]]:
        """Yield the name and AttrValue of each attribute that is not left at its default."""
        for entry in self.message.messages(NodeDef.attr):
            yield entry.text(MapEntry.key), entry.message(MapEntry.value)

    def attribute(self, name: str) -> Message:
        """Return an attribute's AttrValue; empty where it is left at its default."""
        found = Message(self.scope.buffer, ())
        for key, value in self.attributes():
            if key == name:
                found = value  # Of several the last, as in any map of protobuf.
        return found


class GraphScope:
    """A graph or a function: what holds nodes.

    Attributes:
        function: the function's name; "" for the graph itself.
        within: the nodes that hold the graph serialized in an attribute or a constant, outermost first; mostly none.
        buffer: the bytes that hold it.
        message: its GraphDef or FunctionDef.
    """

    __slots__ = ("buffer", "function", "message", "tags", "within")

    def __init__(
        self, tags: frozenset[str], function: str, buffer: Buffer, message: Message, within: tuple[str, ...] = ()
    ) -> None:
        self.tags = tags
        self.function = function
        self.within = within
        self.buffer = buffer
        self.message = message

    def nodes(self) -> Iterator[Node]:
        """Yield its nodes in the order of the file.

        Raises:
            WireError: the bytes are not nodes.
        """
        buffer = self.buffer
        names: dict[bytes, str] = {}
        for span in self.message.spans(FunctionDef.node_def if self.function else GraphDef.node):
            raw = read_op(buffer, span)
            op = names.get(raw)
            if op is None:
                op = names[raw] = _decode_op(raw, span[0])
            yield Node(self, op, span)


def iter_metagraphs(content: Buffer) -> Iterator[Message]:
    """Yield the MetaGraphDefs of a SavedModel.

    Raises:
        WireError: the bytes are not a SavedModel, or one with more graph variants than any model has.
    """
    for number, metagraph in enumerate(Message(content).messages(SavedModel.meta_graphs)):
        if number >= _MOST_METAGRAPHS:
            raise WireError(f"it has more than {_MOST_METAGRAPHS:,} graph variants")
        yield metagraph


def iter_scopes(content: Buffer) -> Iterator[GraphScope]:
    """Yield every graph and function of a SavedModel; of each graph variant the graph first, then its functions.

    Raises:
        WireError: they are not a SavedModel.
    """
    for metagraph in iter_metagraphs(content):
        tags = frozenset(metagraph.message(MetaGraphDef.meta_info_def).texts(MetaInfoDef.tags))
        yield from iter_scopes_of_graph(content, metagraph.message(MetaGraphDef.graph_def), tags)


def iter_scopes_of_graph(
    content: Buffer, graph: Message, tags: frozenset[str], within: tuple[str, ...] = ()
) -> Iterator[GraphScope]:
    """Yield a graph and each function of its library.

    Args:
        content: the bytes that hold the graph.
        within: the nodes that hold the graph serialized.
    """
    yield GraphScope(tags, "", content, graph, within)
    for function in graph.message(GraphDef.library).messages(FunctionDefLibrary.function):
        name = function.message(FunctionDef.signature).text(OpDef.name)
        if not name:
            raise WireError("a function has no name")
        yield GraphScope(tags, name, content, function, within)


def node_name(tensor: str) -> str:
    """Return the name of the node in the name of a tensor, a control input or an op.

    >>> node_name("split:1"), node_name("^init"), node_name("step")
    ('split', 'init', 'step')
    """
    return tensor.lstrip("^").partition(":")[0]


def read_op(buffer: Buffer, span: Span) -> bytes:
    """Return the op of a NodeDef. It is what most time goes into, and reads no more of a field than its size."""
    position, end = span
    op = b""
    while position < end:
        key = buffer[position]
        if key & 7 != BYTES or key >= 0x80 or position + 1 >= end:
            return _read_unusual_op(buffer, span)
        size = buffer[position + 1]
        position += 2
        if size >= 0x80:
            shift, size = 7, size & 0x7F
            while True:
                if position >= end or shift > 63:
                    return _read_unusual_op(buffer, span)
                byte = buffer[position]
                position += 1
                size |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
        if size > end - position:
            return _read_unusual_op(buffer, span)
        if key == _OP_TAG:
            op = buffer[position : position + size]
        position += size
    return op


def _read_unusual_op(buffer: Buffer, span: Span) -> bytes:
    """Return the op of a NodeDef with fields that no writer writes, or tells what is wrong with it."""
    spans = list(Message(buffer, (span,)).spans(NodeDef.op))
    return buffer[slice(*spans[-1])] if spans else b""


def _decode_op(raw: bytes, position: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError(f"byte {position}: a node's op is not UTF-8 ({error.reason})") from error
