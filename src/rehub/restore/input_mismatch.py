"""The error of a restored function whose traces take none of the arguments that it was called with.

TensorFlow prints each trace as Python has it; this says what was received and expected in a line each, and what to do.
"""

from __future__ import annotations

import functools
from typing import Any, Iterable

from rehub import tf_internals
from rehub.errors import InputMismatch
from rehub.restore.copies import copy_function, refuse_to_copy_function
from rehub.restore.input_descriptions import describe, describe_arguments, hints, spec_of

_HANDLE = "_rehub_handle"


def explain_mismatch(function: Any, args: Any, kwargs: Any, handle: str) -> InputMismatch | None:
    """Returns the error of a call that no trace takes; None if one does, so that something else was wrong.

    Args:
        function: the restored function.
        args: the arguments by position.
        kwargs: the arguments by name.
        handle: of the model.
    """
    traces = [concrete.structured_input_signature for concrete in tf_internals.functions.concrete_functions(function)]
    names = tf_internals.functions.argument_names(function)
    refusal = ""
    try:
        given = tf_internals.functions.bind_arguments(function, args, kwargs)
    except (TypeError, ValueError) as error:
        refusal, given = str(error), (args, kwargs)
    if not refusal and any(_takes(function, trace, given) for trace in traces):
        return None
    lines = [
        f"A function of {handle!r} cannot be called with these inputs: they match none of its {len(traces)} traces."
    ]
    lines.append(f"  received: {_describe(names, given)}")
    for place, trace in enumerate(traces):
        lines.append(f"  {'      or' if place else 'expected'}: {_describe(names, trace)}")
    lines += [f"  fix: {fix}" for fix in ([refusal] if refusal else _fixes(names, given, traces))]
    mismatch: InputMismatch = InputMismatch("\n".join(lines))
    return mismatch


def _takes(function: Any, trace: Any, given: Any) -> bool:
    converts_arrays = not tf_internals.functions.has_input_signature(function)
    try:
        return tf_internals.functions.arguments_match(trace, given, converts_arrays, allow_conversion=True)
    except (TypeError, ValueError, LookupError):
        return False


def _by_name(names: list[str], arguments: Any) -> dict[str, Any]:
    positional, keywords = arguments
    more = (f"argument {place + 1}" for place in range(len(names), len(positional)))
    return {**dict(zip([*names, *more], positional)), **keywords}


def _describe(names: list[str], arguments: Any) -> str:
    if not arguments[0]:
        return describe_arguments(_by_name(names, arguments)).lstrip(", ") or "nothing"
    others = dict(list(_by_name(names, arguments).items())[1:])
    return describe(arguments[0][0]) + describe_arguments(others)


def _fixes(names: list[str], given: Any, traces: list[Any]) -> list[str]:
    """What to change for the trace from which the arguments differ least."""
    fixes = [_differences(_by_name(names, given), _by_name(names, trace)) for trace in traces]
    return min(fixes, key=len) if fixes else ["save the model again: it holds no trace of this function"]


def _differences(given: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    found = [f"leave out {name}" for name in given if name not in expected]
    for place, (name, wanted) in enumerate(expected.items()):
        if name not in given:
            found.append(f"add {name}={describe(wanted)}")
        elif any(spec_of(leaf) is not None for leaf in tf_internals.import_tensorflow().nest.flatten(wanted)):
            prefix = f"{name}: " if place else ""
            found += [prefix + hint for hint in hints(_as_tensor(given[name], wanted), wanted, casts=False)]
        elif type(given[name]) is not type(wanted) or given[name] != wanted:
            found.append(f"{name}={wanted!r}, which is fixed in this trace")
    return found


def _as_tensor(value: Any, wanted: Any) -> Any:
    """A list or number where one tensor is wanted as that tensor, if it can be one."""
    tf = tf_internals.import_tensorflow()
    if not isinstance(wanted, tf.TensorSpec) or spec_of(value) is not None:
        return value
    try:
        return tf.convert_to_tensor(value, dtype_hint=wanted.dtype)
    except (TypeError, ValueError):
        return value


def explain_mismatches(functions: Iterable[Any], handle: str) -> None:
    """Lets functions that TensorFlow's loader restored raise `InputMismatch`."""
    for function in functions:
        if not hasattr(function, _HANDLE):
            setattr(function, _HANDLE, handle)
            restored_class: Any = type(function)
            function.__class__ = _explaining_class(restored_class)


@functools.lru_cache(maxsize=None)
def _explaining_class(restored_class: Any) -> Any:
    class ExplainingFunction(restored_class):  # type: ignore[misc]
        __reduce_ex__ = refuse_to_copy_function
        __copy__ = copy_function

        @tf_internals.tracing.no_autograph
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().__call__(*args, **kwargs)
            except (TypeError, ValueError, LookupError, AssertionError) as error:
                explained = explain_mismatch(self, args, kwargs, getattr(self, _HANDLE))
                if explained is None:
                    raise
                raise explained from error

    ExplainingFunction.__name__ = restored_class.__name__
    return ExplainingFunction
