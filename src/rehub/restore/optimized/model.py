"""The object that `hub.load(..., optimize="inference")` returns: the functions of a restored one, each in its best form."""

from __future__ import annotations

import copy
import dataclasses
import functools
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Callable

from rehub import tf_internals
from rehub.errors import InvalidSetting, OptionsUnsupported
from rehub.restore import lazy_functions
from rehub.restore.optimized import frozen
from rehub.restore.optimized.choices import BF16, FROZEN, PLAIN, OptimizedFunction, choose
from rehub.restore.optimized.comparison import compare
from rehub.restore.optimized.obstacles import Obstacles
from rehub.restore.optimized.sample_inputs import NoSample, SampleInputs, describe
from rehub.restore.loader import load_report, report_on
from rehub.restore.ownership import captured_objects, own
from rehub.restore.signatures import signature_names

_LOGGER = logging.getLogger(__name__)
_OPTIMIZED = "_rehub_optimized"
_SAMPLES = 3
# What the converter and grappler raise for a graph that they cannot work on.
_CANNOT_FREEZE = (ValueError, TypeError, KeyError, NotImplementedError, RuntimeError)


def check_can_optimize(tf: Any, optimize: Any) -> None:
    """Refuses what cannot be optimized for, and where it cannot be done.

    Raises:
        InvalidSetting: `optimize` is not "inference".
        OptionsUnsupported: this TensorFlow, or this place of a program, does not allow it.
    """
    if optimize != "inference":
        raise InvalidSetting(f'optimize= takes "inference", or None. Received: {optimize!r}')
    needs = 'optimize="inference" needs '
    unexpected = tf_internals.unexpected_loader_internals()
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


def optimize_for_inference(
    tf: Any, restored: Any, handle: str, sample_inputs: Mapping[str, Any] | None
) -> Any:
    """Returns an object with a restored one's signatures and functions for inference. Its report tells what was found.

    Args:
        tf: the TensorFlow module.
        restored: what a loader returned.
        handle: what the user typed, for messages.
        sample_inputs: what to measure with, by the names of inputs; see `SampleInputs`.

    Raises:
        InvalidSetting: `sample_inputs` names an input that there is not.
    """
    functions = _functions_of(tf, restored)
    signatures = {name: restored.signatures[name] for name in signature_names(restored)}
    subjects = [_Subject(f"signatures[{name!r}]", trace, [], _as_signature) for name, trace in signatures.items()]
    for name, (function, traces) in functions.items():
        names = tf_internals.argument_names(function)
        compiled = not tf_internals.traces_can_run_alone(function)
        for trace in traces:
            called = f"{name}({describe(list(trace.structured_input_signature))})"
            subjects.append(_Subject(called, trace, names, tf_internals.call_trace, compiled))
    obstacles = Obstacles([(subject.name, subject.to_build) for subject in subjects])
    samples = SampleInputs(tf, sample_inputs)
    served = {id(subject.trace): subject.optimize(tf, samples, obstacles) for subject in subjects}
    samples.check_all_used(handle)
    found = tuple(report for _, report in served.values())
    for each in found:
        _LOGGER.debug("%r, %s: %s", handle, each.name, each.reason or f"{each.chosen}, {each.speedup:.2f} times as fast")
    model = _model_class("__call__" in functions)()
    attributes = vars(model)  # TensorFlow does not look into what it was not told of by setattr().
    attributes["_rehub_handle"] = handle
    attributes["signatures"] = MappingProxyType({name: served[id(trace)][0] for name, trace in signatures.items()})
    for name, (function, traces) in functions.items():
        chosen = [served[id(trace)][0] for trace in traces]
        message = tf_internals.saved_function_message(function, chosen)
        made = lazy_functions.function_class()(message, {trace.name: trace for trace in chosen})
        attributes[name] = made
    kept = {id(obj): obj for trace, _ in served.values() for obj in captured_objects(trace)}
    model._captured = list(kept.values())  # noqa: SLF001  To be saved with the object.
    report_on(model, dataclasses.replace(load_report(restored), optimized=found))
    return model


