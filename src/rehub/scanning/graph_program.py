"""A graph variant as a program: its graph and functions by name, who calls whom, and what the objects capture."""

from __future__ import annotations

from typing import Iterator, NamedTuple

from rehub.savedmodel.graph_collections import Collections
from rehub.savedmodel.nodes import GraphScope, Node, iter_metagraphs, iter_scopes_of_graph, node_name
from rehub.savedmodel.ops.op_classes import calls_functions
from rehub.savedmodel.protos import (
    ArgDef,
    AssetFileDef,
    AttrListValue,
    AttrValue,
    FunctionDef,
    FunctionDefLibrary,
    GradientDef,
    GraphDef,
    MapEntry,
    MetaGraphDef,
    MetaInfoDef,
    NameAttrList,
    OpDef,
    RegisteredGradient,
    SavedAsset,
    SavedConcreteFunction,
    SavedConstant,
    SavedObject,
    SavedObjectGraph,
    TensorInfo,
)
from rehub.savedmodel.wire import Buffer, Message, WireError
from rehub.scanning.runs import Runs, find_fed_nodes, normalize_tensor_name

_MAX_NESTED_FUNCTIONS = 16
_INT32 = 1 << 31

# The attributes of functions by which nothing calls or replaces them. Others, such as api_implements and
# backward_function_name, have TensorFlow's optimizers call a function that no node names.
_INERT_ATTRIBUTES = {"_construction_context", "_input_shapes"}
# The separators in a tensor's name: where a node's own name has one, the name can be read in two ways.
_MARKS = frozenset(":^")


class Call(NamedTuple):
    """A place where a function is called.

    Attributes:
        node: the node that calls it.
        attribute: of the node, that names the function; "" where the function's name is the op.
        is_direct: the node itself calls it, not what it calls.
    """

    node: Node
    attribute: str
    is_direct: bool


