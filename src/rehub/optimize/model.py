"""The object that `hub.load(..., optimize="inference")` returns: a restored one's functions, each in its best form."""

from __future__ import annotations

import dataclasses
import functools
import gc
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rehub import tf_internals
from rehub.errors import InvalidSetting, NotTrainable, OptionsUnsupported
from rehub.formatting import list_names
from rehub.optimize.obstacles import Obstacles
from rehub.optimize.sample_inputs import SampleInputs, describe
from rehub.optimize.subject import Subject
from rehub.restore import lazy_functions
from rehub.restore.loader import load_report, report_on
from rehub.restore.ownership import resources_within
from rehub.restore.signatures import KnownSignatures, signature_names
from rehub.transfer.progress import track_steps

_LOGGER = logging.getLogger(__name__)
_OPTIMIZED = "_rehub_optimized"
# Keras 2 saves each of its layers with these, which are its __call__ and the losses that it is trained with.
_FOR_TRAINING = ("call_and_return_conditional_losses", "call_and_return_all_conditional_losses")


def check_can_optimize(tf: Any, optimize: Any) -> None:
    """Refuses what cannot be optimized for, and where it cannot be done.

    Raises:
        InvalidSetting: `optimize` is not "inference".
        OptionsUnsupported: this TensorFlow, or this place of a program, does not allow it.
    """
    if optimize != "inference":
        raise InvalidSetting(f'optimize= takes "inference", or None. Received: {optimize!r}')
    needs = 'optimize="inference" needs '
    unexpected = tf_internals.freezing.find_incompatibility()
    if unexpected is not None:
        raise OptionsUnsupported(
            f"{needs}a TensorFlow from 2.15 on as rehub knows it; in {tf.__version__}, {unexpected}. Leave it out."
        )
    if not tf.executing_eagerly() or tf.distribute.has_strategy():
        raise OptionsUnsupported(
            f"{needs}eager mode, to call and measure the model's functions, outside of a distribution strategy. Load "
            "the model before, or leave it out."
        )


def is_optimized(obj: Any) -> bool:
    """Whether an object was made by `hub.load(..., optimize="inference")`."""
    return hasattr(type(obj), _OPTIMIZED)


def optimize_for_inference(tf: Any, restored: Any, handle: str, measure_with: Mapping[str, Any] | None) -> Any:
    """Returns an object with a restored one's signatures and functions for inference. Its report tells what was found.

    Args:
        tf: the TensorFlow module.
        restored: what a loader returned.
        handle: what the user typed, for messages.
        measure_with: what to measure with, by the names of inputs; see `SampleInputs`.

    Raises:
        InvalidSetting: `measure_with` names an input that there is not.
    """
    signatures = {name: restored.signatures[name] for name in signature_names(restored)}
    functions = _functions_of(restored)
    subjects = _subjects(signatures, functions)
    samples = SampleInputs(tf, measure_with)
    for subject in subjects:
        subject.make_inputs(samples)
    samples.check_all_used(handle)
    obstacles = Obstacles([(subject.name, subject.to_build) for subject in subjects])
    resources = _Resources(tf, restored)
    served, report = {}, []
    for subject in track_steps("Measuring", subjects, len(subjects), "function"):
        served[id(subject.trace)], found = subject.optimize(tf, obstacles, resources.of)
        report.append(found)
        gc.collect()  # Graphs are in cycles, and hold the weights of the forms that were not chosen.
        _LOGGER.debug("%r, %s: %s", handle, found.name, found.reason or f"{found.chosen}, {found.speedup:.2f}x as fast")
    model = _model_class("__call__" in functions)()
    attributes = vars(model)  # TensorFlow does not look into what it was not told of by setattr().
    attributes["_rehub_handle"] = handle
    by_name = {name: served[id(trace)] for name, trace in signatures.items()}
    attributes["signatures"] = MappingProxyType(KnownSignatures(by_name, handle))
    for name, (function, traces) in functions.items():
        chosen = {f"{name}_{i}": served[id(trace)] for i, trace in enumerate(traces)}
        message = tf_internals.functions.serialize_function(function, list(chosen))
        attributes[name] = lazy_functions.function_class()(message, chosen, handle)
    kept = {id(obj): obj for function in served.values() for obj in (*function.variables, *resources.of(function))}
    model._captured = list(kept.values())  # noqa: SLF001  To be saved with the object.
    report_on(model, dataclasses.replace(load_report(restored), optimized=tuple(report)))
    return model


