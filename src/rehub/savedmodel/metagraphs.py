"""The graph variants of a SavedModel: tag sets, signatures, and the ops that their graphs use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Sequence, TypeVar

from rehub.errors import CorruptModel, InvalidSetting, TagsNotFound
from rehub.savedmodel.encodings import map_file
from rehub.savedmodel.nodes import iter_metagraphs
from rehub.savedmodel.object_graph import read_optimizer_identifiers
from rehub.savedmodel.protos import MetaGraphDef, MetaInfoDef
from rehub.savedmodel.signatures import SignatureInfo, read_signatures
from rehub.savedmodel.used_ops import find_nested_ops, find_ops
from rehub.savedmodel.wire import Buffer, Message, read_strictly

if TYPE_CHECKING:
    from typing_extensions import Protocol

    class _HasTags(Protocol):
        @property
        def tags(self) -> frozenset[str]: ...


_Graph = TypeVar("_Graph", bound="_HasTags")


@dataclass(frozen=True)
class MetaGraph:
    """One graph variant of a SavedModel.

    Attributes:
        signatures: sorted by name, without TensorFlow's own that start with two underscores.
        has_objects: it was written by TF2's `tf.saved_model.save`, with an object graph.
        tensorflow_version: of the TensorFlow that wrote it; "" where that is not recorded.
    """

    tags: frozenset[str]
    signatures: tuple[SignatureInfo, ...]
    has_objects: bool
    tensorflow_version: str
    _path: str = field(repr=False, compare=False)
    message: Message = field(repr=False, compare=False)

    def used_ops(self) -> frozenset[str]:
        """Return the ops that loading this variant brings into TensorFlow. Walks through all of the graph.

        Of a TF2 SavedModel only the functions are loaded, not the graph around them. Names of functions of the
        graph, which nodes can call like ops, are not among the ops.

        Raises:
            CorruptModel: the graph cannot be read.
        """
        return read_strictly(self._path, self._read_used_ops)

    def nested_ops(self) -> frozenset[str]:
        """Return the ops of graphs that nodes of this variant hold serialized; see `find_nested_ops`.

        Raises:
            CorruptModel: the graph cannot be read.
        """
        return read_strictly(self._path, lambda: find_nested_ops(self.message.buffer, self._graph_def()))

    def optimizer_identifiers(self) -> frozenset[str]:
        """Return the identifiers of the optimizers with slot variables; see `read_optimizer_identifiers`.

        Raises:
            CorruptModel: the objects cannot be read.
        """
        objects = self.message.message(MetaGraphDef.object_graph_def)
        return read_strictly(self._path, lambda: read_optimizer_identifiers(objects))

    def _read_used_ops(self) -> frozenset[str]:
        return find_ops(self.message.buffer, self._graph_def(), only_functions=self.has_objects)

    def _graph_def(self) -> Message:
        return self.message.message(MetaGraphDef.graph_def)


def read_metagraphs(path: str, content: Buffer | None = None) -> tuple[MetaGraph, ...]:
    """Read the MetaGraphs of a `saved_model.pb`; their graphs are read when their ops are asked for.

    Args:
        path: the file. It is mapped, not read: a large model costs what is looked at.
        content: the file's bytes, for a file that Python cannot open by itself.

    Raises:
        CorruptModel: the file is not a SavedModel, or is cut off; names the file and the byte.
    """

    def read() -> tuple[MetaGraph, ...]:
        saved_model = map_file(path) if content is None else content
        return tuple(_read_metagraph(path, message) for message in iter_metagraphs(saved_model))

    metagraphs = read_strictly(path, read)
    if not metagraphs:
        raise CorruptModel(f"{path!r} has no graph: it is empty, or not a SavedModel.")
    return metagraphs


def parse_tags(tags: str | Iterable[str] | None) -> frozenset[str] | None:
    """Return the tags that a user gave, one or several, as a set; None where none were given.

    Raises:
        InvalidSetting: they are not strings.
    """
    if tags is None:
        return None
    members = [tags] if isinstance(tags, str) else list(tags)
    if not all(isinstance(tag, str) for tag in members):
        raise InvalidSetting(f"tags= takes a set of strings. Received: {tags!r}")
    return frozenset(members)


def select_metagraph(graphs: Sequence[_Graph], wanted: frozenset[str] | None, handle: str) -> _Graph:
    """Return the graph variant with a set of tags; the only one where `wanted` is None.

    Raises:
        TagsNotFound: there is no such variant, or there are several; lists those there are.
    """
    if wanted is None and len(graphs) == 1:
        return graphs[0]
    for graph in graphs:
        if graph.tags == wanted:
            return graph
    there_are = ", ".join(str(tags) for tags in sorted(sorted(graph.tags) for graph in graphs))
    if wanted is None:
        raise TagsNotFound(f"{handle!r} has several graph variants: choose one with tags=. Their tags: {there_are}.")
    message = f"{handle!r} has no graph variant with the tags {sorted(wanted)}; it has: {there_are}."
    if wanted == {"train"}:
        message += " A model without a variant for training is used by its only one: leave tags unset."
    raise TagsNotFound(message)


def _read_metagraph(path: str, message: Message) -> MetaGraph:
    info = message.message(MetaGraphDef.meta_info_def)
    return MetaGraph(
        tags=frozenset(info.texts(MetaInfoDef.tags)),
        signatures=read_signatures(message),
        has_objects=bool(message.message(MetaGraphDef.object_graph_def)),
        tensorflow_version=info.text(MetaInfoDef.tensorflow_version),
        _path=path,
        message=message,
    )
