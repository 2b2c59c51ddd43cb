"""How functions are traced, and ops run while one is."""

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

    `tf.function` has only names that Python could have.

    Args:
        function: takes tensors by position.
        specs: a `tf.TensorSpec` for each of them by name, in order.
    """
    tf = import_tensorflow()
    in_order = sorted(specs)  # As TensorFlow flattens them.

    def by_position(*tensors: Any) -> Any:
        by_name = dict(zip(in_order, tensors))
        return function(*(by_name[name] for name in specs))

    wrapped = tf.compat.v1.wrap_function(
        by_position, [tf.TensorSpec(specs[name].shape, specs[name].dtype) for name in in_order]
    )
    # Not by `wrapped.prune`, as TensorFlow's loader does: it copies the call without its gradient, and without the
    # shapes of what it returns (TensorFlow: lift_to_graph.py).
    graph = wrapped.graph
    graph.structured_input_signature = ((), rename_in_order({name: specs[name] for name in in_order}))
    options = {"variable_holder": wrapped._variable_holder}  # Seen in 2.15, 2.21.
    if "are_keyword_args_also_positional" in inspect.signature(type(wrapped)).parameters:  # Seen in 2.21.
        options["are_keyword_args_also_positional"] = True
    concrete = type(wrapped)(graph, **options)
    graph.structured_input_signature = ((), {name: specs[name] for name in in_order})
    concrete._arg_keywords = in_order  # Seen in 2.15, 2.21.
    # As TensorFlow's loader has it: a position tells nothing where there are several (load_v1_in_v2.py).
    concrete._num_positional_args = 1 if len(in_order) == 1 else 0
    accept_all_names(concrete)
    return lock_gradient_building(concrete)


def callable_keywords(like: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments to trace another form of a concrete function with, by names that TensorFlow takes."""
    return rename_in_order(kwargs) if hasattr(like, "_rehub_names") else kwargs


_Entity = TypeVar("_Entity")


def no_autograph(entity: _Entity) -> _Entity:
    """Keep AutoGraph from rewriting a function, or the calls of a class's instances, inside of `tf.function`.

    A decorator that needs no TensorFlow, which `tf.autograph.experimental.do_not_convert` does.
    """
    # By this attribute AutoGraph knows what it needs not convert. Seen in 1.15, 2.15, 2.21.
    entity.autograph_info__ = {}  # type: ignore[attr-defined]
    return entity


def is_plain_eager() -> bool:
    """Whether a function that is called now does nothing but to run, and nobody looks on: in eager mode, without a
    tape, outside of strategies. Seen in 2.15, 2.21.
    """
    from tensorflow.python.eager import context, record

    now = context.context()
    return (
        now.executing_eagerly()
        and not record.could_possibly_record()
        and not now.op_callbacks
        and not import_tensorflow().distribute.has_strategy()
    )


def is_recorded(tensors: list[Any]) -> bool:
    """Whether a tape or a `tf.autodiff.ForwardAccumulator` follows what is computed of tensors."""
    from tensorflow.python.ops import gradients_util  # Seen in 2.15, 2.21.

    possible = gradients_util.PossibleTapeGradientTypes(tensors)
    return bool(possible != gradients_util.POSSIBLE_GRADIENT_TYPES_NONE)


_PLAINLY = threading.Lock()


_plainly = 0  # How many threads want it so.


@contextlib.contextmanager
def run_ops_directly() -> Iterator[None]:
    """Have TensorFlow run an op that it runs for the first time as it is, not as a function around it.

    To make the function takes it 0.35 ms for each set of attributes and of shapes of resources, the kernel alone
    0.02 ms. It is a setting of the process: another thread's ops run so too in the meantime, with the same results.
    Seen in 2.15, 2.21.
    """
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager import context

    global _plainly  # noqa: PLW0603  TensorFlow's setting is one for all, and cannot be asked for.
    now = context.context()
    now.ensure_initialized()
    with _PLAINLY:
        _plainly += 1
        pywrap_tfe.TFE_ContextSetRunEagerOpAsFunction(now._handle, False)
    try:
        yield
    finally:
        with _PLAINLY:
            _plainly -= 1
            if not _plainly:
                pywrap_tfe.TFE_ContextSetRunEagerOpAsFunction(now._handle, True)


def copy_arg_convention(concrete: Any, like: Any) -> None:
    """Let a concrete function be called with one tensor after the other as another one is. Seen in 2.15, 2.21."""
    concrete._arg_keywords = like._arg_keywords
    concrete._num_positional_args = like._num_positional_args
    if hasattr(like, "_rehub_names"):
        concrete.graph.structured_input_signature = like.structured_input_signature
        concrete._arg_keywords = list(like._rehub_names)
        accept_all_names(concrete)


def static_bool(value: Any) -> bool | None:
    """A Python bool, number, None (for False) or constant tensor as a bool; None for a tensor known only when run."""
    if value is None or not hasattr(value, "dtype"):
        return bool(value)
    # In 2.x this is tf.get_static_value. Seen in 1.15, 2.15, 2.21.
    from tensorflow.python.framework import tensor_util

    constant = tensor_util.constant_value(import_tensorflow().convert_to_tensor(value))
    return None if constant is None else bool(constant)
