"""Ops on variables: reference variables of TF1 and resource variables alike become `tf.Variable`s of the module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from rehub import tf_internals
from rehub.errors import InvalidModule
from rehub.retrain import plain_ops
from rehub.retrain.nodes import Node

if TYPE_CHECKING:
    from rehub.retrain.retracing import Retracing, Scope

VARIABLES = frozenset(["AutoReloadVariable", "VarHandleOp", "Variable", "VariableV2"])

_ASSIGN = {
    "Assign": "assign",
    "AssignAdd": "assign_add",
    "AssignSub": "assign_sub",
    "AssignVariableOp": "assign",
    "AssignAddVariableOp": "assign_add",
    "AssignSubVariableOp": "assign_sub",
}

# Ops that take a reference, and those that take a handle in its place.
_SCATTER = {f"Scatter{change}": f"ResourceScatter{change}" for change in ("Update", "Add", "Sub", "Mul", "Div")}
_SCATTER.update({f"Scatter{change}": f"ResourceScatter{change}" for change in ("Min", "Max")})
_SCATTER.update({f"ScatterNd{change}": f"ResourceScatterNd{change}" for change in ("Update", "Add", "Sub")})


def is_variable(value: Any) -> bool:
    """Whether it is a `tf.Variable`, which stands for its reference or handle."""
    return isinstance(value, tf_internals.import_tensorflow().Variable)


class Reads:
    """The reads of variables in one computation: one for all, of a variable that nothing in it assigns to.

    A read in a loop's body would, in TensorFlow up to 2.21 at least, have no gradient once the function has been saved
    and loaded: the handle has lost there what it is a handle of.
    """

    def __init__(self, graph: Any) -> None:
        """
        Args:
            graph: of the outermost function, in which is read what is read once.
        """
        self._graph = graph
        self._assigned: set[int] = set()
        self._tensors: dict[int, Any] = {}

    def note_assigned(self, variables: Iterable[Any]) -> None:
        """Tells of variables that something in the computation assigns to."""
        self._assigned.update(id(variable) for variable in variables)

    def is_assigned(self, variable: Any) -> bool:
        """Whether something in the computation assigns to a variable."""
        return id(variable) in self._assigned

    def read(self, variable: Any) -> Any:
        """Reads a variable, in the default graph if its value can change."""
        if self.is_assigned(variable):
            return variable.read_value()
        if id(variable) not in self._tensors:
            with self._graph.as_default(), tf_internals.import_tensorflow().control_dependencies(None):
                self._tensors[id(variable)] = variable.read_value()
        return self._tensors[id(variable)]


def _variable(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    del scope
    return [tracing.state.variable(node)]


def _read(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    (given,), (value,) = tracing.inputs(node, scope), tracing.tensors(node, scope)
    # A read of what has been read already, or the flow of a TensorArray, changes nothing.
    is_tensor = tf_internals.import_tensorflow().is_tensor(value)
    return [value] if is_variable(given) or not is_tensor else plain_ops.copy(tracing, node, scope)


def _is_initialized(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    del tracing, node, scope
    return [tf_internals.import_tensorflow().constant(True)]


def _assign(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    variable, value = tracing.value(node.inputs[0], scope), tracing.tensor(node.inputs[1], scope, node.name)
    if not is_variable(variable):
        raise InvalidModule(f"Node {node.name!r} ({node.op}) cannot be traced: it does not assign to a variable.")
    done = getattr(variable, _ASSIGN[node.op])(value, read_value=False)
    scope.operations[node.name] = [] if done is None else [getattr(done, "op", done)]
    # A reference goes on to those that take it; a handle does not.
    return [] if node.op.endswith("VariableOp") else [variable]


def _scatter(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    variable = tracing.value(node.inputs[0], scope)
    arguments = [tracing.tensor(source, scope, node.name) for source in node.inputs[1:]]
    op = _SCATTER[node.op]
    attr = {"Tindices": node.attr["Tindices"], "T" if "Nd" in op else "dtype": node.attr["T"]}
    done = plain_ops.create(op, [variable.handle, *arguments], attr, node.name)
    scope.operations[node.name] = [done]
    return [variable]


def _gather(tracing: Retracing, node: Node, scope: Scope) -> Sequence[Any]:
    variable, indices = tracing.value(node.inputs[0], scope), tracing.tensor(node.inputs[1], scope, node.name)
    if not is_variable(variable) or node.attr["batch_dims"].i:
        return plain_ops.copy(tracing, node, scope)
    tf = tf_internals.import_tensorflow()
    gather = tf.gather_nd if node.op == "ResourceGatherNd" else tf.gather
    in_loop = scope.is_in_loop() and not tracing.reads.is_assigned(variable)
    return [gather(tracing.reads.read(variable) if in_loop else variable, indices)]


EMITTERS: dict[str, Callable[[Retracing, Node, Scope], Sequence[Any]]] = {
    **dict.fromkeys(VARIABLES, _variable),
    **dict.fromkeys(_ASSIGN, _assign),
    **dict.fromkeys(_SCATTER, _scatter),
    **dict.fromkeys(["Identity", "RefIdentity", "ReadVariableOp"], _read),
    **dict.fromkeys(["ResourceGather", "ResourceGatherNd"], _gather),
    **dict.fromkeys(["IsVariableInitialized", "VarIsInitializedOp"], _is_initialized),
}
