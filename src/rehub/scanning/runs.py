"""What of a graph runs when, and which tensors are fed then instead of being computed.

A loader feeds the paths of assets while it initializes tables, and the path of the checkpoint while it restores
variables. In any other run the same nodes would read what the graph itself says: see `loader_impl.py` and
`load_v1_in_v2.py` of TensorFlow's python/saved_model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator

from rehub.savedmodel.graph_search import find_reachable
from rehub.savedmodel.nodes import Node, node_name
from rehub.savedmodel.protos import (
    BytesList,
    CollectionDef,
    CompositeTensor,
    CooSparse,
    MapEntry,
    MetaGraphDef,
    NodeList,
    SaverDef,
    SignatureDef,
    TensorInfo,
)
from rehub.savedmodel.wire import BYTES, Message, WireError

_INIT_COLLECTIONS = {"saved_model_main_op", "legacy_init_op", "saved_model_init_op", "table_initializer"}
_INIT_SIGNATURE = "__saved_model_init_op"
_SAVERS = "savers"
_SAVER_COLLECTIONS = {"saveable_objects", _SAVERS}
_MOST_SAVERS = 16  # Each takes a walk through the graph. What more than these save or restore is not known.


@dataclass(frozen=True)
class Run:
    """One of the occasions on which nodes of a graph run.

    Attributes:
        kind: "serving" (signatures and collections), "loading" (what initializes tables), "restoring" or "saving".
        fed: the tensor that is fed: of a saver that with the path of the checkpoint; "" for other runs.
        reached: the names of the nodes that run.
    """

    kind: str
    fed: str
    reached: frozenset[str]


class Runs:
    """All runs of the graph of a MetaGraphDef."""

    def __init__(self, nodes: Iterable[Node], metagraph: Message) -> None:
        self._inputs: dict[str, list[str]] = {}
        for node in nodes:
            self._inputs.setdefault(node.name, []).extend(map(node_name, node.inputs()))
        serving, loading, savers = _find_entry_points(metagraph)
        self._runs = [Run("serving", "", self._find_nodes(serving)), Run("loading", "", self._find_nodes(loading))]
        for saver in savers[:_MOST_SAVERS]:
            filename = normalize_tensor_name(saver.text(SaverDef.filename_tensor_name))
            for kind, field in (("restoring", SaverDef.restore_op_name), ("saving", SaverDef.save_tensor_name)):
                self._runs.append(Run(kind, filename, self._find_nodes([saver.text(field)])))
        if savers[_MOST_SAVERS:]:
            fields = (SaverDef.restore_op_name, SaverDef.save_tensor_name)
            others = [saver.text(field) for saver in savers[_MOST_SAVERS:] for field in fields]
            self._runs.append(Run("serving", "", self._find_nodes(others)))

    def of(self, node: str) -> list[Run]:
        """Return the runs in which a node runs; none for an unused node."""
        return [run for run in self._runs if node in run.reached]

    def _find_nodes(self, entries: Iterable[str]) -> frozenset[str]:
        return frozenset(find_reachable(map(node_name, entries), lambda node: self._inputs.get(node, ())))


def find_fed_nodes(metagraph: Message) -> frozenset[str]:
    """Return the names of the nodes that those who call a signature feed."""
    return frozenset(
        node_name(tensor)
        for entry in metagraph.messages(MetaGraphDef.signature_def)
        for given in entry.message(MapEntry.value).messages(SignatureDef.inputs)
        for tensor in _iter_tensors(given.message(MapEntry.value))
    )


def normalize_tensor_name(tensor: str) -> str:
    """Return the one name of a tensor of a graph that can be written in two ways.

    >>> normalize_tensor_name("asset"), normalize_tensor_name("asset:0"), normalize_tensor_name("asset:1")
    ('asset:0', 'asset:0', 'asset:1')
    """
    return tensor if ":" in tensor else f"{tensor}:0"


def _find_entry_points(metagraph: Message) -> tuple[list[str], list[str], list[Message]]:
    """Return the tensors and nodes that are run while serving and while loading, and the SaverDefs."""
    serving: list[str] = []
    loading: list[str] = []
    savers = [metagraph.message(MetaGraphDef.saver_def)]
    for entry in metagraph.messages(MetaGraphDef.signature_def):
        into = loading if entry.text(MapEntry.key) == _INIT_SIGNATURE else serving
        for output in entry.message(MapEntry.value).messages(SignatureDef.outputs):
            into.extend(_iter_tensors(output.message(MapEntry.value)))
    for entry in metagraph.messages(MetaGraphDef.collection_def):
        key, collection = entry.text(MapEntry.key), entry.message(MapEntry.value)
        if key == _SAVERS:
            savers.extend(collection.message(CollectionDef.bytes_list).messages(BytesList.value))
        if key in _SAVER_COLLECTIONS:
            continue
        into = loading if key in _INIT_COLLECTIONS else serving
        into.extend(collection.message(CollectionDef.node_list).texts(NodeList.value))
        # Variables, and the contexts of loops and conds, are messages that name tensors.
        for message in collection.message(CollectionDef.bytes_list).messages(BytesList.value):
            into.extend(_iter_texts(message))
    return serving, loading, savers


def _iter_tensors(info: Message) -> Iterator[str]:
    """Yield the tensors of a TensorInfo."""
    yield from info.texts(TensorInfo.name)
    for number in (CooSparse.values_tensor_name, CooSparse.indices_tensor_name, CooSparse.dense_shape_tensor_name):
        yield from info.message(TensorInfo.coo_sparse).texts(number)
    for component in info.message(TensorInfo.composite_tensor).messages(CompositeTensor.components):
        yield from component.texts(TensorInfo.name)


def _iter_texts(message: Message) -> Iterator[str]:
    """Yield what may be texts in a message of unknown type; nothing of what is not a message at all."""
    try:
        fields = list(message.fields())
    except WireError:
        return
    for _, kind, value in fields:
        if kind == BYTES:
            yield message.bytes_at(value).decode("utf-8", "replace")
