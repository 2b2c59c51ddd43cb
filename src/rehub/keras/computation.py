"""What a KerasLayer computes, without any Keras: the object, its function, and how to call it."""

from __future__ import annotations

import copy
import logging
import os
from types import SimpleNamespace
from typing import Any, Sequence

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.keras.copies import object_for_copy
from rehub.keras.inputs import as_tensors, match_trace, stack_inputs
from rehub.keras.spec import LayerSpec
from rehub.keras.traces import RunnableTraces, find_runnable_traces, traces_of
from rehub.legacy.conversions import is_conversion, read_default_signature
from rehub.loading import load
from rehub.restore import get_signature, is_v1_model, signature_names
from rehub.retrain import TrainableSignature, find_trainable_signature

_log = logging.getLogger(__name__)


class Computation:
    """A restored object, or any callable, with what a layer fixes about its calls.

    Attributes:
        restored: the object that `handle` resolved to, or the object that was given as the handle.
        function: what is called: the object's `__call__`, its endpoint `serve`, or one of its signatures.
        traces: the traces of `function`; empty if TensorFlow can trace it again.
        takes_training: whether `function` has an argument `training`.
        arguments: the layer's `arguments=`, in containers of our own.
        signature: the name of the signature in use, or None.
        output_key, signature_outputs_as_dict: as given to the layer, or as chosen for it.
        is_legacy: whether the object was loaded from the TF1 Hub format.
    """

    def __init__(self, spec: LayerSpec) -> None:
        self.label = label_of(spec.handle)
        self.restored = _load_object(spec)
        self.is_legacy = bool(getattr(self.restored, "_is_hub_module_v1", False))
        self.arguments = _copy_containers(dict(spec.arguments or {}))
        self.signature = spec.signature
        self.signature_outputs_as_dict = spec.signature_outputs_as_dict
        self.output_key = spec.output_key
        if self.is_legacy:
            self.signature = self.signature or "default"
            if not self.signature_outputs_as_dict:
                self.output_key = self.output_key or "default"
        self._choose_only_signature()
        self._choose_for_conversion()
        self._check_output_choice()
        self.function = self._find_function()
        self.traces = traces_of(self.function)
        self.takes_training = "training" in tf_internals.functions.argument_names(self.function)
        self._runnable: dict[bool, RunnableTraces] = {}

    def _choose_only_signature(self) -> None:
        """Choose the only signature of a TF2 object that is not callable, if one output is named or it has only one.

        `tf.saved_model.save` writes such objects of models of Keras 3.
        """
        if self.signature or self.signature_outputs_as_dict or self._is_callable_itself():
            return
        names = signature_names(self.restored)
        if len(names) != 1 or is_v1_model(self.restored):
            return
        outputs = list(self.restored.signatures[names[0]].structured_outputs or ())
        if self.output_key is None and len(outputs) == 1:
            self.output_key = outputs[0]
        if self.output_key in outputs:
            self.signature = names[0]
            _log.info(
                "%s is not callable; hub.KerasLayer uses its only signature, as signature=%r, output_key=%r.",
                self.label,
                self.signature,
                self.output_key,
            )

    def _choose_for_conversion(self) -> None:
        """Choose for a converted module as for the module itself: the default signature, if only an output is named;
        the output "default", if only a signature is named.
        """
        if not is_conversion(self.restored) or self.arguments.keys() & {"signature", "as_dict"}:
            return
        if not self.signature and (self.output_key or self.signature_outputs_as_dict):
            self.signature = read_default_signature(self.restored)
        if self.signature and not self.output_key and not self.signature_outputs_as_dict:
            function = find_trainable_signature(self.restored, self.signature, self.label)
            if function is not None and "default" in function.output_specs(False):
                self.output_key = "default"

    def _is_callable_itself(self) -> bool:
        # A Keras 3 export has no __call__. Its endpoint `serve` is what the model computes
        # (keras/src/export/saved_model.py).
        return is_callable(self.restored) or callable(getattr(self.restored, "serve", None))

    def _check_output_choice(self) -> None:
        if self.signature and (self.output_key is not None) == bool(self.signature_outputs_as_dict):
            raise ValueError(
                f"When using a signature, either output_key or signature_outputs_as_dict=True should be set. "
                f"Received for {self.label}: signature={self.signature!r}, output_key={self.output_key!r}, "
                f"signature_outputs_as_dict={self.signature_outputs_as_dict!r}"
            )
        if self.signature_outputs_as_dict and not self.signature:
            raise ValueError(
                "signature_outputs_as_dict is only valid if specifying a signature (or using a legacy TF1 Hub format). "
                f"Received for {self.label}: signature=None"
            )

    def _find_function(self) -> Any:
        if self.signature:
            retrained = find_trainable_signature(self.restored, self.signature, self.label)
            return retrained or get_signature(self.restored, self.signature, self.label)
        if is_callable(self.restored) and not is_v1_model(self.restored):
            return tf_internals.functions.callable_of(self.restored)
        if callable(getattr(self.restored, "serve", None)):
            return self.restored.serve
        names = signature_names(self.restored)
        if not names:
            raise SignatureNotFound(f"Loaded object is not callable and has no signatures: {self.label}")
        raise SignatureNotFound(
            f"Signature name has to be specified for non-callable saved models (if not legacy TF1 Hub format): "
            f"{self.label} has {', '.join(map(repr, names))}. "
            f"Add signature= and output_key={_describe_output_keys(self.restored.signatures, names)}."
        )

    @property
    def is_trainable(self) -> bool:
        """Whether the function can be trained. A signature of a graph of TF1 cannot, unless rehub traced it again."""
        if isinstance(self.function, TrainableSignature):
            return True
        is_tf1_graph = is_v1_model(self.restored) or tf_internals.v1_graphs.is_v1_function(self.function)
        return not (self.is_legacy or (self.signature and is_tf1_graph))

    @property
    def has_training_mode(self) -> bool:
        """Whether the function may compute something else in training. A TF2 object's signature does not."""
        return isinstance(self.function, TrainableSignature) or not self.signature

    def weights_owner(self) -> Any:
        """Return the object whose `variables` and `trainable_variables` are the layer's.

        A signature of a TF2 object trains the variables that it captures.
        """
        if self.has_training_mode or not self.is_trainable:
            return self.restored
        listed = getattr(self.restored, "trainable_variables", None)
        trainable_ids = None if listed is None else {id(variable) for variable in listed}
        captured = [variable for trace in self.traces for variable in trace.variables]
        trainable = [v for v in captured if v.trainable and (trainable_ids is None or id(v) in trainable_ids)]
        variables = [*(getattr(self.restored, "variables", None) or ()), *captured]
        return SimpleNamespace(variables=variables, trainable_variables=trainable)

    def as_tensors(self, inputs: Any) -> Any:
        """Return the inputs with tensors for plain Python values, of the dtype that the function was traced with."""
        traces = self.runnable_traces(training=False).converting or self.traces
        hint = getattr(traces[0].inputs, "dtype", None) if traces else None
        return stack_inputs(as_tensors(inputs, dtype_hint=hint), traces)

    def __call__(self, inputs: Any, training: Any) -> Any:
        """Call the function in training or inference mode and pick the wanted output.

        Args:
            training: a Python bool, None for False, or a scalar bool tensor (the learning phase of TF1 graphs).
        """
        mode = tf_internals.tracing.static_bool(training) if self.takes_training else False
        if mode is not None:
            return self._call_in_mode(inputs, mode)
        return tf_internals.import_tensorflow().cond(
            training, lambda: self._call_in_mode(inputs, True), lambda: self._call_in_mode(inputs, False)
        )

    def _call_in_mode(self, inputs: Any, training: bool) -> Any:
        arguments = self._arguments_in_mode(training)
        is_signature = tf_internals.functions.is_concrete_function(self.function)
        if is_signature and arguments:
            inputs, arguments = self._merge_arguments(inputs, arguments), {}
        if self.traces or tf_internals.functions.is_restored_function(self.function):
            runnable = self.runnable_traces(training)
            # Stacked here again: a list of symbolic tensors has values only now.
            inputs = stack_inputs(inputs, runnable.converting or self.traces)
            trace, inputs = match_trace(inputs, runnable, self.label)
            if trace.can_run_alone:
                return self.pick_output(tf_internals.functions.call_with_tensors(trace.concrete, inputs))
            arguments = runnable.arguments
        if isinstance(inputs, dict) and is_signature:
            return self.pick_output(self.function(**inputs, **arguments))
        return self.pick_output(self.function(inputs, **arguments))

    def runnable_traces(self, training: bool) -> RunnableTraces:
        """Return the traces that a call in this mode can run, by the arguments other than the inputs."""
        if training not in self._runnable:
            self._runnable[training] = self._find_runnable_traces(training)
        return self._runnable[training]

    def _find_runnable_traces(self, training: bool) -> RunnableTraces:
        is_signature = tf_internals.functions.is_concrete_function(self.function)  # Its arguments are inputs.
        arguments = {} if is_signature else self._arguments_in_mode(training)
        runnable = find_runnable_traces(self.function, self.traces, arguments)
        if not runnable.converting and self.takes_training and not training:
            # A function that was traced with its default, `training=None`, has no other mode for inference.
            untrained = find_runnable_traces(self.function, self.traces, {**arguments, "training": None})
            return untrained if untrained.converting else runnable
        return runnable

    def _merge_arguments(self, inputs: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs of a signature with `arguments=` among them: all its arguments are inputs."""
        expected = self.traces[0].inputs if self.traces else {}
        given = {
            name: as_tensors(value, dtype_hint=getattr(expected.get(name), "dtype", None))
            for name, value in arguments.items()
        }
        if not isinstance(inputs, dict):
            inputs = dict.fromkeys([name for name in expected if name not in arguments][:1], inputs)
        return {**given, **inputs}

    def pick_output(self, result: Any) -> Any:
        """Return the output named by `output_key`, or all of them."""
        if self.output_key is None or self.output_key == "":
            return result
        if not isinstance(result, dict):
            raise ValueError(
                f"Specifying `output_key` is forbidden if output type {type(result)} is not a dict. "
                f"Received for {self.label}: output_key={self.output_key!r}"
            )
        if self.output_key not in result:
            raise ValueError(
                f"KerasLayer output does not contain the output key {self.output_key} "
                f"(available: {', '.join(map(repr, sorted(result)))}): {self.label}"
            )
        return result[self.output_key]

    def _arguments_in_mode(self, training: bool) -> dict[str, Any]:
        return {**self.arguments, "training": training} if self.takes_training else self.arguments

    def regularization_losses(self) -> tuple[Any, ...]:
        """Return the object's loss functions. Each takes no arguments and returns a scalar.

        Raises:
            ValueError: one of them cannot be called.
        """
        losses = tuple(getattr(self.restored, "regularization_losses", None) or ())
        for loss in losses:
            if not callable(loss):
                raise ValueError(
                    "hub.KerasLayer(obj) expects obj.regularization_losses to be an iterable of callables, each "
                    f"returning a scalar loss term. Received: {loss!r} in {self.label}"
                )
        return losses


def _copy_containers(nest: Any) -> Any:
    """Copy the dicts and lists of a nest, so that the caller's later changes to his have no effect."""
    if not isinstance(nest, (dict, list)):
        return nest
    own = copy.copy(nest)
    for key in nest if isinstance(nest, dict) else range(len(nest)):
        own[key] = _copy_containers(nest[key])
    return own


def _describe_output_keys(signatures: Any, names: Sequence[str]) -> str:
    outputs = signatures[names[0]].structured_outputs if len(names) == 1 else None
    return f", one of {', '.join(map(repr, sorted(outputs)))}" if isinstance(outputs, dict) else ""


def is_callable(candidate: Any) -> bool:
    """Return whether an object can be called, also by a `__call__` that is an attribute of the object, not of its
    class: a `tf.train.Checkpoint` can have one.
    """
    return callable(candidate) or callable(getattr(candidate, "__call__", None))  # noqa: B004


def label_of(handle: Any) -> str:
    """Return the handle, or the type of an object, for messages."""
    if isinstance(handle, (str, bytes, os.PathLike)):
        return repr(os.fsdecode(handle))
    return f"the {type(handle).__name__} given to hub.KerasLayer"


def _load_object(spec: LayerSpec) -> Any:
    handle = spec.handle
    copied = object_for_copy(handle)
    if copied is not None:
        return copied
    if isinstance(handle, str) or not is_callable(handle):
        given = spec.load_options
        options = given if given is not None else tf_internals.keras.current_load_options()
        return load(handle, tags=spec.tags, options=options)
    for name, value in (("tags", spec.tags), ("load_options", spec.load_options)):
        if value is not None:
            raise ValueError(
                f"Passing a callable handle is mutually exclusive with setting {name}. Received: {value!r}"
            )
    return handle
