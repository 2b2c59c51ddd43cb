"""Messages that a publisher attaches to a module: small protocol buffers under keys, saved with each graph variant."""

from __future__ import annotations

import re
from typing import Any

from rehub import tf_internals
from rehub.errors import AttachmentNotFound, CorruptModel, InvalidSetting
from rehub.savedmodel.graph_collections import ATTACHMENTS

FUNCTION = "attached_messages"  # The name of a conversion's function that returns them.

# A collection of the graph being built. Its key is not a string, so that TensorFlow neither lists nor exports it.
_IN_GRAPH = ("rehub_module_attachments",)


def attach_message(key: str, message: Any) -> None:
    """Attach a message to the module that is being defined. `get_attached_message` returns it to the module's users.

    Call it in a `module_fn`, which runs for each graph variant. A second message under the same key replaces the first.
    Attach only a few messages of moderate size: large data belongs in assets.

    Args:
        key: letters, digits and underscores, the first a letter.
        message: a protocol buffer message. Publish its class together with the key.

    Raises:
        InvalidSetting: the key has other characters.
    """
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", key):
        raise InvalidSetting(
            f"hub.attach_message() called with malformed key {key!r}: expected letters, digits and underscores, the "
            "first a letter."
        )
    from rehub.legacy.protos import ModuleAttachment

    v1 = tf_internals.import_tensorflow().compat.v1
    v1.add_to_collection(_IN_GRAPH, ModuleAttachment(key=key, value=message.SerializeToString()))


def write_attachments(meta_graph: Any) -> None:
    """Copy the messages attached in the default graph into a MetaGraphDef."""
    attached = tf_internals.import_tensorflow().compat.v1.get_collection(_IN_GRAPH)
    last = {attachment.key: attachment for attachment in attached}
    if last:
        stored = [last[key].SerializeToString() for key in sorted(last)]
        meta_graph.collection_def[ATTACHMENTS].bytes_list.value.extend(stored)


def read_attachments(meta_graph: Any) -> dict[str, bytes]:
    """Return the serialized messages attached to a MetaGraphDef by key.

    Raises:
        CorruptModel: the collection that holds them is of another kind.
    """
    if ATTACHMENTS not in meta_graph.collection_def:
        return {}
    collection = meta_graph.collection_def[ATTACHMENTS]
    if collection.WhichOneof("kind") != "bytes_list":
        raise CorruptModel(f"Attached messages are stored as {collection.WhichOneof('kind')}; expected bytes_list.")
    from rehub.legacy.protos import ModuleAttachment

    attached = [ModuleAttachment.FromString(value) for value in collection.bytes_list.value]
    return {attachment.key: attachment.value for attachment in attached}


def call_attachments_function(function: Any) -> dict[str, bytes]:
    """Return the result of a conversion's function of attached messages; an empty dict if it has none."""
    if not callable(function):
        return {}
    with tf_internals.import_tensorflow().init_scope():
        return {key: value.numpy() for key, value in function().items()}


def parse_attachment(attached: bytes | None, key: str, message_type: Any, required: bool, label: str) -> Any:
    """Parse the message attached under a key; return None where there is none.

    Raises:
        AttachmentNotFound: there is none, and `required` is set.
    """
    if attached is not None:
        message = message_type()
        message.ParseFromString(attached)
        return message
    if required:
        raise AttachmentNotFound(f"No attached message for key {key!r} in {label}.")
    return None