def _functions_of(tf: Any, restored: Any) -> dict[str, tuple[Any, list[Any]]]:
    """The functions of an object by name, each with its traces that are for inference."""
    functions = {}
    for name, value in vars(restored).items():
        if name.startswith("_") and name != "__call__" or tf_internals.is_concrete_function(value):
            continue
        if name in _OF_KERAS_TRAINING:
            continue
        traces = [trace for trace in tf_internals.concrete_functions(value) if not _is_for_training(value, trace)]
        if traces:
            functions[name] = (value, traces)
    return functions


# Keras 2 saves each of its layers with these, which are its __call__ and the losses that it is trained with.
_OF_KERAS_TRAINING = ("call_and_return_conditional_losses", "call_and_return_all_conditional_losses")


def _is_for_training(function: Any, trace: Any) -> bool:
    args, kwargs = trace.structured_input_signature
    arguments = {**dict(zip(tf_internals.argument_names(function), args)), **kwargs}
    return arguments.get("training") is True


def _as_signature(trace: Any, inputs: Any) -> Any:
    return trace(**inputs[1])


class _Subject:
    """A concrete function that is to be optimized.

    Attributes:
        name: as it is called, for reports.
        trace: the function as it was restored.
        to_build: a copy of it, which is given a graph in its place: one without is called in less time.
    """

    def __init__(
        self, name: str, trace: Any, names: list[str], call: Callable[[Any, Any], Any], compiled: bool = False
    ) -> None:
        self.name = name
        self.trace = trace
        self.to_build = copy.copy(trace)
        self._argument_names = names
        self._call = call
        self._compiled = compiled

    def optimize(self, tf: Any, samples: SampleInputs, obstacles: Obstacles) -> tuple[Any, OptimizedFunction]:
        """Returns the function in the form to serve, and what was found."""
        structure = self.trace.structured_input_signature
        try:
            made = [samples.make(structure, self._argument_names, seed) for seed in range(_SAMPLES)]
        except NoSample as reason:
            return self._left("", str(reason))
        inputs = ", ".join(filter(None, (describe(list(made[0][0])), describe(made[0][1]))))
        reason = "XLA compiles it" if self._compiled else ""
        reason = reason or obstacles.to(tf, self.to_build) or frozen.too_large(self.to_build)
        if reason:
            return self._left(inputs, reason)
        try:
            forms = self._forms(tf)
        except _CANNOT_FREEZE as error:
            return self._left(inputs, f"TensorFlow cannot freeze it: {type(error).__name__}: {error}")
        calls = {name: functools.partial(self._call, form) for name, form in forms.items()}
        compared = compare(tf, calls, made)
        if isinstance(compared, str):
            return self._left(inputs, compared)
        chosen = choose(compared)
        return forms[chosen], OptimizedFunction(self.name, inputs, chosen, compared)

    def _left(self, inputs: str, reason: str) -> tuple[Any, OptimizedFunction]:
        return self.trace, OptimizedFunction(self.name, inputs, PLAIN, reason=reason)

    def _forms(self, tf: Any) -> dict[str, Any]:
        graph = frozen.freeze(tf, functools.partial(self._call, self.to_build), self.trace.structured_input_signature)
        graphs = {FROZEN: graph}
        if frozen.cpu_has_bfloat16():
            converted = frozen.in_bfloat16(tf, graph)
            if converted is not None:
                graphs[BF16] = converted
        forms = {PLAIN: self.trace}
        for name, each in graphs.items():
            forms[name] = frozen.as_function(tf, each, self.trace, name)
            handles = {id(handle) for handle in each.captured}
            own(forms[name], *captured_objects(self.trace, handles))
        return forms


@functools.lru_cache(maxsize=None)
def _model_class(can_be_called: bool) -> Any:
    class OptimizedModel(tf_internals.auto_trackable_class()):  # type: ignore[misc]
        """The signatures and functions of a model for inference; without its variables, which are constants there.

        Attributes:
            signatures: the signatures by name.
        """

        _rehub_optimized = True

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            there_are = ", ".join(sorted(each for each in vars(self) if not each.startswith("_") or each == "__call__"))
            raise AttributeError(
                f"{vars(self).get('_rehub_handle')!r} was loaded with optimize=\"inference\" and has no {name!r}: only "
                f"{there_are}. Its variables are constants. To train it, or for its parts, load it without."
            )

    if not can_be_called:
        return OptimizedModel

    class CallableOptimizedModel(OptimizedModel):
        __doc__ = OptimizedModel.__doc__

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return vars(self)["__call__"](*args, **kwargs)

    return CallableOptimizedModel
