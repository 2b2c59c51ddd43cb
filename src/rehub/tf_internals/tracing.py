"""How functions are traced, and how ops run."""

from __future__ import annotations

import contextlib
import inspect
import threading
from typing import Any, Iterator, TypeVar

from rehub.tf_internals.gradients import lock_gradient_building
from rehub.tf_internals.input_names import accept_all_names, rename_in_order
from rehub.tf_internals.tensorflow import import_tensorflow


def trace_with_keywords(function: Any, specs: dict[str, Any]) -> Any:
    """Make a concrete function that takes tensors by keyword, as TensorFlow's loader makes signatures of TF1.

    `tf.function` allows only names of Python parameters.

    Args:
        function: takes tensors by position.
        specs: a `tf.TensorSpec` for each tensor by name, in order.
    """
    tf = import_tensorflow()
    names = sorted(specs)  # TensorFlow's order when it flattens a dict.

    def by_position(*tensors: Any) -> Any:
        by_name = dict(zip(names, tensors))
        return function(*(by_name[name] for name in specs))

    wrapped = tf.compat.v1.wrap_function(
        by_position, [tf.TensorSpec(specs[name].shape, specs[name].dtype) for name in names]
    )
    # TensorFlow's loader uses `wrapped.prune`, which copies the call without its gradient and output shapes
    # (lift_to_graph.py).
    graph = wrapped.graph
    graph.structured_input_signature = ((), rename_in_order({name: specs[name] for name in names}))
    options = {"variable_holder": wrapped._variable_holder}  # Seen in 2.15, 2.21.
    if "are_keyword_args_also_positional" in inspect.signature(type(wrapped)).parameters:  # Seen in 2.21.
        options["are_keyword_args_also_positional"] = True
    concrete = type(wrapped)(graph, **options)
    graph.structured_input_signature = ((), {name: specs[name] for name in names})
    concrete._arg_keywords = names  # Seen in 2.15, 2.21.
    # As in TensorFlow's loader: several inputs have no meaningful order (load_v1_in_v2.py).
    concrete._num_positional_args = 1 if len(names) == 1 else 0
    accept_all_names(concrete)
    return lock_gradient_building(concrete)


def callable_keywords(like: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments to trace another form of a concrete function with, by names that TensorFlow accepts."""
    return rename_in_order(kwargs) if hasattr(like, "_rehub_names") else kwargs


_Entity = TypeVar("_Entity")


def no_autograph(entity: _Entity) -> _Entity:
    """Keep AutoGraph from converting a function, or the calls of a class's instances, inside `tf.function`.

    Unlike `tf.autograph.experimental.do_not_convert`, this decorator does not need TensorFlow.
    """
    # AutoGraph does not convert objects with this attribute. Seen in 1.15, 2.15, 2.21.
    entity.autograph_info__ = {}  # type: ignore[attr-defined]
    return entity


def is_plain_eager() -> bool:
    """Whether ops run eagerly and nothing observes them: no tape, no strategy, no op callback. Seen in 2.15, 2.21."""
    from tensorflow.python.eager import context, record

    now = context.context()
    return (
        now.executing_eagerly()
        and not record.could_possibly_record()
        and not now.op_callbacks
        and not import_tensorflow().distribute.has_strategy()
    )


def is_recorded(tensors: list[Any]) -> bool:
    """Whether a tape or a `tf.autodiff.ForwardAccumulator` records what is computed from tensors."""
    from tensorflow.python.ops import gradients_util  # Seen in 2.15, 2.21.

    possible = gradients_util.PossibleTapeGradientTypes(tensors)
    return bool(possible != gradients_util.POSSIBLE_GRADIENT_TYPES_NONE)


_RUN_DIRECTLY_LOCK = threading.Lock()
_run_directly_count = 0  # How many threads are inside `run_ops_directly`.


@contextlib.contextmanager
def run_ops_directly() -> Iterator[None]:
    """Let TensorFlow run an op directly when it first runs, not as a function around it.

    Making the function takes 0.35 ms for each set of attributes and shapes of resources, the kernel alone 0.02 ms. The
    setting is global: ops of other threads run directly too in the meantime, with the same results. Seen in 2.15, 2.21.
    """
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager import context

    global _run_directly_count  # noqa: PLW0603  TensorFlow's setting is global, and cannot be read.
    now = context.context()
    now.ensure_initialized()
    with _RUN_DIRECTLY_LOCK:
        _run_directly_count += 1
        pywrap_tfe.TFE_ContextSetRunEagerOpAsFunction(now._handle, False)
    try:
        yield
    finally:
        with _RUN_DIRECTLY_LOCK:
            _run_directly_count -= 1
            if not _run_directly_count:
                pywrap_tfe.TFE_ContextSetRunEagerOpAsFunction(now._handle, True)


def copy_arg_convention(concrete: Any, like: Any) -> None:
    """Let a concrete function take its tensors by the names and positions of another one. Seen in 2.15, 2.21."""
    concrete._arg_keywords = like._arg_keywords
    concrete._num_positional_args = like._num_positional_args
    if hasattr(like, "_rehub_names"):
        concrete.graph.structured_input_signature = like.structured_input_signature
        concrete._arg_keywords = list(like._rehub_names)
        accept_all_names(concrete)


def static_bool(value: Any) -> bool | None:
    """Convert a Python bool, number, None (False) or constant tensor to a bool; return None for other tensors."""
    if value is None or not hasattr(value, "dtype"):
        return bool(value)
    # In 2.x this is tf.get_static_value. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import tensor_util

    constant = tensor_util.constant_value(import_tensorflow().convert_to_tensor(value))
    return None if constant is None else bool(constant)
