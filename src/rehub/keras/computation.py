"""What a KerasLayer computes, told without any Keras: the object, its function, and how it is called."""

from __future__ import annotations

import copy
import logging
import os
from types import SimpleNamespace
from typing import Any

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.keras.copies import object_for_copy
from rehub.keras.inputs import as_one_tensor, as_tensors, match
from rehub.keras.traces import Candidates, candidates, traces_of
from rehub.legacy.conversions import default_signature_of, is_conversion
from rehub.loading import load
from rehub.restore import is_v1_model, signature_names, signature_of
from rehub.retrain import SignatureFunction, find_signature_function

_logger = logging.getLogger("rehub")


class Computation:
    """A restored object, or any callable, with all that a layer fixes about calling it.

    Attributes:
        restored: the object that `handle` resolved to, or the object that was given instead of a handle.
        function: what is called: the object's `__call__`, its endpoint `serve`, or one of its signatures.
        traces: the traces of `function`; empty if it can be traced anew.
        takes_training: whether `function` has an argument `training`.
        signature: the name of the signature in use, or None.
        is_legacy: whether the object was loaded from the TF1 Hub format.
    """

    def __init__(
        self,
        handle: Any,
        arguments: dict[str, Any] | None = None,
        tags: Any = None,
        signature: str | None = None,
        signature_outputs_as_dict: bool | None = None,
        output_key: str | None = None,
        load_options: Any = None,
    ) -> None:
        self.described_as = describe_handle(handle)
        self.restored = _object_of(handle, tags, load_options)
        self.is_legacy = bool(getattr(self.restored, "_is_hub_module_v1", False))
        self.arguments = _copied(dict(arguments or {}))
        if self.is_legacy:
            signature = signature or "default"
            if not signature_outputs_as_dict:
                output_key = output_key or "default"
        self.signature = signature
        self.signature_outputs_as_dict = signature_outputs_as_dict
        self.output_key = output_key
        self._choose_only_signature()
        self._complete_choice_of_conversion()
        self._check_output_choice()
        self.function = self._find_function()
        self.traces = traces_of(self.function)
        self.takes_training = "training" in tf_internals.functions.argument_names(self.function)
        self._candidates: dict[bool, Candidates] = {}

    def _choose_only_signature(self) -> None:
        """Chooses the signature of a TF2 object that can be called in no other way, where only one output can be meant,
        as in what `tf.saved_model.save` writes of a model of Keras 3.
        """
        if self.signature or self.signature_outputs_as_dict or self._is_called_by_itself():
            return
        names = signature_names(self.restored)
        if len(names) != 1 or is_v1_model(self.restored):
            return
        outputs = list(self.restored.signatures[names[0]].structured_outputs or ())
        if self.output_key is None and len(outputs) == 1:
            self.output_key = outputs[0]
        if self.output_key in outputs:
            self.signature = names[0]
            _logger.info(
                "%s is not callable; hub.KerasLayer uses its only signature, as signature=%r, output_key=%r.",
                self.described_as,
                self.signature,
                self.output_key,
            )

    def _complete_choice_of_conversion(self) -> None:
        """Chooses the default signature of a conversion where outputs are asked for by name, and the output "default"
        of a signature, as for the module itself.
        """
        if not is_conversion(self.restored) or self.arguments.keys() & {"signature", "as_dict"}:
            return
        if not self.signature and (self.output_key or self.signature_outputs_as_dict):
            self.signature = default_signature_of(self.restored)
        if self.signature and not self.output_key and not self.signature_outputs_as_dict:
            found = find_signature_function(self.restored, self.signature, self.described_as)
            if found is not None and "default" in found.output_specs(False):
                self.output_key = "default"

    def _is_called_by_itself(self) -> bool:
        # A Keras 3 export has no __call__; its endpoint of this name is what the model computes
        # (Keras: export/saved_model.py).
        return is_callable(self.restored) or callable(getattr(self.restored, "serve", None))

    def _check_output_choice(self) -> None:
        if self.signature and (self.output_key is not None) == bool(self.signature_outputs_as_dict):
            raise ValueError(
                f"When using a signature, either output_key or signature_outputs_as_dict=True should be set. "
                f"Received for {self.described_as}: signature={self.signature!r}, output_key={self.output_key!r}, "
                f"signature_outputs_as_dict={self.signature_outputs_as_dict!r}"
            )
        if self.signature_outputs_as_dict and not self.signature:
            raise ValueError(
                "signature_outputs_as_dict is only valid if specifying a signature (or using a legacy TF1 Hub format). "
                f"Received for {self.described_as}: signature=None"
            )

    def _find_function(self) -> Any:
        """The function to call, by what was asked for and what the object offers."""
        if self.signature:
            both_modes = find_signature_function(self.restored, self.signature, self.described_as)
            return both_modes or signature_of(self.restored, self.signature, self.described_as)
        if is_callable(self.restored) and not is_v1_model(self.restored):
            return tf_internals.functions.callable_of(self.restored)
        if callable(getattr(self.restored, "serve", None)):
            return self.restored.serve
        names = signature_names(self.restored)
        found = [self.restored.signatures[name] for name in names]
        if not names:
            raise SignatureNotFound(f"Loaded object is not callable and has no signatures: {self.described_as}")
        raise SignatureNotFound(
            f"Signature name has to be specified for non-callable saved models (if not legacy TF1 Hub format): "
            f"{self.described_as} has {', '.join(map(repr, names))}. "
            f"Add signature= and output_key={_outputs_of(found)}."
        )

    @property
    def is_trainable(self) -> bool:
        """Whether what is called can be trained: not a signature of a graph of TF1, unless it was traced again."""
        if isinstance(self.function, SignatureFunction):
            return True
        return not (self.is_legacy or (self.signature and self._is_graph_of_tf1()))

    @property
    def has_training_mode(self) -> bool:
        """Whether what is called may compute something else in training: a TF2 object's signature does not."""
        return isinstance(self.function, SignatureFunction) or not self.signature

    def _is_graph_of_tf1(self) -> bool:
        return is_v1_model(self.restored) or tf_internals.v1_graphs.is_v1_function(self.function)

    def weights_owner(self) -> Any:
        """The object whose `variables` and `trainable_variables` are the layer's.

        A signature of a TF2 object trains those variables that it captures.
        """
        if self.has_training_mode or not self.is_trainable:
            return self.restored
        listed = getattr(self.restored, "trainable_variables", None)
        candidates = None if listed is None else {id(variable) for variable in listed}
        captured = [variable for trace in self.traces for variable in trace.variables]
        trainable = [v for v in captured if v.trainable and (candidates is None or id(v) in candidates)]
        every = [*(getattr(self.restored, "variables", None) or ()), *captured]
        return SimpleNamespace(variables=every, trainable_variables=trainable)

    def as_tensors(self, inputs: Any) -> Any:
        """Plain Python values among the inputs become tensors, of the dtype that the function was traced with."""
        usable = self.candidates(training=False).converting or self.traces
        hint = getattr(usable[0].inputs, "dtype", None) if usable else None
        return as_one_tensor(as_tensors(inputs, dtype_hint=hint), usable)

    def __call__(self, inputs: Any, training: Any) -> Any:
        """Calls the function in training or inference mode and picks the wanted output.

        Args:
            inputs: a nest of tensors.
            training: a Python bool, None for False, or a scalar bool tensor (the learning phase of TF1 graphs).
        """
        mode = tf_internals.tracing.static_bool(training) if self.takes_training else False
        if mode is not None:
            return self._in_mode(inputs, mode)
        return tf_internals.import_tensorflow().cond(
            training, lambda: self._in_mode(inputs, True), lambda: self._in_mode(inputs, False)
        )

    def _in_mode(self, inputs: Any, training: bool) -> Any:
        arguments = self.arguments_for(training)
        if tf_internals.functions.is_concrete_function(self.function) and arguments:
            inputs, arguments = self._among_inputs(inputs, arguments), {}
        if self.traces or tf_internals.functions.is_restored_function(self.function):
            usable = self.candidates(training)
            # Here again: of a list of symbolic tensors, the values come now.
            inputs = as_one_tensor(inputs, usable.converting or self.traces)
            trace, inputs = match(inputs, usable, self.described_as)
            if trace.can_run_alone:
                return self.pick_output(tf_internals.functions.call_with_tensors(trace.concrete, inputs))
            arguments = usable.arguments
        if isinstance(inputs, dict) and tf_internals.functions.is_concrete_function(self.function):
            return self.pick_output(self.function(**inputs, **arguments))
        return self.pick_output(self.function(inputs, **arguments))

    def candidates(self, training: bool) -> Candidates:
        """The traces that a call in this mode can run, by the arguments other than the inputs."""
        if training not in self._candidates:
            self._candidates[training] = self._find_candidates(training)
        return self._candidates[training]

    def _find_candidates(self, training: bool) -> Candidates:
        is_signature = tf_internals.functions.is_concrete_function(self.function)  # Its arguments are inputs.
        arguments = {} if is_signature else self.arguments_for(training)
        found = candidates(self.function, self.traces, arguments)
        if not found.converting and self.takes_training and not training:
            # A function that was traced with its default, `training=None`, has no other mode for inference.
            found_by_none = candidates(self.function, self.traces, {**arguments, "training": None})
            return found_by_none if found_by_none.converting else found
        return found

    def _among_inputs(self, inputs: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """A signature knows no arguments beside its inputs: `arguments=` gives some of them."""
        expected = self.traces[0].inputs if self.traces else {}
        given = {
            name: as_tensors(value, dtype_hint=getattr(expected.get(name), "dtype", None))
            for name, value in arguments.items()
        }
        if not isinstance(inputs, dict):
            inputs = dict.fromkeys([name for name in expected if name not in arguments][:1], inputs)
        return {**given, **inputs}

    def pick_output(self, result: Any) -> Any:
        """The output named by `output_key`, or all of them."""
        if self.output_key is None or self.output_key == "":
            return result
        if not isinstance(result, dict):
            raise ValueError(
                f"Specifying `output_key` is forbidden if output type {type(result)} is not a dict. "
                f"Received for {self.described_as}: output_key={self.output_key!r}"
            )
        if self.output_key not in result:
            raise ValueError(
                f"KerasLayer output does not contain the output key {self.output_key} "
                f"(available: {', '.join(map(repr, sorted(result)))}): {self.described_as}"
            )
        return result[self.output_key]

    def arguments_for(self, training: bool) -> dict[str, Any]:
        """The function's other arguments in a call in this mode."""
        return {**self.arguments, "training": training} if self.takes_training else self.arguments

    def regularization_losses(self) -> tuple[Any, ...]:
        """The object's loss functions: zero arguments, a scalar each.

        Raises:
            ValueError: one of them cannot be called.
        """
        losses = tuple(getattr(self.restored, "regularization_losses", None) or ())
        for loss in losses:
            if not callable(loss):
                raise ValueError(
                    "hub.KerasLayer(obj) expects obj.regularization_losses to be an iterable of callables, each "
                    f"returning a scalar loss term. Received: {loss!r} in {self.described_as}"
                )
        return losses


def _copied(nest: Any) -> Any:
    """A nest of arguments in containers of its own: what the caller changes in his later changes nothing here."""
    if not isinstance(nest, (dict, list)):
        return nest
    own = copy.copy(nest)
    for key in nest if isinstance(nest, dict) else range(len(nest)):
        own[key] = _copied(nest[key])
    return own


def _outputs_of(signatures: list[Any]) -> str:
    """The outputs of the only signature, for a message."""
    outputs = signatures[0].structured_outputs if len(signatures) == 1 else None
    return f", one of {', '.join(map(repr, sorted(outputs)))}" if isinstance(outputs, dict) else ""


def is_callable(candidate: Any) -> bool:
    """Whether an object can be called, also by a `__call__` that is an attribute of the object alone, as in a
    `tf.train.Checkpoint` that was given one.
    """
    return callable(candidate) or callable(getattr(candidate, "__call__", None))  # noqa: B004


def describe_handle(handle: Any) -> str:
    """The handle, or what stands for it, in messages."""
    if isinstance(handle, (str, bytes, os.PathLike)):
        return repr(os.fsdecode(handle))
    return f"the {type(handle).__name__} given to hub.KerasLayer"


def _object_of(handle: Any, tags: Any, load_options: Any) -> Any:
    copied = object_for_copy(handle)
    if copied is not None:
        return copied
    if isinstance(handle, (str, bytes, os.PathLike)) or not is_callable(handle):
        options = load_options if load_options is not None else tf_internals.keras.current_load_options()
        return load(handle, tags=tags, options=options)
    for name, value in (("tags", tags), ("load_options", load_options)):
        if value is not None:
            raise ValueError(
                f"Passing a callable handle is mutually exclusive with setting {name}. Received: {value!r}"
            )
    return handle
