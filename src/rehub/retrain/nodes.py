"""A graph of TF1, or the body of one of its functions, as nodes that know their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule


@dataclass(frozen=True)
class Output:
    """A tensor of a graph: which node computes it, and the how-manieth of its outputs it is."""

    node: str
    index: int


def output_of(tensor: str) -> Output:
    """Parses the name of a tensor.

    >>> output_of("cond/Switch:1"), output_of("x")
    (Output(node='cond/Switch', index=1), Output(node='x', index=0))
    """
    node, _, index = tensor.partition(":")
    return Output(node, int(index or 0))


def control_of(node: str) -> Output:
    """That a node has run, as if it were a tensor of it."""
    return Output(node, -1)


@dataclass(frozen=True)
class Node:
    """One op of a graph.

    Attributes:
        name: unique in its graph.
        op: the type of op.
        attr: its attributes, as AttrValue messages.
        inputs: the tensors it computes from.
        controls: the names of the nodes that have to run before it.
    """

    name: str
    op: str
    attr: Mapping[str, Any]
    inputs: tuple[Output, ...]
    controls: tuple[str, ...]


class NodeGraph:
    """Nodes by name, with the questions that one asks of a graph. No question recurses: graphs are deep."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.consumers: dict[str, list[Node]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in _inputs_and_controls(node):
                if name not in self.nodes:
                    raise InvalidModule(f"Node {node.name!r} ({node.op}) has the input {name!r}, which is no node.")
                self.consumers[name].append(node)

    def ancestors(self, names: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
        """Returns the names of the nodes that some nodes need, theirs included; not those behind `stop`."""
        found, behind = set(), set(stop)
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found and name not in behind:
                found.add(name)
                pending.extend(_inputs_and_controls(self.nodes[name]))
        return found

    def descendants(self, name: str) -> set[str]:
        """Returns the names of the nodes that need a node, directly or not; not its own."""
        found: set[str] = set()
        pending = [name]
        while pending:
            new = [node.name for node in self.consumers[pending.pop()] if node.name not in found]
            found.update(new)
            pending += new
        return found

    def in_order(self) -> list[Node]:
        """Returns the nodes, each after all that it needs; a loop begins with what enters it."""
        order: list[Node] = []
        visited: set[str] = set()
        for root in self.nodes:
            pending = [(root, False)]
            while pending:
                name, is_ready = pending.pop()
                node = self.nodes[name]
                if is_ready:
                    order.append(node)
                elif name not in visited:
                    visited.add(name)
                    pending.append((name, True))
                    if node.op not in NEXT_ITERATIONS:
                        pending.extend((needed, False) for needed in _inputs_and_controls(node))
        return order


NEXT_ITERATIONS = frozenset(["NextIteration", "RefNextIteration"])


def _inputs_and_controls(node: Node) -> list[str]:
    return [*(source.node for source in node.inputs), *node.controls]


def nodes_of_graph(graph_def: Any) -> NodeGraph:
    """Reads a GraphDef."""
    return NodeGraph(_node(node_def, output_of) for node_def in graph_def.node)


def _node(node_def: Any, parse: Any) -> Node:
    inputs = tuple(parse(name) for name in node_def.input if not name.startswith("^"))
    controls = tuple(name[1:] for name in node_def.input if name.startswith("^"))
    return Node(node_def.name, node_def.op, node_def.attr, inputs, controls)


@dataclass(frozen=True)
class FunctionBody:
    """A function of a graph's library.

    Attributes:
        graph: its nodes; its arguments are nodes of the op Placeholder.
        arguments: their names, in order.
        results: the tensors that it returns, in order.
        effects: the names of nodes that run whether or not a result needs them.
    """

    graph: NodeGraph
    arguments: tuple[str, ...]
    results: tuple[Output, ...]
    effects: tuple[str, ...]


def body_of_function(function: Any) -> FunctionBody:
    """Reads a FunctionDef, whose nodes name their inputs in another way than those of a GraphDef do."""
    arguments = tuple(argument.name for argument in function.signature.input_arg)
    node_defs = {node_def.name: node_def for node_def in function.node_def}

    def parse(tensor: str) -> Output:
        node, _, place = tensor.partition(":")
        if node in arguments:
            return Output(node, 0)
        name, _, index = place.partition(":")
        return Output(node, _first_of(node_defs[node], name) + int(index or 0))

    nodes = [_node(node_def, parse) for node_def in function.node_def]
    nodes += [
        Node(argument.name, "Placeholder", function.arg_attr[at].attr, (), ())
        for at, argument in enumerate(function.signature.input_arg)
    ]
    results = tuple(parse(function.ret[result.name]) for result in function.signature.output_arg)
    effects = tuple(sorted(set(function.control_ret.values()))) if hasattr(function, "control_ret") else ()
    return FunctionBody(NodeGraph(nodes), arguments, results, effects)


def _first_of(node_def: Any, wanted: str) -> int:
    """The index, among all outputs of a node, of the first one of a named output, which can be a list."""
    index = 0
    for output in definition_of(node_def.op).output_arg:
        if output.name == wanted:
            return index
        index += len(_dtypes_of_argument(output, node_def.attr, ()))
    raise InvalidModule(f"Node {node_def.name!r} ({node_def.op}) has no output {wanted!r}.")


def definition_of(op: str) -> Any:
    """Returns the OpDef of an op.

    Raises:
        InvalidModule: there is none of that name.
    """
    definition = tf_internals.ops.op_definition(op)
    if definition is None:
        raise InvalidModule(f"This TensorFlow has no op {op!r}.")
    return definition


def output_dtypes(op: str, attr: Mapping[str, Any]) -> list[Any]:
    """Returns the dtypes of all outputs of an op with these attributes, in order."""
    definition = definition_of(op)
    tf = tf_internals.import_tensorflow()
    enums = [enum for output in definition.output_arg for enum in _dtypes_of_argument(output, attr, definition.attr)]
    return [tf.as_dtype(enum) for enum in enums]


def _dtypes_of_argument(argument: Any, attr: Mapping[str, Any], defaults: Iterable[Any]) -> list[int]:
    default_of = {default.name: default.default_value for default in defaults}

    def value(name: str) -> Any:
        return attr[name] if name in attr or name not in default_of else default_of[name]

    if argument.type_list_attr:
        return list(value(argument.type_list_attr).list.type)
    dtype = argument.type or value(argument.type_attr).type
    return [dtype] * (value(argument.number_attr).i if argument.number_attr else 1)
