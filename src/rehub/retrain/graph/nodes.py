"""Nodes that know their inputs: those of a TF1 graph, or of the body of one of its functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.savedmodel.graph_search import find_reachable

NEXT_ITERATIONS = frozenset(["NextIteration", "RefNextIteration"])


@dataclass(frozen=True)
class NodeOutput:
    """A tensor of a graph: the node that computes it, and its output index."""

    node: str
    index: int


def parse_output(tensor: str) -> NodeOutput:
    """Parse the name of a tensor.

    >>> parse_output("cond/Switch:1"), parse_output("x")
    (NodeOutput(node='cond/Switch', index=1), NodeOutput(node='x', index=0))
    """
    node, _, index = tensor.partition(":")
    return NodeOutput(node, int(index or 0))


def control_output(node: str) -> NodeOutput:
    """Return the control output of a node, as if it were a tensor. It exists when the node has run."""
    return NodeOutput(node, -1)


@dataclass(frozen=True)
class Node:
    """One op of a graph.

    Attributes:
        name: unique in its graph.
        attr: its attributes, as AttrValue messages.
        inputs: the tensors it computes from.
        controls: the names of the nodes that have to run before it.
    """

    name: str
    op: str
    attr: Mapping[str, Any]
    inputs: tuple[NodeOutput, ...]
    controls: tuple[str, ...]

    def predecessors(self) -> list[str]:
        """Return the names of the nodes that it depends on directly, by data or control."""
        return [*(source.node for source in self.inputs), *self.controls]


class NodeGraph:
    """Nodes by name, and searches among them. No search recurses, as graphs are deep."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.consumers: dict[str, list[Node]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in node.predecessors():
                if name not in self.nodes:
                    raise InvalidModule(f"Node {node.name!r} ({node.op}) has the input {name!r}, which is not a node.")
                self.consumers[name].append(node)

    def ancestors(self, names: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
        """Return the names of the nodes that some nodes depend on, their own included; `stop` and beyond excluded."""
        excluded = set(stop)

        def needed_by(name: str) -> list[str]:
            return [each for each in self.nodes[name].predecessors() if each not in excluded]

        return find_reachable((name for name in names if name not in excluded), needed_by)

    def descendants(self, name: str) -> set[str]:
        """Return the names of the nodes that depend on a node, directly or not."""
        users = (user.name for user in self.consumers[name])
        return find_reachable(users, lambda each: [user.name for user in self.consumers[each]])

    def in_topological_order(self) -> list[Node]:
        """Return the nodes, each after all that it needs. A loop begins with the nodes that enter it."""
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
                        pending.extend((needed, False) for needed in node.predecessors())
        return order


def read_graph_def(graph_def: Any) -> NodeGraph:
    """Read a GraphDef."""
    return NodeGraph(_read_node(node_def, parse_output) for node_def in graph_def.node)


def _read_node(node_def: Any, parse: Callable[[str], NodeOutput]) -> Node:
    inputs = tuple(parse(name) for name in node_def.input if not name.startswith("^"))
    controls = tuple(name[1:] for name in node_def.input if name.startswith("^"))
    return Node(node_def.name, node_def.op, node_def.attr, inputs, controls)


@dataclass(frozen=True)
class FunctionBody:
    """A function of a graph's library.

    Attributes:
        graph: its nodes. Its arguments are nodes of the op Placeholder.
        arguments: their names, in order.
        results: the tensors that it returns, in order.
        effects: the names of nodes that always run, even if no result needs them.
    """

    graph: NodeGraph
    arguments: tuple[str, ...]
    results: tuple[NodeOutput, ...]
    effects: tuple[str, ...]


def read_function_def(function: Any) -> FunctionBody:
    """Read a FunctionDef, whose nodes name their inputs in another way than those of a GraphDef.

    The names are explained in tensorflow/core/framework/function.proto.
    """
    arguments = tuple(argument.name for argument in function.signature.input_arg)
    node_defs = {node_def.name: node_def for node_def in function.node_def}

    def parse_input(tensor: str) -> NodeOutput:
        node, _, place = tensor.partition(":")
        if node in arguments:
            return NodeOutput(node, 0)
        name, _, index = place.partition(":")
        return NodeOutput(node, _find_first_index(node_defs[node], name) + int(index or 0))

    nodes = [_read_node(node_def, parse_input) for node_def in function.node_def]
    nodes += [
        Node(argument.name, "Placeholder", function.arg_attr[at].attr, (), ())
        for at, argument in enumerate(function.signature.input_arg)
    ]
    results = tuple(parse_input(function.ret[result.name]) for result in function.signature.output_arg)
    effects = tuple(sorted(set(function.control_ret.values()))) if hasattr(function, "control_ret") else ()
    return FunctionBody(NodeGraph(nodes), arguments, results, effects)


def _find_first_index(node_def: Any, wanted: str) -> int:
    """Return the index of the first tensor of a named output of a node, which can be a list."""
    index = 0
    for output in require_op_def(node_def.op).output_arg:
        if output.name == wanted:
            return index
        index += len(_dtypes_of_argument(output, node_def.attr, ()))
    raise InvalidModule(f"Node {node_def.name!r} ({node_def.op}) has no output {wanted!r}.")


def require_op_def(op: str) -> Any:
    """Return the OpDef of an op.

    Raises:
        InvalidModule: TensorFlow has no op of that name.
    """
    definition = tf_internals.ops.op_definition(op)
    if definition is None:
        raise InvalidModule(f"This TensorFlow has no op {op!r}.")
    return definition


def output_dtypes(op: str, attr: Mapping[str, Any]) -> list[Any]:
    """Return the dtypes of all outputs of an op with these attributes, in order."""
    definition = require_op_def(op)
    tf = tf_internals.import_tensorflow()
    enums = [enum for output in definition.output_arg for enum in _dtypes_of_argument(output, attr, definition.attr)]
    return [tf.as_dtype(enum) for enum in enums]


def _dtypes_of_argument(argument: Any, attr: Mapping[str, Any], defaults: Iterable[Any]) -> list[int]:
    default_of = {default.name: default.default_value for default in defaults}

    def value_of(name: str) -> Any:
        return attr[name] if name in attr or name not in default_of else default_of[name]

    if argument.type_list_attr:
        return list(value_of(argument.type_list_attr).list.type)
    dtype = argument.type or value_of(argument.type_attr).type
    return [dtype] * (value_of(argument.number_attr).i if argument.number_attr else 1)
