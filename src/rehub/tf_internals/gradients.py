"""Gradients built by one thread at a time."""

from __future__ import annotations

import functools
import inspect
import threading
from typing import Any

# TensorFlow builds what differentiates a function when it is first called under a tape, or when that tape computes,
# and changes the function's graph while it does. It takes no lock: threads that do so at once fail, for example with
# "'NoneType' object is not iterable" (concrete_function.py: _DelayedRewriteGradientFunctions, _TapeGradientFunctions).
# One lock for the process, as functions share functions that they call. It is never held while a function runs.
_BUILDING_GRADIENT = threading.RLock()


def lock_gradient_building(concrete: Any) -> Any:
    """Has threads wait for each other while they build gradients of a concrete function; returns that function.

    So it is for the functions that are built of it, for gradients of gradients, and for each `tf.function` that calls
    it. Functions that it calls need no turns of their own: their gradients are built as parts of its own.
    TensorFlow 1.15 has other functions, which stay as they are. Seen in 2.15, 2.21.
    """
    select = getattr(type(concrete), "_select_forward_and_backward_functions", None)
    if select is not None and "possible_gradient_type" in inspect.signature(select).parameters:
        with _BUILDING_GRADIENT:
            of_graphs = vars(concrete).get("_delayed_rewrite_functions")
            if of_graphs is not None:
                functions_class: Any = type(of_graphs)
                of_graphs.__class__ = _class_of_graph_gradients(functions_class)
                concrete.__class__ = class_with_gradient_lock(type(concrete))
    return concrete


def lock_gradient_building_in_trace() -> None:
    """Does as `lock_gradient_building` for each `tf.function` that is being traced in this thread."""
    from tensorflow.python.framework import ops

    _watch_traces()
    graph = ops.get_default_graph()
    while graph is not None and not getattr(graph, _IN_TURN, False):
        setattr(graph, _IN_TURN, True)
        graph = getattr(graph, "outer_graph", None)


_IN_TURN = "_rehub_gradients_in_turn"


@functools.lru_cache(maxsize=None)
def _watch_traces() -> None:
    # Called with each new trace of a `tf.function`, before another thread can have it. Seen in 2.15, 2.21.
    try:
        from tensorflow.python.eager.polymorphic_function import transform
    except ImportError:
        return
    transform.CONCRETE_FUNCTION_CALLBACKS.append(_after_trace)


def _after_trace(concrete: Any) -> None:
    if getattr(concrete.graph, _IN_TURN, False):
        lock_gradient_building(concrete)


def class_with_gradient_lock(concrete_class: Any) -> Any:
    """Returns a class of concrete functions as one whose gradients are built by one thread at a time."""
    with _BUILDING_GRADIENT:
        return _class_in_turn(concrete_class)


@functools.lru_cache(maxsize=None)
def _class_in_turn(concrete_class: Any) -> Any:
    if hasattr(concrete_class, "_rehub_in_turn"):
        return concrete_class

    class InTurn(concrete_class):  # type: ignore[misc]
        _rehub_in_turn = True

        def _select_forward_and_backward_functions(
            self, args: Any, possible_gradient_type: Any, executing_eagerly: bool
        ) -> Any:
            if not executing_eagerly:
                lock_gradient_building_in_trace()
            with _BUILDING_GRADIENT:
                call = super()._select_forward_and_backward_functions(args, possible_gradient_type, executing_eagerly)
                call.forward()  # Builds, where that is to be done; TensorFlow asks again for what is there then.
                backward = vars(call._functions).get("_backward")
                if backward is not None:
                    lock_gradient_building(backward)
            return call

        def prune(self, *args: Any, **kwargs: Any) -> Any:
            return lock_gradient_building(super().prune(*args, **kwargs))

    if not hasattr(concrete_class, "prune"):  # Functions of graphs of TF1 have it.
        del InTurn.prune
    InTurn.__name__, InTurn.__qualname__ = concrete_class.__name__, concrete_class.__qualname__
    InTurn.__module__ = concrete_class.__module__
    return InTurn


@functools.lru_cache(maxsize=None)
def _class_of_graph_gradients(functions_class: Any) -> Any:
    """Does the same for what builds the gradients of a function's calls in graphs."""
    if hasattr(functions_class, "_rehub_in_turn"):
        return functions_class

    class InTurn(functions_class):  # type: ignore[misc]
        _rehub_in_turn = True

        def forward_backward(self, *args: Any) -> Any:
            with _BUILDING_GRADIENT:
                forward, backward = super().forward_backward(*args)
                return forward, lock_gradient_building(backward)

        def _rewrite_forward_and_call_backward(self, op: Any, *doutputs: Any) -> Any:
            with _BUILDING_GRADIENT:
                return super()._rewrite_forward_and_call_backward(op, *doutputs)

    return InTurn
