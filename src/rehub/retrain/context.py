"""What converters of nodes know of the computation that they take part in: its scopes, values and variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain.graph import Branch, Effect, Loop, Node, NodeOutput, Program

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # Python 3.7 has none.


@dataclass(eq=False)
class Scope:
    """A function's graph that is being traced: the outermost, a side of a conditional, or the body of a loop.

    Attributes:
        construct: the branch or loop that it is; None for the outermost.
        values: what has been traced: tensors, and variables and TensorArrays where the graph has their handles.
        operations: for each node the ops that stand for it, which nodes with a control on it have to wait for.
    """

    graph: Any
    parent: Scope | None = None
    construct: Branch | Loop | None = None
    values: dict[NodeOutput, Any] = field(default_factory=dict)
    operations: dict[str, list[Any]] = field(default_factory=dict)
    traced: set[Any] = field(default_factory=set)

    def is_in_loop(self) -> bool:
        """Whether what is traced here can run several times."""
        return isinstance(self.construct, Loop) or (self.parent is not None and self.parent.is_in_loop())

    def operations_of(self, value: Any) -> list[Any]:
        """Return the op that computes a value, if it is a tensor of the scope's own graph."""
        return [value.op] if tf_internals.v1_graphs.is_in_graph(value, self.graph) else []


class VariableReads:
    """The reads of variables in one computation. A variable that nothing in it assigns to is read once.

    In TensorFlow up to 2.21 at least, a read in a loop's body has no gradient once the function has been saved and
    loaded: there the handle does not know its variable.
    """

    def __init__(self, graph: Any) -> None:
        """
        Args:
            graph: that of the outermost function, where variables are read that are read once.
        """
        self._graph = graph
        self._assigned: set[int] = set()
        self._tensors: dict[int, Any] = {}

    def add_assigned(self, variables: Iterable[Any]) -> None:
        """Add variables that something in the computation assigns to."""
        self._assigned.update(id(variable) for variable in variables)

    def has_assigned(self) -> bool:
        """Whether something in the computation assigns to any variable."""
        return bool(self._assigned)

    def is_assigned(self, variable: Any) -> bool:
        """Whether something in the computation assigns to a variable."""
        return id(variable) in self._assigned

    def read_variable(self, variable: Any) -> Any:
        """Read a variable, in the default graph if its value can change."""
        if self.is_assigned(variable):
            return variable.read_value()
        if id(variable) not in self._tensors:
            with self._graph.as_default(), tf_internals.import_tensorflow().control_dependencies(None):
                self._tensors[id(variable)] = variable.read_value()
        return self._tensors[id(variable)]


class StateLookup(Protocol):
    """The module's variables, tables and assets, found by the nodes that stand for them."""

    def get_variable(self, node: Node) -> Any:
        """Return the `tf.Variable` of a node."""

    def get_table(self, node: Node) -> Any:
        """Return the resource handle of the table of a node."""

    def get_asset(self, program: Program, node: Node) -> Any:
        """Return the `tf.saved_model.Asset` whose path a node of a graph holds; None for another node."""


class Context(Protocol):
    """One computation of a graph while it is being traced."""

    program: Program
    state: StateLookup
    reads: VariableReads

    def get_value(self, output: NodeOutput, scope: Scope) -> Any:
        """Return what a tensor of the graph has become: a tensor, a variable for its reference or handle, or a
        TensorArray.
        """

    def get_tensor(self, output: NodeOutput, scope: Scope, user: str = "") -> Any:
        """Return the tensor that a tensor of the graph has become. A variable is read.

        Args:
            user: the name of the node that uses it, which may have to read a variable after it has been changed.
        """

    def get_inputs(self, node: Node, scope: Scope) -> list[Any]:
        """Return the values of all inputs of a node, as `get_value` does."""

    def get_input_tensors(self, node: Node, scope: Scope) -> list[Any]:
        """Return the tensors that all inputs of a node have become, as `get_tensor` does."""

    def call_function(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """Trace the body of a function of the library in the default graph. Return its results."""

    def trace_node(self, name: str, scope: Scope) -> None:
        """Trace a node, and all that it needs."""

    def run_effect(self, effect: Effect, scope: Scope) -> None:
        """Trace a node, or a conditional, for its effect."""


# Traces a node in the default graph. Returns what its outputs have become.
Converter = Callable[[Context, Node, Scope], Sequence[Any]]


def is_variable(value: Any) -> bool:
    """Whether it is a `tf.Variable`, which stands for its reference or handle."""
    return isinstance(value, tf_internals.import_tensorflow().Variable)


def cannot_trace(node: Node, reason: str) -> InvalidModule:
    """Return the error for a node that cannot be traced."""
    return InvalidModule(f"Node {node.name!r} ({node.op}) cannot be traced: {reason}.")
