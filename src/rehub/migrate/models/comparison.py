"""Compare a converted model with the original, which a session of TF1 runs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np

from rehub import tf_internals
from rehub.array_diff import compare_arrays
from rehub.errors import ConversionFailed
from rehub.migrate.models.model_runs import (
    NO_GRADIENT_ERRORS,
    ConvertedModel,
    OriginalModel,
    SignatureResults,
    summarize_error,
)
from rehub.retrain.signature_functions import SignatureFunctions
from rehub.sample_inputs import NoSampleInput, make_sample
from rehub.transfer.progress import track_steps

# Relative to the largest number compared. float32 has a precision of about 1e-7, and sums of many numbers lose some.
_TOLERANCE = 1e-4
# If all numbers are smaller, they differ by rounding only.
_SMALLEST_SCALE = 1e-3


@dataclass(frozen=True)
class Comparison:
    """The comparison of one signature in one mode.

    Attributes:
        signature: its name.
        mode: "inference" or "training".
        compared: what was compared: "outputs", "gradients", "updated variables".
        difference: the largest difference, relative to the largest number compared; 0.0 if nothing was compared.
        not_compared: why nothing was compared, or no gradients; empty otherwise.
    """

    signature: str
    mode: str
    compared: tuple[str, ...]
    difference: float
    not_compared: str = ""


def compare_models(
    original: str, converted: str, functions: SignatureFunctions, sample_inputs: Mapping[str, Any], label: str
) -> list[Comparison]:
    """Compare all signatures, in inference and in training.

    Args:
        original: the directory of the model of TF1.
        converted: that of its conversion.
        functions: the original's graphs.
        sample_inputs: by signature, the inputs to compare on. Those that are missing are made up.
        label: what messages call the model.

    Raises:
        ConversionFailed: the models differ; says in what, and by how much.
    """
    tf = tf_internals.import_tensorflow()
    comparisons: list[Comparison] = []
    model = ConvertedModel(converted)
    for training in (False, True):
        names = functions.trainable_signatures() if training else functions.inference.signature_names()
        original_model = OriginalModel(original, functions.graph_for(training), training)
        with contextlib.ExitStack() as stack:
            try:
                reference = stack.enter_context(original_model)
            except (tf.errors.OpError, ValueError) as error:
                # Such as shapes that its inference refuses, and TensorFlow Serving of TF1 did not check.
                reason = f"a session of this TensorFlow cannot run the original: {summarize_error(error)}"
                comparisons += [Comparison(name, original_model.mode, (), 0.0, reason) for name in names]
                continue
            for name in track_steps(f"Comparing, {reference.mode}", names, len(names), "signature"):
                inputs, reason = _choose_inputs(functions.inference.input_specs(name), sample_inputs.get(name))
                if reason:
                    comparisons.append(Comparison(name, reference.mode, (), 0.0, reason))
                else:
                    comparisons.append(_compare_signature(reference, model, name, inputs, label))
    return comparisons


def _compare_signature(
    reference: OriginalModel, model: ConvertedModel, name: str, inputs: dict[str, Any], label: str
) -> Comparison:
    mode = reference.mode
    tf = tf_internals.import_tensorflow()
    try:
        expected = reference.run_signature(name, inputs)
    except (tf.errors.OpError, LookupError, ValueError) as error:
        # The model may not accept made-up inputs.
        return Comparison(name, mode, (), 0.0, f"the original fails on the inputs: {summarize_error(error)}")
    if expected is None:
        return Comparison(name, mode, (), 0.0, "it is random: the original gives something else each time")
    try:
        received = model.run_signature(name, inputs, reference.training, with_gradients="gradients" in expected)
    except (tf.errors.OpError, *NO_GRADIENT_ERRORS) as error:
        failing = "the gradient of " if "gradients" in expected and not isinstance(error, tf.errors.OpError) else ""
        raise ConversionFailed(
            f"{label!r} was not converted: in {mode}, {failing}signature {name!r} fails, and does not in TF1: "
            f"{summarize_error(error)}"
        ) from error
    differences = {
        f"{kind} {key!r}": _measure_difference(value, received[kind].get(key))
        for kind, values in expected.items()
        for key, value in values.items()
    }
    worst = max(differences, key=lambda key: differences[key], default="")
    if worst and differences[worst] > _TOLERANCE:
        raise ConversionFailed(
            f"{label!r} was not converted: in {mode}, signature {name!r} computes something else than in TF1. "
            f"{worst} differs by {differences[worst]:.2g} of its size, more than {_TOLERANCE:.0e}."
        )
    compared = tuple(kind for kind in expected if expected[kind] and not _is_unchanged(kind, expected, reference))
    return Comparison(name, mode, compared, differences.get(worst, 0.0), reference.why_no_gradients)


def _is_unchanged(kind: str, results: SignatureResults, reference: OriginalModel) -> bool:
    """Whether these are variables that inference did not change. Few signatures change variables in inference."""
    if kind != "updated variables" or reference.training:
        return False
    return all(_measure_difference(value, reference.initial[key]) == 0 for key, value in results[kind].items())


def _measure_difference(expected: Any, received: Any) -> float:
    """Return the largest difference of two arrays relative to the largest number in the first.

    Returns:
        1.0 for arrays of different shapes, and for unequal ones of integers, strings or bools.
    """
    expected = np.asarray(expected)
    if received is None or expected.shape != np.shape(received):
        return 1.0
    difference = compare_arrays(expected, received)
    if expected.dtype.kind not in "fc":
        return float(difference.changed > 0)
    return difference.relative_to_scale(_SMALLEST_SCALE)


def _choose_inputs(specs: dict[str, Any], given: Any) -> tuple[dict[str, Any], str]:
    """Return inputs by name, or why there are none."""
    tf = tf_internals.import_tensorflow()
    if given is not None:
        by_name = given if isinstance(given, Mapping) else {next(iter(specs)): given}
        return {
            name: tf.convert_to_tensor(value, specs[name].dtype) if isinstance(specs[name], tf.TensorSpec) else value
            for name, value in by_name.items()
        }, ""
    samples = {}
    for number, (name, spec) in enumerate(specs.items()):
        shape = tf.TensorShape([None]) if isinstance(spec, tf.TensorSpec) and spec.shape.rank is None else None
        try:
            random = np.random.RandomState(number)
            samples[name] = make_sample(spec, random, shape=shape, batch=2, length=16, image_size=16)
        except NoSampleInput as error:
            return {}, f"input {name!r} cannot be made up, as it {error}; give sample_inputs"
    return samples, ""
