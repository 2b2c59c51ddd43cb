"""TF1 graphs: import, control flow, colocation, sessions."""

from __future__ import annotations

import functools
import weakref
from typing import Any, Callable, Iterable

from rehub.tf_internals.tensorflow import import_tensorflow


def import_meta_graph(meta_graph: Any, scope: str, input_map: dict[str, Any]) -> dict[str, Any]:
    """Import a MetaGraphDef with its collections into the default graph, under a new name scope.

    The public function of this name also makes a Saver, whose ops are not needed.

    Returns:
        The variables in that scope, by the names of their tensors in it.
    """
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import meta_graph as meta_graphs

    return dict(meta_graphs.import_scoped_meta_graph(meta_graph, import_scope=scope, input_map=input_map))


def set_colocation(op: Any, groups: Iterable[bytes]) -> None:
    """Replace the ops that an op is colocated with; its device becomes theirs, as in `tf.import_graph_def`.

    Args:
        groups: `b"loc:@" + name` for each of the ops.
    """
    # Seen in 1.15, 2.15, 2.21.
    tf = import_tensorflow()
    others = [value for value in op.get_attr("_class") if not value.startswith(b"loc:@")]
    value = tf.compat.v1.AttrValue()
    value.list.s.extend([*others, *groups])
    op._set_attr("_class", value)
    if groups:
        devices = (op.graph.get_operation_by_name(group[5:].decode()).device for group in groups)
        op._set_device(next((device for device in devices if device), ""))


def control_flow_context(graph: Any) -> Any:
    """Return the `tf.cond` or `tf.while_loop` of TF1 whose body is being built in a graph; None outside of one."""
    # Seen in 1.15, 2.15, 2.21.
    return graph._get_control_flow_context()


def members_of_context(collection: str, serialized: bytes) -> set[str]:
    """Return the names of the tensors and ops in a stored `tf.cond` or `tf.while_loop` of TF1, with nested ones."""
    contexts = _find_nested_contexts(collection, serialized)
    return {member for context in contexts for member in context.values_def.values}


def loops_of_context(collection: str, serialized: bytes) -> list[Any]:
    """Return the WhileContextDefs in a stored `tf.cond` or `tf.while_loop` of TF1, itself included."""
    return [context for context in _find_nested_contexts(collection, serialized) if hasattr(context, "back_prop")]


def _find_nested_contexts(collection: str, serialized: bytes) -> list[Any]:
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import ops

    outermost = ops.get_collection_proto_type(collection)()
    outermost.ParseFromString(serialized)
    found = [outermost]
    for context in found:  # It grows in the loop.
        found += [getattr(nested, nested.WhichOneof("ctxt")) for nested in context.nested_contexts]
    return found


def is_building_for_tpu(graph: Any) -> bool:
    """Whether the ops being built in a function's graph will be replicated over TPUs."""
    # Seen in 1.15, 2.15, 2.21.
    return type(control_flow_context(graph)).__name__.endswith("TPUReplicateContext")


def is_wrapped_graph(graph: Any) -> bool:
    """Whether a function's graph was made by `tf.compat.v1.wrap_function`, so that it can own state and be pruned."""
    # tf.function adds control dependencies, branches and bodies of loops have classes of their own, and Defun has
    # another class. Seen in 1.15, 2.15, 2.21.
    return type(graph).__name__ == "FuncGraph" and not graph._add_control_dependencies


def is_v1_function(function: Any) -> bool:
    """Whether a function was made from a graph of TF1, as the signatures of such a SavedModel are."""
    # Seen in 1.15, 2.15, 2.21 (eager/wrap_function.py).
    return any(base.__name__ == "WrappedFunction" for base in type(function).__mro__)


def outer_graph(graph: Any) -> Any:
    """Return the graph around a function's graph; None for a graph that is not a function's."""
    # FuncGraph has it public; Defun's graph private, in 1.15. Seen in 1.15, 2.15, 2.21.
    return getattr(graph, "outer_graph", getattr(graph, "_outer_graph", None))


def is_in_graph(value: Any, graph: Any) -> bool:
    """Whether a value is a tensor of an op in this graph, not captured and not eager."""
    tf = import_tensorflow()
    return isinstance(value, tf.Tensor) and getattr(value, "graph", None) is graph


def tensor_array_with_flow(array: Any, flow: Any) -> Any:
    """Return a `tf.TensorArray` like another one, with another flow, which is its content in functions of TF2."""
    from tensorflow.python.ops import tensor_array_ops  # Seen in 2.15, 2.21.

    return tensor_array_ops.build_ta_with_new_flow(array, flow)


_explanations: weakref.WeakKeyDictionary[Any, Callable[[Any], Exception | None]] = weakref.WeakKeyDictionary()


def explain_session_errors(graph: Any, explain: Callable[[Any], Exception | None]) -> None:
    """Let sessions of a graph raise the error that `explain` returns for an InternalError, if it returns one.

    Sessions belong to the user and have no hook for errors, so the method that raises them is wrapped, once for the
    process. Sessions of other graphs are not affected.
    """
    # Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.client import session

    _explanations[graph] = explain
    call = session.BaseSession._do_call
    if hasattr(call, "explains_errors"):
        return
    internal_error = import_tensorflow().errors.InternalError

    @functools.wraps(call)
    def call_and_explain(self: Any, function: Any, *arguments: Any) -> Any:
        try:
            return call(self, function, *arguments)
        except internal_error as error:
            explained = _explanations[self.graph](error) if self.graph in _explanations else None
            if explained is None:
                raise
            raise explained from error

    call_and_explain.explains_errors = True  # type: ignore[attr-defined]
    session.BaseSession._do_call = call_and_explain


def session_config_of(estimator: Any) -> Any:
    """Return the ConfigProto by which an Estimator makes its sessions; None for the default."""
    # Seen in 1.15, 2.15. Newer TensorFlows have no Estimator; an object in place of one may lack the attribute.
    return getattr(estimator, "_session_config", None)


def enclosing_function_graph() -> Any:
    """Return the outermost graph of the `tf.function` that is being traced, None outside of one."""
    tf = import_tensorflow()
    outermost = None
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    while graph is not None and graph.building_function:
        outermost = graph
        graph = getattr(graph, "outer_graph", None)  # FuncGraph's. Seen in 1.15, 2.15, 2.21.
    return outermost


def is_building_v1_graph() -> bool:
    """Whether variables are now made in a graph of TF1, whose session initializes them."""
    tf = import_tensorflow()
    with tf.init_scope():
        return not tf.executing_eagerly()