class GraphProgram:
    """A graph variant, or a graph that a node of one holds serialized.

    Attributes:
        tags: those of the program.
        within: the nodes that hold the graph serialized; none for a program itself.
        scopes: its graph first, then its functions.
        calls: where each function is called. Filled by `nodes`.
        asset_files: the nodes whose tensors name files of the model, and these files' names.
        assets: the files that the loader feeds by the tensors that it feeds them to.
        metagraph: the MetaGraphDef; empty for a graph within a node.
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
        self.scopes = tuple(iter_scopes_of_graph(content, graph, tags, within))
        self.calls: dict[str, list[Call]] = {}
        self.metagraph = Message(content, ()) if metagraph is None else metagraph
        listed = list(self.metagraph.messages(MetaGraphDef.asset_file_def))
        collected = Collections(self.metagraph).any_messages("saved_model_assets")
        in_list = [(_read_asset_tensor(each), each.text(AssetFileDef.filename)) for each in listed]
        in_collection = [(_read_asset_tensor(each), each.text(AssetFileDef.filename)) for each in collected]
        self.asset_files = tuple((node_name(tensor), name) for tensor, name in (*in_list, *in_collection))
        self._asset_names = [name for _, name in in_list]
        # TensorFlow looks into the collection only where the list is empty.
        self.assets = {normalize_tensor_name(tensor): name for tensor, name in in_list or in_collection}
        self.functions = frozenset(scope.function for scope in self.scopes if scope.function)
        self._graph = graph
        self._by_name: dict[GraphScope, dict[str, Node] | None] = {}
        self._arguments: dict[GraphScope, dict[str, int]] = {}
        self._callable_unseen: dict[GraphScope, bool] = {}
        self._runs: Runs | None = None
        self._fed: frozenset[str] | None = None
        self._bound: dict[str, list[int]] | None = None
        self._objects: list[Message] | None = None
        self._gradients: frozenset[str] | None = None

    def nodes(self) -> Iterator[Node]:
        """Yield each node of the graph and of every function, and notes the functions that it calls."""
        for scope in self.scopes:
            calling: dict[str, bool] = {}
            for node in scope.nodes():
                calls = calling.get(node.op)
                if calls is None:
                    # A function can have the name of an op that calls nothing.
                    calls = calling[node.op] = node.op in self.functions or calls_functions(node.op)
                if calls:
                    if node.op in self.functions:
                        self.calls.setdefault(node.op, []).append(Call(node, "", True))
                    for name, value in node.attributes():
                        for function, depth in _iter_functions(value):
                            self.calls.setdefault(function, []).append(Call(node, name, depth == 0))
                yield node

    def node(self, scope: GraphScope, name: str) -> Node | None:
        """Return the node of that name in a graph or function; None where there is none, or names are not clear."""
        return (self._find_names(scope) or {}).get(name)

    def has_clear_names(self, scope: GraphScope) -> bool:
        """Whether a tensor's name in a graph or function can mean one tensor only."""
        return self._find_names(scope) is not None

    def _find_names(self, scope: GraphScope) -> dict[str, Node] | None:
        if scope not in self._by_name:
            self._by_name[scope] = self._index_nodes(scope)
        return self._by_name[scope]

    def _index_nodes(self, scope: GraphScope) -> dict[str, Node] | None:
        found: dict[str, Node] = {}
        names = set(self.arguments(scope)) if scope.function else set()
        count = len(names)
        for node in scope.nodes():
            found[node.name] = node
            count += 1
        names.update(found)
        is_clear = len(names) == count and not any(_MARKS.intersection(name) for name in names)
        return found if is_clear else None

    def graph_nodes(self) -> Iterator[Node]:
        """Yield the nodes of the graph itself."""
        return self.scopes[0].nodes()

    def runs(self, node: str) -> list[tuple[str, str]]:
        """Return when a node of the graph runs, and which tensor is fed with a path then: see `Run`."""
        if self._runs is None:
            self._runs = Runs(self.graph_nodes(), self.metagraph)
        return [(run.kind, run.fed) for run in self._runs.of(node)]

    def is_fed_by_callers(self, node: str) -> bool:
        """Whether a signature has a tensor of this node as an input."""
        if self._fed is None:
            self._fed = find_fed_nodes(self.metagraph)
        return node in self._fed

    def arguments(self, scope: GraphScope) -> dict[str, int]:
        """Return the places of a function's arguments by their names."""
        if scope not in self._arguments:
            signature = scope.message.message(FunctionDef.signature)
            names = [argument.text(ArgDef.name) for argument in signature.messages(OpDef.input_arg)]
            self._arguments[scope] = {name: place for place, name in enumerate(names)}
            if len(self._arguments[scope]) != len(names):
                raise WireError(f"two arguments of the function {scope.function!r} have the same name")
        return self._arguments[scope]

    def bound_inputs(self, function: str) -> list[int] | None:
        """Return the objects that a function of the object graph captures, as its last arguments.

        None for a function that is not among those that the restored object has.
        """
        if self._bound is None:
            objects = self.metagraph.message(MetaGraphDef.object_graph_def)
            self._bound = {
                entry.text(MapEntry.key): list(function.packed_integers(SavedConcreteFunction.bound_inputs))
                for entry in objects.messages(SavedObjectGraph.concrete_functions)
                for function in (entry.message(MapEntry.value),)
            }
        return self._bound.get(function)

    def captured_asset(self, number: int) -> str | None:
        """Return the file of an asset among the objects; None for another object."""
        asset = self._find_object(number, SavedObject.asset)
        if asset is None:
            return None
        index = asset.integer(SavedAsset.asset_file_def_index)
        return self._asset_names[index] if index < len(self._asset_names) else None

    def captured_constant(self, number: int) -> str | None:
        """Return the node of a constant among the objects; None for another object."""
        constant = self._find_object(number, SavedObject.constant)
        return None if constant is None else constant.text(SavedConstant.operation)

    def is_called_unseen(self, scope: GraphScope) -> bool:
        """Whether a function can be called without a node that names it.

        As the gradient of another function or of an op, or in the place of another function.
        """
        if scope not in self._callable_unseen:
            attributes = {entry.text(MapEntry.key) for entry in scope.message.messages(FunctionDef.attr)}
            is_gradient = scope.function in self._find_gradients()
            self._callable_unseen[scope] = is_gradient or bool(attributes - _INERT_ATTRIBUTES)
        return self._callable_unseen[scope]

    def _find_gradients(self) -> frozenset[str]:
        if self._gradients is None:
            library = self._graph.message(GraphDef.library)
            self._gradients = frozenset(
                [gradient.text(GradientDef.gradient_func) for gradient in library.messages(FunctionDefLibrary.gradient)]
                + [
                    each.text(RegisteredGradient.gradient_func)
                    for each in library.messages(FunctionDefLibrary.registered_gradients)
                ]
            )
        return self._gradients

    def _find_object(self, number: int, kind: int) -> Message | None:
        if self._objects is None:
            self._objects = list(self.metagraph.message(MetaGraphDef.object_graph_def).messages(SavedObjectGraph.nodes))
        if number >= min(len(self._objects), _INT32):
            return None
        found = self._objects[number]
        return found.message(kind) if any(True for _ in found.spans(kind)) else None


def iter_programs(content: Buffer) -> Iterator[GraphProgram]:
    """Yield the graph variants of a `saved_model.pb`.

    Raises:
        WireError: the bytes are not a SavedModel.
    """
    for metagraph in iter_metagraphs(content):
        tags = frozenset(metagraph.message(MetaGraphDef.meta_info_def).texts(MetaInfoDef.tags))
        yield GraphProgram(content, metagraph.message(MetaGraphDef.graph_def), tags, metagraph=metagraph)


def _read_asset_tensor(asset: Message) -> str:
    return asset.message(AssetFileDef.tensor_info).text(TensorInfo.name)


def _iter_functions(value: Message, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Yield the functions that an AttrValue names, each with how many other functions' attributes it is nested in."""
    if depth > _MAX_NESTED_FUNCTIONS:
        raise WireError(f"functions are nested more than {_MAX_NESTED_FUNCTIONS} deep in an attribute")
    functions = list(value.messages(AttrValue.func))
    for several in value.messages(AttrValue.list):
        functions.extend(several.messages(AttrListValue.func))
    for function in functions:
        yield function.text(NameAttrList.name), depth
        for entry in function.messages(NameAttrList.attr):
            yield from _iter_functions(entry.message(MapEntry.value), depth + 1)
