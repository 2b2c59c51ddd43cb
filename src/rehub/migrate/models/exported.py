"""A module as an object that `tf.saved_model.save` writes whole: all that it can do becomes traces of functions."""

from __future__ import annotations

import re
from typing import Any, Iterator

from rehub import tf_internals
from rehub.legacy import attachments
from rehub.legacy.conversions import mark_as_conversion
from rehub.restore import SignatureCall
from rehub.retrain.signature_functions import SignatureFunctions


def build_saved_object(tf: Any, functions: SignatureFunctions, call: SignatureCall) -> tuple[Any, list[str]]:
    """Return the object to save, and what it cannot have, each with the reason.

    The object has `__call__`, `serve`, `train`, `variables`, `trainable_variables`, `variable_map` and
    `regularization_losses`, the messages that were attached, the mark of a conversion, and for `tf.saved_model.save`
    also `signatures_to_save` and `signature_names`.
    """
    root = _new_root()
    left_out = list(functions.explain_left_out_losses())
    root.variables = list(functions.state.variables.values())
    root.trainable_variables = [variable for variable in root.variables if variable.trainable]
    root.variable_map = functions.state.variable_map()
    root.regularization_losses = functions.make_regularization_losses()
    root.tables = list(functions.state.tables.values())
    root.files = list(functions.state.assets.values())
    root.__call__ = _call_function(tf, functions, call, left_out)
    default = call.find_signature(None).name
    for endpoint, training in (("serve", False), ("train", True)):
        if training and default not in functions.trainable_signatures():
            continue
        setattr(root, endpoint, _endpoint(tf, functions, call, default, training))
    mark_as_conversion(root, functions.signature_defs(), default)
    attached = functions.attached_messages()
    if attached:
        messages = {key: tf.constant(value) for key, value in attached.items()}
        setattr(root, attachments.FUNCTION, tf.function(lambda: messages, input_signature=[], autograph=False))
    names = [default, *(signature.name for signature in call.signatures if signature.name != default)]
    object.__setattr__(root, "signature_names", tuple(names))
    keywords = {name: _valid_keywords(functions.component_names(name)) for name in names}
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


def _valid_keywords(names: list[str]) -> dict[str, str]:
    """Give each name one that a signature of a TF2 SavedModel can have."""
    valid = {name: re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", name) for name in names}
    can_stay = tf_internals.input_names.are_callable_names(names) and tf_internals.input_names.are_callable_names(
        valid.values()
    )
    return valid if can_stay else tf_internals.input_names.make_parameter_names(names)


def _new_root() -> Any:
    class Root(tf_internals.objects.auto_trackable_class()):  # type: ignore[misc]
        pass

    return Root()


def _call_function(tf: Any, functions: SignatureFunctions, call: SignatureCall, left_out: list[str]) -> Any:
    def apply(
        inputs: Any,
        training: bool = False,
        signature: str | None = None,
        as_dict: bool = False,
        update_ops: bool = True,
    ) -> Any:
        name = call.find_signature(signature).name
        outputs = functions.apply_concrete_function(name, call.split_inputs(name, inputs), training, update_ops)
        return call.select_outputs(name, outputs, as_dict)

    function = tf.function(apply, autograph=False)
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
        for inputs in _forms(tf, specs):
            for mode in modes:
                for as_dict in (False, True):
                    if not as_dict and not _has_default_output(call, name):
                        continue
                    if name == default:
                        function.get_concrete_function(inputs, as_dict=as_dict, **mode)
                    function.get_concrete_function(inputs, signature=name, as_dict=as_dict, **mode)
    return function


def _forms(tf: Any, specs: dict[str, Any]) -> Iterator[Any]:
    """The ways in which inputs can be given: a single tensor is given as it is, too.

    Not so a single sparse or ragged tensor: where a restored function has a trace for one, TensorFlow's search for the
    trace that fits other inputs, which are a dict, ends with a TypeError.
    """
    if not specs:
        yield None
    if len(specs) == 1 and isinstance(next(iter(specs.values())), tf.TensorSpec):
        yield next(iter(specs.values()))
    yield specs


def _has_default_output(call: SignatureCall, name: str) -> bool:
    outputs = [output.name for output in call.find_signature(name).outputs]
    return "default" in outputs or len(outputs) == 1


def _endpoint(tf: Any, functions: SignatureFunctions, call: SignatureCall, name: str, training: bool) -> Any:
    """The default signature in one mode, as a function of its inputs alone."""

    def endpoint(inputs: Any = None) -> Any:
        outputs = functions.apply_concrete_function(name, call.split_inputs(name, inputs), training, True)
        return call.select_outputs(name, outputs, as_dict=not _has_default_output(call, name))

    function = tf.function(endpoint, autograph=False)
    for inputs in _forms(tf, functions.inference.input_specs(name)):
        function.get_concrete_function(inputs)
    return function
