"""A module as an object that `tf.saved_model.save` writes completely: its calls become traces of functions."""

from __future__ import annotations

import re
from typing import Any, Iterator

from rehub import tf_internals
from rehub.legacy.attachments import FUNCTION
from rehub.legacy.conversions import mark_as_conversion
from rehub.restore import SignatureCall
from rehub.retrain.signature_functions import SignatureFunctions


def build_saved_object(functions: SignatureFunctions, call: SignatureCall) -> tuple[Any, list[str]]:
    """Return the object to save, and what it cannot have, each with the reason.

    The object has `__call__`, `serve`, `train`, `variables`, `trainable_variables`, `variable_map` and
    `regularization_losses`, the messages that were attached, the mark of a conversion, and for `tf.saved_model.save`
    also `signatures_to_save` and `signature_names`.
    """
    tf = tf_internals.import_tensorflow()
    root = tf_internals.objects.auto_trackable_class()()
    left_out = [*functions.explain_left_out_signatures(), *functions.explain_left_out_losses()]
    root.variables = list(functions.state.variables.values())
    root.trainable_variables = [variable for variable in root.variables if variable.trainable]
    root.variable_map = functions.state.variable_map()
    root.regularization_losses = functions.make_regularization_losses()
    root.tables = list(functions.state.tables.values())
    root.files = list(functions.state.assets.values())
    root.__call__ = _make_call_function(functions, call, left_out)
    default = call.find_signature(None).name
    for endpoint, training in (("serve", False), ("train", True)):
        if not training or default in functions.trainable_signatures():
            setattr(root, endpoint, _make_endpoint(functions, call, default, training))
    mark_as_conversion(root, functions.signature_defs(), default)
    attached = functions.attached_messages()
    if attached:
        messages = {key: tf.constant(value) for key, value in attached.items()}
        setattr(root, FUNCTION, tf.function(lambda: messages, input_signature=[], autograph=False))
    names = [default, *(signature.name for signature in call.signatures if signature.name != default)]
    object.__setattr__(root, "signature_names", tuple(names))
    keywords = {name: _make_valid_keywords(functions.component_names(name)) for name in names}
    signatures = {name: functions.make_loader_signature(name, keywords[name]) for name in names}
    object.__setattr__(root, "signatures_to_save", signatures)
    for name in names:
        changed = [f"{old!r} became {new!r}" for old, new in keywords[name].items() if old != new]
        if changed:
            left_out.append(
                f"names of inputs of signatures[{name!r}]: {', '.join(changed)}; a SavedModel of TF2 has only "
                "names that ops and Python's parameters could have. The call itself takes them as they are"
            )
    return root, left_out


def _make_valid_keywords(names: list[str]) -> dict[str, str]:
    """Return, for each name, one that a signature of a TF2 SavedModel can have."""
    valid = {name: re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", name) for name in names}
    are_callable = tf_internals.input_names.are_callable_names
    if are_callable(names) and are_callable(valid.values()):
        return valid
    return tf_internals.input_names.make_parameter_names(names)


def _make_call_function(functions: SignatureFunctions, call: SignatureCall, left_out: list[str]) -> Any:
    tf = tf_internals.import_tensorflow()

    def apply_signature(
        inputs: Any,
        training: bool = False,
        signature: str | None = None,
        as_dict: bool = False,
        update_ops: bool = True,
    ) -> Any:
        name = call.find_signature(signature).name
        outputs = functions.apply_concrete_function(name, call.split_inputs(name, inputs), training, update_ops)
        return call.select_outputs(name, outputs, as_dict)

    function = tf.function(apply_signature, autograph=False)
    default = call.find_signature(None).name
    for signature in call.signatures:
        name = signature.name
        modes = [{"training": False}, {"training": False, "update_ops": False}]
        if name in functions.trainable_signatures():
            modes += [{"training": True}, {"training": True, "update_ops": False}]
        else:
            left_out.append(f"training of signature {name!r}: {functions.training.why_nontrainable(name)}")
        specs = functions.inference.input_specs(name)
        if len(specs) == 1 and not isinstance(next(iter(specs.values())), tf.TensorSpec):
            left_out.append(f"signature {name!r} called with a bare tensor: its input is given in a dict, by its name")
        for inputs in _iter_input_structures(specs):
            for mode in modes:
                for as_dict in (False, True):
                    if not as_dict and not _has_default_output(call, name):
                        continue
                    if name == default:
                        function.get_concrete_function(inputs, as_dict=as_dict, **mode)
                    function.get_concrete_function(inputs, signature=name, as_dict=as_dict, **mode)
    return function


def _iter_input_structures(specs: dict[str, Any]) -> Iterator[Any]:
    """Yield the ways to give inputs: by name, and a single dense tensor also without its name.

    A single sparse or ragged tensor needs its name. If a restored function has a trace for a bare one, TensorFlow's
    search for the trace that fits a dict of inputs ends with a TypeError.
    """
    if not specs:
        yield None
    if len(specs) == 1 and isinstance(next(iter(specs.values())), tf_internals.import_tensorflow().TensorSpec):
        yield next(iter(specs.values()))
    yield specs


def _has_default_output(call: SignatureCall, name: str) -> bool:
    outputs = [output.name for output in call.find_signature(name).outputs]
    return "default" in outputs or len(outputs) == 1


def _make_endpoint(functions: SignatureFunctions, call: SignatureCall, name: str, training: bool) -> Any:
    """Return the default signature in one mode, as a function of its inputs alone."""

    def apply_default_signature(inputs: Any = None) -> Any:
        outputs = functions.apply_concrete_function(name, call.split_inputs(name, inputs), training, True)
        return call.select_outputs(name, outputs, as_dict=not _has_default_output(call, name))

    function = tf_internals.import_tensorflow().function(apply_default_signature, autograph=False)
    for inputs in _iter_input_structures(functions.inference.input_specs(name)):
        function.get_concrete_function(inputs)
    return function