def _functions_of(restored: Any) -> dict[str, tuple[Any, list[Any]]]:
    """The functions of an object by name, each with its traces that are for inference."""
    functions = {}
    for name, value in vars(restored).items():
        if name in _FOR_TRAINING or (name.startswith("_") and name != "__call__"):
            continue
        if hasattr(value, "get_concrete_function"):
            traces = [
                each for each in tf_internals.functions.concrete_functions(value) if not _is_for_training(value, each)
            ]
            if traces:
                functions[name] = (value, traces)
    return functions


def _is_for_training(function: Any, trace: Any) -> bool:
    args, kwargs = trace.structured_input_signature
    arguments = {**dict(zip(tf_internals.functions.argument_names(function), args)), **kwargs}
    return arguments.get("training") is True


def _subjects(signatures: dict[str, Any], functions: dict[str, tuple[Any, list[Any]]]) -> list[Subject]:
    subjects = [Subject(f"signatures[{name!r}]", trace, [], _call_signature) for name, trace in signatures.items()]
    for name, (function, traces) in functions.items():
        argument_names = tf_internals.functions.argument_names(function)
        obstacle = "" if tf_internals.functions.can_call_traces_directly(function) else "XLA compiles it"
        for trace in traces:
            called = f"{name}({describe(trace.structured_input_signature)})"
            subjects.append(Subject(called, trace, argument_names, tf_internals.functions.call_trace, obstacle))
    return subjects


class _Resources:
    """The tables and other resources of a restored object; it is only searched when a function needs one."""

    def __init__(self, tf: Any, restored: Any) -> None:
        self._tf = tf
        self._restored = restored
        self._by_handle: dict[int, Any] | None = None

    def of(self, function: Any) -> list[Any]:
        """Those that a concrete function captures."""
        variables = {id(variable.handle) for variable in function.variables}
        handles = [
            id(tensor)
            for tensor in function.captured_inputs
            if tensor.dtype == self._tf.resource and id(tensor) not in variables
        ]
        if handles and self._by_handle is None:
            self._by_handle = resources_within(self._tf, self._restored)
        found = self._by_handle or {}
        return [found[handle] for handle in handles if handle in found]


def _call_signature(signature: Any, arguments: tuple[Any, dict[str, Any]]) -> Any:
    return signature(**arguments[1])


@functools.lru_cache(maxsize=None)
def _model_class(can_be_called: bool) -> Any:
    class OptimizedModel(tf_internals.objects.auto_trackable_class()):  # type: ignore[misc]
        """The signatures and functions of a model for inference; without its variables, which are constants there.

        Attributes:
            signatures: the signatures by name.
        """

        _rehub_optimized = True

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            there_are = list_names(
                sorted(each for each in vars(self) if not each.startswith("_") or each == "__call__")
            )
            raise AttributeError(
                f'{vars(self).get("_rehub_handle")!r} was loaded with optimize="inference" and has no {name!r}: only '
                f"{there_are}. Its variables are constants. To train it, or for its parts, load it without."
            )

    if not can_be_called:
        return OptimizedModel

    class CallableOptimizedModel(OptimizedModel):
        __doc__ = OptimizedModel.__doc__

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("training") is True:
                raise NotTrainable(
                    f'training=True: {vars(self)["_rehub_handle"]!r} was loaded with optimize="inference". Load it '
                    "without, to train it."
                )
            return vars(self)["__call__"](*args, **kwargs)

    return CallableOptimizedModel
