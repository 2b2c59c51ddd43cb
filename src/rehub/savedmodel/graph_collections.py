"""The collections of a MetaGraph: what a graph of TF1 says of itself beside its nodes."""

from __future__ import annotations

from rehub.savedmodel.protos import AnyList, AnyProto, BytesList, CollectionDef, MapEntry, MetaGraphDef, NodeList
from rehub.savedmodel.wire import Message

ATTACHMENTS = "hub_module_attachments"  # the collection in which a legacy module keeps what is attached to it
IMAGE_MODULE_INFO = "image_module_info"  # there the key of the message about the images that a module takes


def read_asset_definitions(metagraph: Message, collections: Collections) -> list[Message]:
    """Return the AssetFileDefs of a MetaGraphDef: of its own list, and of the collection that TensorFlow 1 kept."""
    return [*metagraph.messages(MetaGraphDef.asset_file_def), *collections.any_messages("saved_model_assets")]


class Collections:
    """The collections of a MetaGraph, by their names."""

    def __init__(self, metagraph: Message) -> None:
        entries = metagraph.messages(MetaGraphDef.collection_def)
        self._found = {entry.text(MapEntry.key): entry.message(MapEntry.value) for entry in entries}

    def nodes(self, name: str) -> list[str]:
        """Return the names of tensors and ops in a collection of them; none where there is no such collection."""
        return list(self._find_collection(name).message(CollectionDef.node_list).texts(NodeList.value))

    def messages(self, name: str) -> list[Message]:
        """Return the messages in a collection of serialized ones, such as VariableDefs."""
        return list(self._find_collection(name).message(CollectionDef.bytes_list).messages(BytesList.value))

    def any_messages(self, name: str) -> list[Message]:
        """Return the messages in a collection of messages that name their types, such as AssetFileDefs."""
        return [packed.message(AnyProto.value) for packed in self.any_list(name)]

    def any_list(self, name: str) -> list[Message]:
        """Return the Anys in a collection of messages that name their types."""
        return list(self._find_collection(name).message(CollectionDef.any_list).messages(AnyList.value))

    def _find_collection(self, name: str) -> Message:
        return self._found.get(name, Message(b""))
