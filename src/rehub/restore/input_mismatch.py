"""The error of a restored function that has no trace for the arguments of a call.

TensorFlow prints each trace as a Python object; this error has one line for what was received, one for each expected
trace, and what to change.
"""

from __future__ import annotations

import functools
from typing import Any, Iterable

from rehub import tf_internals
from rehub.errors import InputMismatch
from rehub.restore.copies import copy_function, raise_not_copyable
from rehub.restore.input_descriptions import describe_arguments, describe_nest, spec_of, suggest_fixes

_LABEL = "_rehub_label"


def explain_mismatch(function: Any, args: Any, kwargs: Any, label: str) -> InputMismatch | None:
    """Return the error of a call that no trace accepts; None if one does, so that something else was wrong."""
    traces = [concrete.structured_input_signature for concrete in tf_internals.functions.concrete_functions(function)]
    names = tf_internals.functions.argument_names(function)
    refusal = ""
    try:
        given = tf_internals.functions.bind_arguments(function, args, kwargs)
    except (TypeError, ValueError) as error:
        refusal, given = str(error), (args, kwargs)
    converts_arrays = not tf_internals.functions.has_input_signature(function)
    accepts = (tf_internals.functions.arguments_match(each, given, converts_arrays, True) for each in traces)
    if not refusal and any(accepts):
        return None
    lines = [
        f"A function of {label!r} cannot be called with these inputs: they match none of its {len(traces)} traces."
    ]
    lines.append(f"  received: {_describe_call(names, given)}")
    for index, trace in enumerate(traces):
        lines.append(f"  {'      or' if index else 'expected'}: {_describe_call(names, trace)}")
    lines += [f"  fix: {fix}" for fix in ([refusal] if refusal else _suggest_best_fixes(names, given, traces))]
    mismatch: InputMismatch = InputMismatch("\n".join(lines))
    return mismatch


def _name_arguments(names: list[str], arguments: Any) -> dict[str, Any]:
    positional, keywords = arguments
    more = (f"argument {index + 1}" for index in range(len(names), len(positional)))
    return {**dict(zip([*names, *more], positional)), **keywords}


def _describe_call(names: list[str], arguments: Any) -> str:
    if not arguments[0]:
        return describe_arguments(_name_arguments(names, arguments)).lstrip(", ") or "nothing"
    others = dict(list(_name_arguments(names, arguments).items())[1:])
    return describe_nest(arguments[0][0]) + describe_arguments(others)


def _suggest_best_fixes(names: list[str], given: Any, traces: list[Any]) -> list[str]:
    """Return what to change for the trace from which the arguments differ least."""
    fixes = [_find_differences(_name_arguments(names, given), _name_arguments(names, trace)) for trace in traces]
    return min(fixes, key=len) if fixes else ["save the model again: it holds no trace of this function"]


def _find_differences(given: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    found = [f"leave out {name}" for name in given if name not in expected]
    for index, (name, wanted) in enumerate(expected.items()):
        if name not in given:
            found.append(f"add {name}={describe_nest(wanted)}")
        elif any(spec_of(leaf) is not None for leaf in tf_internals.import_tensorflow().nest.flatten(wanted)):
            prefix = f"{name}: " if index else ""
            found += [
                prefix + fix for fix in suggest_fixes(_convert_to_tensor(given[name], wanted), wanted, casts=False)
            ]
        elif type(given[name]) is not type(wanted) or given[name] != wanted:
            found.append(f"{name}={wanted!r}, which is fixed in this trace")
    return found


def _convert_to_tensor(value: Any, wanted: Any) -> Any:
    """Convert a list or number to a tensor, if one tensor is wanted and it can be converted."""
    tf = tf_internals.import_tensorflow()
    if not isinstance(wanted, tf.TensorSpec) or spec_of(value) is not None:
        return value
    try:
        return tf.convert_to_tensor(value, dtype_hint=wanted.dtype)
    except (TypeError, ValueError):
        return value


def explain_mismatches(functions: Iterable[Any], label: str) -> None:
    """Let functions that TensorFlow's loader restored raise `InputMismatch`."""
    for function in functions:
        if not hasattr(function, _LABEL):
            setattr(function, _LABEL, label)
            function_class: Any = type(function)
            function.__class__ = _make_explaining_class(function_class)


@functools.lru_cache(maxsize=None)
def _make_explaining_class(function_class: Any) -> Any:
    class ExplainingFunction(function_class):  # type: ignore[misc]
        __reduce_ex__ = raise_not_copyable
        __copy__ = copy_function

        @tf_internals.tracing.no_autograph
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().__call__(*args, **kwargs)
            except (TypeError, ValueError, LookupError, AssertionError) as error:
                explained = explain_mismatch(self, args, kwargs, getattr(self, _LABEL))
                if explained is None:
                    raise
                raise explained from error

    return tf_internals.classes.rename_like(ExplainingFunction, function_class)
