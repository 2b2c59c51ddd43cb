"""The messages that are attached to a legacy module: tensorflow_hub's module_attachment.proto."""

from __future__ import annotations

from rehub.inspection.model_info import AttachmentInfo
from rehub.savedmodel.graph_collections import ATTACHMENTS, IMAGE_MODULE_INFO, Collections
from rehub.savedmodel.protos import ImageModuleInfo, ImageSize, ModuleAttachment
from rehub.savedmodel.wire import Message, WireError


def read_attachments(collections: Collections, tags: frozenset[str]) -> tuple[AttachmentInfo, ...]:
    """Return the messages that are attached to a graph variant, sorted by key.

    Raises:
        WireError: they cannot be read.
    """
    found = {}
    for message in collections.messages(ATTACHMENTS):
        key, value = message.text(ModuleAttachment.key), b"".join(list(message.values(ModuleAttachment.value))[-1:])
        found[key] = AttachmentInfo(key, tags, value, _describe_image_size(value) if key == IMAGE_MODULE_INFO else "")
    return tuple(found[key] for key in sorted(found))


def _describe_image_size(value: bytes) -> str:
    size = Message(value).message(ImageModuleInfo.default_image_size)
    try:
        height, width = size.integer(ImageSize.height), size.integer(ImageSize.width)
    except WireError:
        return ""  # The author used this key for another message.
    return f"images of {height} x {width} pixels" if height and width else ""
