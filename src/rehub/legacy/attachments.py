"""Messages that a publisher attaches to a module: small protocol buffers under keys, kept with each graph variant."""

from __future__ import annotations

import re
from typing import Any

from rehub import tf_internals
from rehub.errors import AttachmentNotFound, CorruptModel, InvalidSetting
from rehub.savedmodel.graph_collections import ATTACHMENTS

FUNCTION = "attached_messages"  # of an object of TF2

# In a graph being built. As it is no string, no list of collections shows it, and no export of the graph has it.
_IN_GRAPH = ("rehub_module_attachments",)


def attach_message(key: str, message: Any) -> None:
    """Attaches a message to the module that is being defined; `get_attached_message` gives it to the module's users.

    To be called in a `module_fn`, for each graph variant anew. A second message under the same key replaces the first.
    Meant for a few messages of moderate size; large data belongs into assets.

    Args:
        key: letters, digits and underscores, the first a letter.
        message: a protocol buffer message. Its class should be published with the key.

    Raises:
        InvalidSetting: the key is not of that form.
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
    """Puts what was attached in the default graph into a MetaGraphDef."""
    attached = tf_internals.import_tensorflow().compat.v1.get_collection(_IN_GRAPH)
    last = {attachment.key: attachment for attachment in attached}
    if last:
        stored = [last[key].SerializeToString() for key in sorted(last)]
        meta_graph.collection_def[ATTACHMENTS].bytes_list.value.extend(stored)


def read_attachments(meta_graph: Any) -> dict[str, bytes]:
    """Returns the serialized messages attached to a MetaGraphDef, by key.

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


def read_restored_attachments(obj: Any) -> dict[str, bytes]:
    """Returns the serialized messages of a module, by key, from what has been restored of its conversion to TF2.

    Empty for any other object.
    """
    return call_attachments_function(getattr(obj, FUNCTION, None))


def call_attachments_function(function: Any) -> dict[str, bytes]:
    """Returns what a conversion's function of serialized messages returns, by key; nothing if there is none."""
    if not callable(function):
        return {}
    with tf_internals.import_tensorflow().init_scope():
        return {key: value.numpy() for key, value in function().items()}


def parse_attachment(attached: bytes | None, key: str, message_type: Any, required: bool, described_as: str) -> Any:
    """Returns the message that was attached under a key, or None where none was.

    Raises:
        AttachmentNotFound: none was, and `required` is set.
    """
    if attached is not None:
        message = message_type()
        message.ParseFromString(attached)
        return message
    if required:
        raise AttachmentNotFound(f"No attached message for key {key!r} in {described_as}.")
    return None
