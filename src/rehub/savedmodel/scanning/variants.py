"""A graph variant as a program: its graph and functions by name, who calls whom, and what runs when.

The numbers are those of the fields in TensorFlow's meta_graph.proto, saver.proto, graph.proto, function.proto,
op_def.proto, attr_value.proto and saved_object_graph.proto.
"""

from __future__ import annotations

from typing import Iterator

from rehub.savedmodel.graph_collections import Collections, asset_definitions
from rehub.savedmodel.nodes import Body, Node, bodies_of_graph, node_of
from rehub.savedmodel.ops.op_classes import calls_functions
from rehub.savedmodel.wire import BYTES, Buffer, Message, WireError

_META_INFO, _GRAPH_DEF, _SAVER_DEF, _COLLECTIONS, _SIGNATURES, _ASSET_FILES, _OBJECT_GRAPH = range(1, 8)
_META_GRAPHS, _TAGS = 2, 4
_MAP_KEY, _MAP_VALUE = 1, 2
_OUTPUTS, _TENSOR_NAME, _COO_SPARSE, _COMPOSITE, _COMPONENTS = 2, 1, 4, 5, 2
_NODE_LIST, _BYTES_LIST, _LIST_VALUE = 1, 2, 1
_RESTORE_OP = 3
_ASSET_TENSOR, _ASSET_FILENAME = 1, 2
_LIBRARY, _GRADIENT, _REGISTERED_GRADIENT, _GRADIENT_FUNCTION, _REGISTERED_GRADIENT_FUNCTION = 2, 2, 3, 2, 1
_SIGNATURE, _INPUT_ARG, _ARG_NAME, _FUNCTION_ATTR = 1, 2, 1, 5
_OBJECTS, _CONCRETE_FUNCTIONS, _BOUND_INPUTS = 1, 2, 2
_ASSET_OBJECT, _CONSTANT_OBJECT = 5, 9
_ATTR_LIST, _ATTR_FUNC, _LIST_FUNC, _FUNC_NAME, _FUNC_ATTRS = 1, 10, 9, 1, 2
_MAX_NESTED_FUNCTIONS = 16

# What runs while a model is loaded, when its assets are fed. Everything else runs without.
_INIT_COLLECTIONS = {"saved_model_main_op", "legacy_init_op", "saved_model_init_op", "table_initializer"}
_IMPLEMENTS = "api_implements"  # By which TensorFlow's optimizer swaps functions.
_INIT_SIGNATURE = "__saved_model_init_op"
_SAVER_COLLECTIONS = {"saveable_objects", "savers"}


