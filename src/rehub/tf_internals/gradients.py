"""A lock for building gradients: one thread at a time."""

from __future__ import annotations

import functools
import inspect
import threading
from typing import Any

from rehub.tf_internals.classes import rename_like

# TensorFlow builds the gradient of a function when it is first called under a tape, or when that tape computes, and
# changes the function's graph meanwhile. It takes no lock: threads that do so at once fail, for example with
# "'NoneType' object is not iterable" (concrete_function.py: _DelayedRewriteGradientFunctions, _TapeGradientFunctions).
# One lock for the process, as functions share called functions. It is never held while a function runs.
_LOCK = threading.RLock()


def lock_gradient_building(concrete: Any) -> Any:
    """Let only one thread at a time build gradients of a concrete function; return the function.

    This includes functions that are built from it, gradients of gradients, and each `tf.function` that calls it.
    Functions that it calls need no lock: their gradients are built as parts of its own. In TensorFlow 1.15, functions
    are different, and unchanged. Seen in 2.15, 2.21.
    """
    select = getattr(type(concrete), "_select_forward_and_backward_functions", None)
    if select is not None and "possible_gradient_type" in inspect.signature(select).parameters:
        with _LOCK:
            of_graphs = vars(concrete).get("_delayed_rewrite_functions")
            if of_graphs is not None:
                functions_class: Any = type(of_graphs)
                of_graphs.__class__ = _make_locked_graph_gradients(functions_class)
                concrete.__class__ = class_with_gradient_lock(type(concrete))
    return concrete


def lock_gradient_building_in_trace() -> None:
    """Apply `lock_gradient_building` to each `tf.function` that is being traced in this thread."""
    from tensorflow.python.framework import ops

    _register_trace_callback()
    graph = ops.get_default_graph()
    while graph is not None and not getattr(graph, _IS_LOCKED, False):
        setattr(graph, _IS_LOCKED, True)
        graph = getattr(graph, "outer_graph", None)


_IS_LOCKED = "_rehub_gradients_locked"


@functools.lru_cache(maxsize=None)
def _register_trace_callback() -> None:
    # TensorFlow calls it with each new trace of a `tf.function`, before another thread can use the trace. Seen in 2.15,
    # 2.21.
    try:
        from tensorflow.python.eager.polymorphic_function import transform
    except ImportError:
        return
    transform.CONCRETE_FUNCTION_CALLBACKS.append(_lock_trace)


def _lock_trace(concrete: Any) -> None:
    if getattr(concrete.graph, _IS_LOCKED, False):
        lock_gradient_building(concrete)


def class_with_gradient_lock(concrete_class: Any) -> Any:
    """Return a subclass of concrete functions whose gradients are built by one thread at a time."""
    with _LOCK:
        return _make_locked_class(concrete_class)


@functools.lru_cache(maxsize=None)
def _make_locked_class(concrete_class: Any) -> Any:
    if hasattr(concrete_class, "_rehub_is_locked"):
        return concrete_class

    class GradientLocked(concrete_class):  # type: ignore[misc]
        _rehub_is_locked = True

        def _select_forward_and_backward_functions(
            self, args: Any, possible_gradient_type: Any, executing_eagerly: bool
        ) -> Any:
            if not executing_eagerly:
                lock_gradient_building_in_trace()
            with _LOCK:
                call = super()._select_forward_and_backward_functions(args, possible_gradient_type, executing_eagerly)
                call.forward()  # Builds the gradient, if it is not built yet.
                backward = vars(call._functions).get("_backward")
                if backward is not None:
                    lock_gradient_building(backward)
            return call

        def prune(self, *args: Any, **kwargs: Any) -> Any:
            return lock_gradient_building(super().prune(*args, **kwargs))

    if not hasattr(concrete_class, "prune"):  # Only functions of TF1 graphs have it.
        del GradientLocked.prune
    return rename_like(GradientLocked, concrete_class)


@functools.lru_cache(maxsize=None)
def _make_locked_graph_gradients(functions_class: Any) -> Any:
    """Return a subclass of the builders of gradients of a function's calls in graphs, with the lock."""
    if hasattr(functions_class, "_rehub_is_locked"):
        return functions_class

    class GradientLocked(functions_class):  # type: ignore[misc]
        _rehub_is_locked = True

        def forward_backward(self, *args: Any) -> Any:
            with _LOCK:
                forward, backward = super().forward_backward(*args)
                return forward, lock_gradient_building(backward)

        def _rewrite_forward_and_call_backward(self, op: Any, *doutputs: Any) -> Any:
            with _LOCK:
                return super()._rewrite_forward_and_call_backward(op, *doutputs)

    return rename_like(GradientLocked, functions_class)
