"""How what `hub.convert` wrote is told from other models of TF2, and described as the module was."""

from __future__ import annotations

import functools
from typing import Any, Callable, Mapping

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.legacy import attachments
from rehub.legacy.tensor_info import ParsedTensorInfo, parse_tensor_info_map
from rehub.restore import no_such_signature, note
from rehub.savedmodel.object_graph import CONVERSION

_DEFAULT, _SIGNATURES = "default_signature", "signatures"


def is_conversion(obj: Any) -> bool:
    """Whether an object is what a loader, also TensorFlow's, made of what `hub.convert` wrote."""
    return callable(getattr(obj, CONVERSION, None))


def mark_as_conversion(root: Any, signatures: Mapping[str, Any], default: str) -> None:
    """Gives an object that is to be saved the mark of a conversion: a function that returns its description.

    Args:
        root: the object.
        signatures: the SignatureDefs of the original by name.
        default: the name of the one that is applied where none is asked for.
    """
    tf = tf_internals.import_tensorflow()
    described = tf.compat.v1.MetaGraphDef()
    for name, signature in signatures.items():
        described.signature_def[name].CopyFrom(signature)
    parts = {_DEFAULT: tf.constant(default), _SIGNATURES: tf.constant(described.SerializeToString(deterministic=True))}
    setattr(root, CONVERSION, tf.function(lambda: parts, input_signature=[], autograph=False))


def default_signature_of(obj: Any) -> str:
    """Returns the name of the signature that a conversion applies where none is asked for."""
    default, _ = _read_description(getattr(obj, CONVERSION))
    return default


def add_module_methods(obj: Any, handle: str) -> None:
    """Gives a restored conversion the methods by which a legacy module describes itself, where it has them too: not in
    a graph of TF1.

    Args:
        obj: what a loader returned.
        handle: what the user typed, for messages.
    """
    tf = tf_internals.import_tensorflow()
    with tf.init_scope():
        if not tf.executing_eagerly():
            return
    methods = _module_methods(getattr(obj, CONVERSION), getattr(obj, attachments.FUNCTION, None), repr(handle))
    for method in methods:
        note(obj, method.__name__, method)


def _read_description(function: Any) -> tuple[str, Mapping[str, Any]]:
    """Returns the name of the default signature, and the SignatureDefs by name."""
    tf = tf_internals.import_tensorflow()
    with tf.init_scope():
        parts = {name: value.numpy() for name, value in function().items()}
    return parts[_DEFAULT].decode(), tf.compat.v1.MetaGraphDef.FromString(parts[_SIGNATURES]).signature_def


def _module_methods(description: Any, messages: Any, described_as: str) -> list[Callable[..., Any]]:
    """The methods as functions that do not refer to the object, so that it ends with the last reference to it. (A lazy
    object could not have them from a class of its own, as it changes its class.)

    Args:
        description: the function that returns the description.
        messages: the function that returns the attached messages, or None.
        described_as: what messages call the object.
    """
    read = functools.lru_cache(maxsize=None)(lambda: _read_description(description))

    def find_signature(name: str | None) -> Any:
        default, signatures = read()
        if name is None:
            name = default
        if name not in signatures:
            raise SignatureNotFound(no_such_signature(described_as, name, sorted(signatures)))
        return signatures[name]

    def describe_tensors(infos: Any) -> dict[str, ParsedTensorInfo]:
        found = parse_tensor_info_map(infos)
        return {name: found[name] for name in sorted(found)}

    def get_signature_names() -> list[str]:
        """Returns the names of the signatures."""
        return sorted(read()[1])

    def get_input_info_dict(signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describes the inputs of a signature by name, as `hub.Module.get_input_info_dict` does."""
        return describe_tensors(find_signature(signature).inputs)

    def get_output_info_dict(signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describes the outputs of a signature by name, as `hub.Module.get_output_info_dict` does."""
        return describe_tensors(find_signature(signature).outputs)

    def get_attached_message(key: str, message_type: Any, required: bool = False) -> Any:
        """Returns a message that the module's publisher attached, as `hub.Module.get_attached_message` does."""
        attached = attachments.call_attachments_function(messages).get(key)
        return attachments.parse_attachment(attached, key, message_type, required, described_as)

    return [get_signature_names, get_input_info_dict, get_output_info_dict, get_attached_message]
