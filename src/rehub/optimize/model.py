"""Make the object that `hub.load(..., optimize="inference")` returns: functions, each in its best form."""

from __future__ import annotations

import dataclasses
import gc
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rehub import tf_internals
from rehub.errors import InvalidSetting, OptionsUnsupported
from rehub.optimize.blockers import Blockers
from rehub.optimize.sample_inputs import SampleInputs, describe
from rehub.optimize.target import Target
from rehub.restore import SignatureDict, find_resources, load_report, set_load_report, signature_names
from rehub.transfer.progress import track_steps

_log = logging.getLogger(__name__)
# Keras 2 saves each of its layers with these: its __call__, and the losses that it is trained with.
_FOR_TRAINING = ("call_and_return_conditional_losses", "call_and_return_all_conditional_losses")


def check_can_optimize(optimize: Any) -> None:
    """Check that `optimize=` can be done here.

    Raises:
        InvalidSetting: `optimize` is not "inference".
        OptionsUnsupported: this TensorFlow, or this place of a program, does not allow it.
    """
    tf = tf_internals.import_tensorflow()
    if optimize != "inference":
        raise InvalidSetting(f'optimize= takes "inference", or None. Received: {optimize!r}')
    needs = 'optimize="inference" needs '
    incompatibility = tf_internals.freezing.find_incompatibility()
    if incompatibility is not None:
        raise OptionsUnsupported(
            f"{needs}a TensorFlow from 2.15 on as rehub knows it; in {tf.__version__}, {incompatibility}. Leave it out."
        )
    if not tf.executing_eagerly() or tf.distribute.has_strategy():
        raise OptionsUnsupported(
            f"{needs}eager mode, to call and measure the model's functions, outside of a distribution strategy. Load "
            "the model before, or leave it out."
        )


def is_optimized(obj: Any) -> bool:
    """Whether an object was made by `hub.load(..., optimize="inference")`."""
    return hasattr(type(obj), "_rehub_is_optimized")


def optimize_for_inference(restored: Any, label: str, measure_with: Mapping[str, Any] | None) -> Any:
    """Return an object with a restored object's signatures and functions for inference, and a report of the choices.

    Args:
        measure_with: what to measure with, by the names of inputs; see `SampleInputs`.

    Raises:
        InvalidSetting: `measure_with` has the name of an input that does not exist.
    """
    signatures = {name: restored.signatures[name] for name in signature_names(restored)}
    functions = _find_functions(restored)
    targets = _make_targets(signatures, functions)
    samples = SampleInputs(measure_with)
    for target in targets:
        target.make_inputs(samples)
    samples.check_all_used(label)
    blockers = Blockers([(target.name, target.to_build) for target in targets])
    resources = _Resources(restored)
    served, report = {}, []
    for target in track_steps("Measuring", targets, len(targets), "function"):
        served[id(target.trace)], found = target.optimize(blockers, resources.find_captured)
        report.append(found)
        gc.collect()  # Graphs are in cycles, and hold the weights of the forms that were not chosen.
        _log.debug("%r, %s: %s", label, found.name, found.reason or f"{found.chosen}, {found.speedup:.2f}x as fast")
    model = _make_model(signatures, functions, served, label)
    captured = (obj for each in served.values() for obj in (*each.variables, *resources.find_captured(each)))
    model._captured = list({id(obj): obj for obj in captured}.values())  # noqa: SLF001  To be saved with the object.
    set_load_report(model, dataclasses.replace(load_report(restored), optimized=tuple(report)))
    return model


def _make_model(
    signatures: dict[str, Any], functions: dict[str, tuple[Any, list[Any]]], served: dict[int, Any], label: str
) -> Any:
    """Make the optimized object.

    Args:
        functions: the restored functions by name, each with its traces.
        served: the concrete function in place of each restored one, by its id.
    """
    # They derive from TensorFlow's classes.
    from rehub.optimize.optimized_model import CallableOptimizedModel, OptimizedModel
    from rehub.restore.lazy.function_classes import LazyFunction

    model = CallableOptimizedModel() if "__call__" in functions else OptimizedModel()
    attributes: Any = vars(model)  # TensorFlow does not track attributes that are set in this way.
    attributes["_rehub_label"] = label
    by_name = {name: served[id(trace)] for name, trace in signatures.items()}
    attributes["signatures"] = MappingProxyType(SignatureDict(by_name, label))
    for name, (function, traces) in functions.items():
        chosen = {f"{name}_{i}": served[id(trace)] for i, trace in enumerate(traces)}
        message = tf_internals.functions.serialize_function(function, list(chosen))
        attributes[name] = LazyFunction(message, chosen, label)
    return model


def _find_functions(restored: Any) -> dict[str, tuple[Any, list[Any]]]:
    """Return the functions of an object by name, each with its traces for inference."""
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


def _make_targets(signatures: dict[str, Any], functions: dict[str, tuple[Any, list[Any]]]) -> list[Target]:
    targets = [Target(f"signatures[{name!r}]", trace, [], _call_signature) for name, trace in signatures.items()]
    for name, (function, traces) in functions.items():
        argument_names = tf_internals.functions.argument_names(function)
        blocker = "" if tf_internals.functions.can_call_traces_directly(function) else "XLA compiles it"
        for trace in traces:
            called = f"{name}({describe(trace.structured_input_signature)})"
            targets.append(Target(called, trace, argument_names, tf_internals.functions.call_trace, blocker))
    return targets


def _call_signature(signature: Any, arguments: tuple[Any, dict[str, Any]]) -> Any:
    return signature(**arguments[1])


class _Resources:
    """The tables and other resources of a restored object, which is searched when a function needs one."""

    def __init__(self, restored: Any) -> None:
        self._restored = restored
        self._by_handle: dict[int, Any] | None = None

    def find_captured(self, function: Any) -> list[Any]:
        """Return those that a concrete function captures."""
        tf = tf_internals.import_tensorflow()
        variables = {id(variable.handle) for variable in function.variables}
        handles = [
            id(tensor)
            for tensor in function.captured_inputs
            if tensor.dtype == tf.resource and id(tensor) not in variables
        ]
        if handles and self._by_handle is None:
            self._by_handle = find_resources(self._restored)
        found = self._by_handle or {}
        return [found[handle] for handle in handles if handle in found]
