"""Recognize conversions by `hub.convert` among models of TF2, and describe them as their modules were."""

from __future__ import annotations

import functools
from typing import Any, Callable, Mapping

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.legacy import attachments
from rehub.legacy.tensor_info import ParsedTensorInfo, parse_tensor_info_map
from rehub.restore import describe_missing_signature, set_untracked
from rehub.savedmodel.object_graph import CONVERSION

_DEFAULT, _SIGNATURES = "default_signature", "signatures"


def is_conversion(obj: Any) -> bool:
    """Whether an object is a conversion by `hub.convert`, restored by any loader."""
    return callable(getattr(obj, CONVERSION, None))


def mark_as_conversion(root: Any, signatures: Mapping[str, Any], default: str) -> None:
    """Give an object that is to be saved the mark of a conversion, a function that returns its description.

    Args:
        signatures: the SignatureDefs of the original by name.
    """
    tf = tf_internals.import_tensorflow()
    described = tf.compat.v1.MetaGraphDef()
    for name, signature in signatures.items():
        described.signature_def[name].CopyFrom(signature)
    parts = {_DEFAULT: tf.constant(default), _SIGNATURES: tf.constant(described.SerializeToString(deterministic=True))}
    setattr(root, CONVERSION, tf.function(lambda: parts, input_signature=[], autograph=False))


def read_default_signature(obj: Any) -> str:
    """Return the name of the signature that a conversion applies by default."""
    default, _ = _read_description(getattr(obj, CONVERSION))
    return default


def add_module_methods(obj: Any, label: str) -> None:
    """Give a restored conversion the methods by which a legacy module describes itself.

    In a graph of TF1 it gets none, as they call functions eagerly.
    """
    if tf_internals.v1_graphs.is_building_v1_graph():
        return
    methods = _make_methods(getattr(obj, CONVERSION), getattr(obj, attachments.FUNCTION, None), repr(label))
    for method in methods:
        set_untracked(obj, method.__name__, method)


def _read_description(function: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the name of the default signature, and the SignatureDefs by name."""
    tf = tf_internals.import_tensorflow()
    with tf.init_scope():
        parts = {name: value.numpy() for name, value in function().items()}
    return parts[_DEFAULT].decode(), tf.compat.v1.MetaGraphDef.FromString(parts[_SIGNATURES]).signature_def


def _make_methods(description: Any, messages: Any, label: str) -> list[Callable[..., Any]]:
    """Return the methods, as functions that do not refer to the object, so that its last reference frees it.

    A lazy object could not have them from a class, as it changes its class.

    Args:
        description: the function that returns the description.
        messages: the function that returns the attached messages, or None.
    """
    read = functools.lru_cache(maxsize=None)(lambda: _read_description(description))

    def find_signature(name: str | None) -> Any:
        default, signatures = read()
        if name is None:
            name = default
        if name not in signatures:
            raise SignatureNotFound(describe_missing_signature(label, name, sorted(signatures)))
        return signatures[name]

    def describe_tensors(infos: Any) -> dict[str, ParsedTensorInfo]:
        found = parse_tensor_info_map(infos)
        return {name: found[name] for name in sorted(found)}

    def get_signature_names() -> list[str]:
        """Return the names of the signatures."""
        return sorted(read()[1])

    def get_input_info_dict(signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describe the inputs of a signature by name, as `hub.Module.get_input_info_dict` does."""
        return describe_tensors(find_signature(signature).inputs)

    def get_output_info_dict(signature: str | None = None) -> dict[str, ParsedTensorInfo]:
        """Describe the outputs of a signature by name, as `hub.Module.get_output_info_dict` does."""
        return describe_tensors(find_signature(signature).outputs)

    def get_attached_message(key: str, message_type: Any, required: bool = False) -> Any:
        """Return a message that the module's publisher attached, as `hub.Module.get_attached_message` does."""
        attached = attachments.call_attachments_function(messages).get(key)
        return attachments.parse_attachment(attached, key, message_type, required, label)

    return [get_signature_names, get_input_info_dict, get_output_info_dict, get_attached_message]
