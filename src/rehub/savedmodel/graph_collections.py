"""The collections of a MetaGraph: what a graph of TF1 says of itself beside its nodes.

The numbers are those of the fields in TensorFlow's meta_graph.proto.
"""

from __future__ import annotations

from rehub.savedmodel.wire import Message

ATTACHMENTS = "hub_module_attachments"  # the collection in which a legacy module keeps what is attached to it
IMAGE_MODULE_INFO = "image_module_info"  # there the key of the message about the images that a module takes

_COLLECTION_DEF, _ASSET_FILE_DEF = 4, 6
_KEY, _VALUE = 1, 2
_NODE_LIST, _BYTES_LIST, _ANY_LIST = 1, 2, 5
_VALUES = 1
_ANY_VALUE = 2


def asset_definitions(metagraph: Message, collections: Collections) -> list[Message]:
    """Returns the AssetFileDefs of a MetaGraphDef: of its own list, and of the collection that TensorFlow 1 kept."""
    return [*metagraph.messages(_ASSET_FILE_DEF), *collections.any_messages("saved_model_assets")]


class Collections:
    """The collections of a MetaGraph, by their names.

    Args:
        metagraph: a MetaGraphDef.
    """

    def __init__(self, metagraph: Message) -> None:
        self._found = {entry.text(_KEY): entry.message(_VALUE) for entry in metagraph.messages(_COLLECTION_DEF)}

    def nodes(self, name: str) -> list[str]:
        """Returns the names of tensors and ops in a collection of them; none where there is no such collection."""
        return list(self._of(name).message(_NODE_LIST).texts(_VALUES))

    def messages(self, name: str) -> list[Message]:
        """Returns the messages in a collection of serialized ones, such as VariableDefs."""
        return list(self._of(name).message(_BYTES_LIST).messages(_VALUES))

    def any_messages(self, name: str) -> list[Message]:
        """Returns the messages in a collection of messages that name their types, such as AssetFileDefs."""
        return [packed.message(_ANY_VALUE) for packed in self.any_list(name)]

    def any_list(self, name: str) -> list[Message]:
        """Returns the Anys in a collection of messages that name their types."""
        return list(self._of(name).message(_ANY_LIST).messages(_VALUES))

    def _of(self, name: str) -> Message:
        return self._found.get(name, Message(b""))
