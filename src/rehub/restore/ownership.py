"""Ties restored functions to the variables and tables they use, so that holding a function is enough.

A function of TensorFlow refers to its variables weakly, and a table ends with the object that was restored for it. So
`f = tf.saved_model.load(path).f; f(x)` fails with "Called a function referencing variables which have been deleted".
Each trace is given references to just those objects whose state it captures: the object at the root is not among them,
and no cycle arises, except that a restored table refers to functions itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Iterator

from rehub import tf_internals
from rehub.restore.copies import refuse_copies_of

_OWNED = "_rehub_owned"


def own_captures(tf: Any, root: Any) -> list[Any]:
    """Gives each trace of each function within reach of a restored object references to what it captures.

    Returns:
        These traces.
    """
    functions, resources, _ = _walk(tf, root)
    for function in functions:
        captured = (resources.get(id(handle)) for handle in function.captured_inputs)
        owned = tuple(function.graph.variables) + tuple(obj for obj in captured if obj is not None)
        if owned:
            setattr(function, _OWNED, owned)
        refuse_copies_of(function)
    return functions


def own(function: Any, *objects: Any) -> None:
    """Gives a concrete function references to objects that it needs and does not keep by itself."""
    setattr(function, _OWNED, (*getattr(function, _OWNED, ()), *objects))


def resources_within(tf: Any, root: Any) -> dict[int, Any]:
    """Returns the tables and other resources within reach of a restored object, by the id of the handle of each."""
    return _walk(tf, root)[1]


def variables_within(tf: Any, root: Any) -> list[Any]:
    """Returns the variables within reach of an object, also those that it does not count among its `variables`."""
    found: list[Any] = []
    seen = {id(root)}
    to_visit = [root]
    while to_visit:
        obj = to_visit.pop()
        if isinstance(obj, tf.Variable):
            found.append(obj)
            continue
        for part in tf_internals.objects.trackable_children(obj):
            if id(part) not in seen:
                seen.add(id(part))
                to_visit.append(part)
    return found


def keep_while_traced(tf: Any, root: Any) -> None:
    """Lets an object that is restored while a `tf.function` is traced live as long as that trace."""
    graph = tf_internals.v1_graphs.enclosing_function_graph(tf)
    if graph is not None:
        setattr(graph, _OWNED, (*getattr(graph, _OWNED, ()), root))


def restored_functions_within(tf: Any, root: Any) -> list[Any]:
    """Returns the restored functions within reach of a restored object, each of which chooses among its traces."""
    return _walk(tf, root)[2]


def _walk(tf: Any, root: Any) -> tuple[list[Any], dict[int, Any], list[Any]]:
    """Returns the concrete functions within reach of an object, its resources by the id of their handle, and the
    functions that choose among traces.
    """
    functions: list[Any] = []
    restored: list[Any] = []
    resources: dict[int, Any] = {}
    seen = {id(root)}
    to_visit = [root]
    while to_visit:
        obj = to_visit.pop()
        traces = tf_internals.functions.concrete_functions(obj)
        functions.extend(traces)
        if tf_internals.functions.is_restored_function(obj):
            restored.append(obj)
        if traces or isinstance(obj, tf.Variable):
            continue
        handle = tf_internals.functions.existing_resource_handle(obj)
        if handle is not None:
            resources[id(handle)] = obj
        for part in _parts(obj):
            if id(part) not in seen:
                seen.add(id(part))
                to_visit.append(part)
    return functions, resources, restored


def _parts(obj: Any) -> Iterator[Any]:
    if isinstance(obj, Mapping):
        yield from obj.values()
    elif isinstance(obj, (list, tuple)):
        yield from obj
    yield from tf_internals.objects.trackable_children(obj)
    for value in vars(obj).values() if hasattr(obj, "__dict__") else ():
        # Functions are attributes of what they are a method of, but no dependencies of its checkpoints.
        if isinstance(value, (Mapping, list, tuple)) or tf_internals.functions.concrete_functions(value):
            yield value