class Variant:
    """A graph variant, or a graph that a node of one holds serialized.

    Attributes:
        tags: those of the variant.
        within: the nodes that hold the graph serialized; none for a variant itself.
        bodies: its graph first, then its functions.
        callers: which nodes name a function, in which attribute; "" where it stands in the op's place. Filled by
            `nodes`.
        asset_files: the nodes whose tensors stand for files of the model, and these files' names.
        assets: the same by node; of several for one node the last.
    """

    def __init__(
        self,
        content: Buffer,
        graph: Message,
        tags: frozenset[str],
        within: tuple[str, ...] = (),
        metagraph: Message | None = None,
    ) -> None:
        self.tags = tags
        self.within = within
        self.bodies = tuple(bodies_of_graph(content, graph, tags, within))
        self.callers: dict[str, list[tuple[Node, str]]] = {}
        self.metagraph = Message(content, ()) if metagraph is None else metagraph
        self.asset_files = tuple(
            (node_of(asset.message(_ASSET_TENSOR).text(_TENSOR_NAME)), asset.text(_ASSET_FILENAME))
            for asset in asset_definitions(self.metagraph, Collections(self.metagraph))
        )
        self.assets = dict(self.asset_files)
        self._functions = frozenset(body.function for body in self.bodies if body.function)
        self._graph = graph
        self._by_name: dict[Body, dict[str, Node]] = {}
        self._arguments: dict[Body, list[str]] = {}
        self._run: dict[str, frozenset[str]] = {}
        self._bound: dict[str, list[int]] | None = None
        self._objects: list[Message] | None = None
        self._gradients: frozenset[str] | None = None

    def nodes(self) -> Iterator[Node]:
        """Yields each node of the graph and of every function, and notes the functions that it calls."""
        for body in self.bodies:
            calling: dict[str, bool] = {}
            for node in body.nodes():
                calls = calling.get(node.op)
                if calls is None:
                    # A function can have the name of an op that calls nothing.
                    calls = calling[node.op] = node.op in self._functions or calls_functions(node.op)
                if calls:
                    if node.op in self._functions:
                        self.callers.setdefault(node.op, []).append((node, ""))
                    for name, value in node.attributes():
                        for function in _functions_in(value):
                            self.callers.setdefault(function, []).append((node, name))
                yield node

    def node(self, body: Body, name: str) -> Node | None:
        """Returns the node of that name in a graph or function."""
        if body not in self._by_name:
            self._by_name[body] = {node.name: node for node in body.nodes()}
        return self._by_name[body].get(name)

    def graph_nodes(self) -> Iterator[Node]:
        """Yields the nodes of the graph itself."""
        return self.bodies[0].nodes()

    def arguments(self, body: Body) -> list[str]:
        """Returns the names of a function's arguments, in order."""
        if body not in self._arguments:
            signature = body.message.message(_SIGNATURE)
            self._arguments[body] = [argument.text(_ARG_NAME) for argument in signature.messages(_INPUT_ARG)]
        return self._arguments[body]

    def bound_inputs(self, function: str) -> list[int] | None:
        """Returns the objects that a function of the object graph captures, as its last arguments.

        None for a function that is not among those that the restored object has.
        """
        if self._bound is None:
            objects = self.metagraph.message(_OBJECT_GRAPH)
            self._bound = {
                entry.text(_MAP_KEY): list(entry.message(_MAP_VALUE).packed_integers(_BOUND_INPUTS))
                for entry in objects.messages(_CONCRETE_FUNCTIONS)
            }
        return self._bound.get(function)

    def captured_asset(self, number: int) -> str | None:
        """Returns the file of an asset among the objects; None for another object."""
        asset = self._object(number, _ASSET_OBJECT)
        if asset is None:
            return None
        files = [each.text(_ASSET_FILENAME) for each in self.metagraph.messages(_ASSET_FILES)]
        index = max(asset.integers(1), default=0)
        return files[index] if index < len(files) else None

    def captured_constant(self, number: int) -> str | None:
        """Returns the node of a constant among the objects; None for another object."""
        constant = self._object(number, _CONSTANT_OBJECT)
        return None if constant is None else constant.text(1)

    def is_called_unseen(self, body: Body) -> bool:
        """Whether a function can be called without a node that names it.

        As the gradient of another function or of an op, or in the place of a function that implements the same.
        """
        if any(entry.text(_MAP_KEY) == _IMPLEMENTS for entry in body.message.messages(_FUNCTION_ATTR)):
            return True
        if self._gradients is None:
            library = self._graph.message(_LIBRARY)
            self._gradients = frozenset(
                [gradient.text(_GRADIENT_FUNCTION) for gradient in library.messages(_GRADIENT)]
                + [each.text(_REGISTERED_GRADIENT_FUNCTION) for each in library.messages(_REGISTERED_GRADIENT)]
            )
        return body.function in self._gradients

    def runs(self, name: str, *, when: str) -> bool:
        """Whether a node of the graph is run.

        Args:
            name: the node.
            when: "serving" for what signatures and collections run while the model is used, "loading" for that and
                what is run when the model is loaded, "restoring" for all of this and what reads the variables.
        """
        if when not in self._run:
            inputs = {node.name: [node_of(tensor) for tensor in node.inputs()] for node in self.graph_nodes()}
            pending = [node_of(tensor) for tensor in self._entries(when)]
            reached = set()
            while pending:
                node = pending.pop()
                if node not in reached:
                    reached.add(node)
                    pending.extend(inputs.get(node, ()))
            self._run[when] = frozenset(reached)
        return name in self._run[when]

    def _entries(self, when: str) -> Iterator[str]:
        """Yields the tensors and nodes that the model itself says to run."""
        for entry in self.metagraph.messages(_SIGNATURES):
            if when != "serving" or entry.text(_MAP_KEY) != _INIT_SIGNATURE:
                for output in entry.message(_MAP_VALUE).messages(_OUTPUTS):
                    yield from _tensors(output.message(_MAP_VALUE))
        for entry in self.metagraph.messages(_COLLECTIONS):
            key, collection = entry.text(_MAP_KEY), entry.message(_MAP_VALUE)
            if key in _SAVER_COLLECTIONS or (when == "serving" and key in _INIT_COLLECTIONS):
                continue
            yield from collection.message(_NODE_LIST).texts(_LIST_VALUE)
            # Variables, and the contexts of loops and conds, are messages that name tensors.
            for message in collection.message(_BYTES_LIST).messages(_LIST_VALUE):
                yield from _texts_in(message)
        if when == "restoring":
            yield self.metagraph.message(_SAVER_DEF).text(_RESTORE_OP)

    def _object(self, number: int, kind: int) -> Message | None:
        if self._objects is None:
            self._objects = list(self.metagraph.message(_OBJECT_GRAPH).messages(_OBJECTS))
        if number >= len(self._objects):
            return None
        found = list(self._objects[number].messages(kind))
        return found[-1] if found else None


def variants(content: Buffer) -> Iterator[Variant]:
    """Yields the graph variants of a `saved_model.pb`.

    Raises:
        WireError: the bytes are no SavedModel.
    """
    for metagraph in Message(content).messages(_META_GRAPHS):
        tags = frozenset(metagraph.message(_META_INFO).texts(_TAGS))
        yield Variant(content, metagraph.message(_GRAPH_DEF), tags, metagraph=metagraph)


def _functions_in(value: Message, depth: int = 0) -> Iterator[str]:
    """Yields the functions that an AttrValue names, those in the attributes of these functions too."""
    if depth > _MAX_NESTED_FUNCTIONS:
        raise WireError(f"functions are nested more than {_MAX_NESTED_FUNCTIONS} deep in an attribute")
    functions = list(value.messages(_ATTR_FUNC))
    for several in value.messages(_ATTR_LIST):
        functions.extend(several.messages(_LIST_FUNC))
    for function in functions:
        yield function.text(_FUNC_NAME)
        for entry in function.messages(_FUNC_ATTRS):
            yield from _functions_in(entry.message(_MAP_VALUE), depth + 1)


def _tensors(info: Message) -> Iterator[str]:
    """Yields the tensors of a TensorInfo."""
    yield from info.texts(_TENSOR_NAME)
    for number in (1, 2, 3):
        yield from info.message(_COO_SPARSE).texts(number)
    for component in info.message(_COMPOSITE).messages(_COMPONENTS):
        yield from component.texts(_TENSOR_NAME)


def _texts_in(message: Message) -> Iterator[str]:
    """Yields what may be texts in a message of unknown type; nothing of what is no message at all."""
    try:
        fields = list(message.fields())
    except WireError:
        return
    for _, kind, value in fields:
        if kind == BYTES:
            yield message.bytes_at(value).decode("utf-8", "replace")
