"""Compare the forms of a function: the time of a call, and how far outputs are from the plain form's."""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable

from rehub import tf_internals
from rehub.array_diff import compare_arrays
from rehub.optimize.choices import BF16, FROZEN, PLAIN
from rehub.restore import Form, OutputDifference

# Relative to the largest magnitude in an output. Constants that are computed in advance are rounded in another order;
# bfloat16 keeps 8 bits of a number, and after many layers fewer are right.
TOLERANCES = {FROZEN: 1e-4, BF16: 2e-2}
SECONDS = 2.0
_FEWEST_ROUNDS, _MOST_ROUNDS = 5, 100

Call = Callable[[Any], Any]


def compare_forms(calls: dict[str, Call], samples: list[Any]) -> tuple[Form, ...] | str:
    """Return measurements of each form, the plain one first; or a reason why forms cannot be compared.

    Args:
        calls: a function for each form, by its name, that calls it with a sample. One is the plain form.
        samples: arguments to compare outputs with. Times are measured with the first.
    """
    tf = tf_internals.import_tensorflow()
    try:
        expected = [_collect_outputs(calls[PLAIN](sample)) for sample in samples]
        again = _collect_outputs(calls[PLAIN](samples[0]))
    except (tf.errors.OpError, ValueError, TypeError) as error:
        return f"the call with made-up inputs failed; give some by measure_with=. {first_line(error)}"
    if any(found.relative > TOLERANCES[FROZEN] for found in _find_worst_differences(expected[:1], [again])):
        return "its outputs differ from call to call"
    forms = {name: _check_form(name, call, samples, expected) for name, call in calls.items() if name != PLAIN}
    timed = {PLAIN: calls[PLAIN], **{name: calls[name] for name, form in forms.items() if not form.refused}}
    times = _measure_times(timed, samples[0])
    return tuple(
        Form(
            name,
            statistics.median(times[name]) if name in times else None,
            sorted(times[name])[len(times[name]) * 3 // 4] if name in times else None,
            forms[name].differences if name in forms else (),
            forms[name].refused if name in forms else "",
        )
        for name in calls
    )


def _check_form(name: str, call: Call, samples: list[Any], expected: list[dict[str, Any]]) -> Form:
    """Return a form without its time: how far its outputs differ, and whether it is refused."""
    tf = tf_internals.import_tensorflow()
    try:
        found = [_collect_outputs(call(sample)) for sample in samples]
    except (tf.errors.OpError, ValueError, TypeError) as error:
        return Form(name, refused=f"it does not run: {first_line(error)}")
    differences = _find_worst_differences(expected, found)
    worst = max(differences, key=lambda each: each.relative, default=None)
    refused = ""
    if worst is not None and not worst.relative <= TOLERANCES[name]:
        refused = f"output {worst.output!r} differs by {worst.relative:.1e} of its size, more than {TOLERANCES[name]}"
    return Form(name, differences=differences, refused=refused)


def _collect_outputs(result: Any) -> dict[str, Any]:
    """Return outputs as arrays, by name or index."""
    tf = tf_internals.import_tensorflow()
    names = sorted(result) if isinstance(result, dict) else [str(i) for i in range(len(tf.nest.flatten(result)))]
    outputs = {}
    for name, output in zip(names, tf.nest.flatten(result)):
        parts = [part for part in tf.nest.flatten(output, expand_composites=True) if part is not None]
        for i, part in enumerate(parts):
            outputs[name if len(parts) == 1 else f"{name} ({i})"] = part.numpy()
    return outputs


def _find_worst_differences(
    expected: list[dict[str, Any]], found: list[dict[str, Any]]
) -> tuple[OutputDifference, ...]:
    """Return the largest difference of each output among the samples."""
    worst: dict[str, OutputDifference] = {}
    for outputs, others in zip(expected, found):
        for name, output in outputs.items():
            difference = OutputDifference(name, *_measure_difference(output, others[name]))
            if name not in worst or not difference.relative <= worst[name].relative:
                worst[name] = difference
    return tuple(worst.values())


def _measure_difference(expected: Any, found: Any) -> tuple[float, float]:
    """Return the largest difference, and the same as a share of the largest expected magnitude."""
    import numpy as np

    expected, found = np.asarray(expected), np.asarray(found)
    if expected.shape != found.shape:
        return float("inf"), float("inf")
    difference = compare_arrays(expected, found)
    relative = difference.relative_to_scale()
    return relative if difference.max_absolute is None else difference.max_absolute, relative


def _measure_times(calls: dict[str, Call], sample: Any) -> dict[str, list[float]]:
    """Return the times of calls. The forms are called in turn, so that a slower machine slows down all of them.

    All of them have been called before, so that no first call is measured.
    """
    tf = tf_internals.import_tensorflow()
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + SECONDS
    for done in range(_MOST_ROUNDS):
        if done >= _FEWEST_ROUNDS and time.perf_counter() > end:
            break
        for name, call in calls.items():
            begin = time.perf_counter()
            for tensor in tf.nest.flatten(call(sample), expand_composites=True)[:1]:
                if tensor is not None:
                    tensor.numpy()  # On a GPU, the call returns before it has computed.
            times[name].append(time.perf_counter() - begin)
    return times


def first_line(error: Exception) -> str:
    """Return the type of an error, and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
