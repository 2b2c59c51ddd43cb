"""Keep alive what restored functions need, so that holding a function is enough.

A function of TensorFlow refers to its variables weakly, and a table ends with the object that was restored for it. So
`f = tf.saved_model.load(path).f; f(x)` fails with "Called a function referencing variables which have been deleted".
Each trace gets references to the objects whose state it captures, and to no others: the root object is not among them,
and no reference cycle arises, except that a restored table refers to functions itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Iterator

from rehub import tf_internals
from rehub.restore.copies import forbid_copies

_RETAINED = "_rehub_retained"


def retain_captures(root: Any) -> list[Any]:
    """Give each trace of each function reachable from a restored object references to what it captures.

    Returns:
        These traces.
    """
    traces = {
        id(trace): trace for obj in _iter_reachable(root) for trace in tf_internals.functions.concrete_functions(obj)
    }
    resources = find_resources(root)
    for trace in traces.values():
        captured = (resources.get(id(handle)) for handle in trace.captured_inputs)
        retain_objects(trace, *trace.graph.variables, *(obj for obj in captured if obj is not None))
        forbid_copies(trace)
    return list(traces.values())


def retain_objects(function: Any, *objects: Any) -> None:
    """Give a concrete function references to objects that it needs and does not keep alive by itself."""
    if objects:
        setattr(function, _RETAINED, (*getattr(function, _RETAINED, ()), *objects))


def retain_for_trace(root: Any) -> None:
    """Let an object that is restored while a `tf.function` is traced live as long as that trace."""
    graph = tf_internals.v1_graphs.enclosing_function_graph()
    if graph is not None:
        retain_objects(graph, root)


def find_resources(root: Any) -> dict[int, Any]:
    """Return the tables and other resources reachable from a restored object, by the id of each one's handle."""
    found = {}
    for obj in _iter_reachable(root):
        handle = tf_internals.functions.existing_resource_handle(obj) if _has_children(obj) else None
        if handle is not None:
            found[id(handle)] = obj
    return found


def find_variables(root: Any) -> list[Any]:
    """Return the variables reachable from an object, also those that it does not count among its `variables`."""
    tf = tf_internals.import_tensorflow()
    return [obj for obj in tf_internals.objects.iter_reachable(root) if isinstance(obj, tf.Variable)]


def find_restored_functions(root: Any) -> list[Any]:
    """Return the restored functions reachable from a restored object, each of which chooses among its traces."""
    return [obj for obj in _iter_reachable(root) if tf_internals.functions.is_restored_function(obj)]


def _iter_reachable(root: Any) -> Iterator[Any]:
    """Yield the objects reachable from a restored object by children, attributes and members, each once."""
    seen = {id(root)}
    to_visit = [root]
    while to_visit:
        obj = to_visit.pop()
        yield obj
        for child in _iter_children(obj) if _has_children(obj) else ():
            if id(child) not in seen:
                seen.add(id(child))
                to_visit.append(child)


def _has_children(obj: Any) -> bool:
    tf = tf_internals.import_tensorflow()
    return not isinstance(obj, tf.Variable) and not tf_internals.functions.concrete_functions(obj)


def _iter_children(obj: Any) -> Iterator[Any]:
    if isinstance(obj, Mapping):
        yield from obj.values()
    elif isinstance(obj, (list, tuple)):
        yield from obj
    yield from tf_internals.objects.trackable_children(obj)
    for value in vars(obj).values() if hasattr(obj, "__dict__") else ():
        # Functions are attributes of the object whose methods they are, but not dependencies of its checkpoints.
        if isinstance(value, (Mapping, list, tuple)) or tf_internals.functions.concrete_functions(value):
            yield value
