"""The messages that are attached to a legacy module, as tensorflow_hub's module_attachment.proto has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.inspection.model_info import AttachmentInfo
from rehub.savedmodel.graph_collections import ATTACHMENTS, IMAGE_MODULE_INFO
from rehub.savedmodel.protos import ImageModuleInfo, ImageSize, ModuleAttachment
from rehub.savedmodel.wire import Message, WireError

if TYPE_CHECKING:
    from rehub.savedmodel.graph_collections import Collections


def read_attachments(collections: Collections, tags: frozenset[str]) -> tuple[AttachmentInfo, ...]:
    """Returns the messages that are attached to a graph variant, sorted by key.

    Args:
        collections: those of the variant.
        tags: those of the variant.

    Raises:
        WireError: they cannot be read.
    """
    found = {}
    for message in collections.messages(ATTACHMENTS):
        key, value = message.text(ModuleAttachment.key), b"".join(list(message.values(ModuleAttachment.value))[-1:])
        found[key] = AttachmentInfo(key, tags, value, _image_size(value) if key == IMAGE_MODULE_INFO else "")
    return tuple(found[key] for key in sorted(found))


def _image_size(value: bytes) -> str:
    size = Message(value).message(ImageModuleInfo.default_image_size)
    try:
        height, width = size.integer(ImageSize.height), size.integer(ImageSize.width)
    except WireError:
        return ""  # Under the key that rehub knows lies something of the author's own.
    return f"images of {height} x {width} pixels" if height and width else ""
