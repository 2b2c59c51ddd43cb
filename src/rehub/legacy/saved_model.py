"""The graph variants of a module, as MetaGraphDefs, read from a SavedModel and written as one."""

from __future__ import annotations

import posixpath
import uuid
from typing import Any, Callable, Iterable, Iterator

from rehub import tf_internals
from rehub.errors import CorruptModel, ExportTargetTaken, TagsNotFound
from rehub.legacy import assets, cell_gradients, tensor_array_gradients
from rehub.legacy.graph_defs import drop_debug_names
from rehub.restore import pattern_free_path
from rehub.savedmodel.encodings import as_saved_model_pb
from rehub.savedmodel.layout import LEGACY_MARK, PB, PBTXT, Layout

VARIABLES = "variables"


class GraphVariants:
    """A list of MetaGraphDefs, each under its own set of tags."""

    def __init__(self, saved_model: Any = None) -> None:
        self._saved_model = tf_internals.protos.new_saved_model() if saved_model is None else saved_model

    def __iter__(self) -> Iterator[Any]:
        return iter(self._saved_model.meta_graphs)

    def add(self, meta_graph: Any) -> None:
        """Adds a copy of a MetaGraphDef."""
        self._saved_model.meta_graphs.add().CopyFrom(meta_graph)

    def tags(self) -> list[frozenset[str]]:
        """Returns the set of tags of each variant, smaller sets before those that contain them."""
        return sorted(frozenset(meta_graph.meta_info_def.tags) for meta_graph in self)

    def with_tags(self, tags: Iterable[str] | None) -> Any:
        """Returns the MetaGraphDef with exactly these tags; it is not to be changed.

        Raises:
            TagsNotFound: there is none; lists those there are.
        """
        wanted = frozenset(tags or ())
        for meta_graph in self:
            if frozenset(meta_graph.meta_info_def.tags) == wanted:
                return meta_graph
        raise TagsNotFound(explain_missing_variant(wanted, self.tags()))

    def write(self, path: str, marker: bytes, save_variables: Callable[[str], None]) -> None:
        """Writes a module into a directory: all of it, or nothing.

        Args:
            path: a directory that holds no model yet; it is made if need be. A local path or one of an object store.
            marker: the content of `tfhub_module.pb`, by which the format is known. It comes last.
            save_variables: writes a checkpoint under the path prefix that it is given.

        Raises:
            ExportTargetTaken: the directory holds a model; names what is there.
        """
        gfile = tf_internals.import_tensorflow().io.gfile
        path = path.rstrip("/") or path
        _check_free(gfile, path)
        aside = f"{path}.{uuid.uuid4().hex}.tmp"
        try:
            self._write_parts(gfile, aside, marker, save_variables)
            gfile.makedirs(path)
            _check_free(gfile, path)
            for part in sorted(gfile.listdir(aside), key=lambda name: name.rstrip("/") == LEGACY_MARK):
                gfile.rename(posixpath.join(aside, part.rstrip("/")), posixpath.join(path, part.rstrip("/")))
        finally:
            if gfile.exists(aside):
                gfile.rmtree(aside)

    def _write_parts(self, gfile: Any, path: str, marker: bytes, save_variables: Callable[[str], None]) -> None:
        written = tf_internals.protos.new_saved_model()
        written.CopyFrom(self._saved_model)
        sources = assets.relativize_paths(written.meta_graphs)
        for meta_graph in written.meta_graphs:
            drop_debug_names(meta_graph.graph_def)
            tensor_array_gradients.unmark(meta_graph.graph_def)
            cell_gradients.unmark(meta_graph.graph_def)
        gfile.makedirs(posixpath.join(path, assets.DIRECTORY))
        for name, source in sources.items():
            gfile.copy(source, posixpath.join(path, assets.DIRECTORY, name))
        gfile.makedirs(posixpath.join(path, VARIABLES))
        save_variables(posixpath.join(path, VARIABLES, VARIABLES))
        for name, content in ((PB, written.SerializeToString()), (LEGACY_MARK, marker)):
            with gfile.GFile(posixpath.join(path, name), "wb") as file:
                file.write(content)


def _check_free(gfile: Any, path: str) -> None:
    taken = [name for name in (PB, PBTXT, LEGACY_MARK, VARIABLES, assets.DIRECTORY) if _exists(gfile, path, name)]
    if taken:
        raise ExportTargetTaken(
            f"A module cannot be exported to {path!r}: {', '.join(taken)} is there already. Nothing was written; "
            "choose another directory, or remove what is there."
        )


def _exists(gfile: Any, path: str, name: str) -> bool:
    return bool(gfile.exists(posixpath.join(path, name)))


def read_variants(layout: Layout, path: str | None = None) -> GraphVariants:
    """Reads a SavedModel's MetaGraphs; paths of assets in them become those of the files in its directory.

    Args:
        layout: the directory with the graph.
        path: that with the assets; the same where it is not given.

    Raises:
        CorruptModel: the file is damaged, or an asset lies outside of the model's directory.
    """
    tf = tf_internals.import_tensorflow()
    file = layout.path.rstrip("/") + "/" + layout.model_file
    with tf.io.gfile.GFile(file, "rb") as content:
        serialized = bytes(as_saved_model_pb(file, content.read()))
    saved_model = tf_internals.protos.new_saved_model()
    try:
        saved_model.ParseFromString(serialized)
    except Exception as error:
        # protobuf's DecodeError; what its class is called depends on protobuf's version.
        raise CorruptModel(f"{file!r} cannot be parsed as a SavedModel: {error}. Copy or download it again.") from error
    if not saved_model.meta_graphs:
        raise CorruptModel(f"{file!r} holds no graph: it is empty, or something else than a SavedModel.")
    assets.absolutize_paths(saved_model.meta_graphs, layout.path if path is None else path)
    return GraphVariants(saved_model)


def variables_prefix(path: str) -> str:
    """The prefix of the checkpoint's files in a SavedModel's directory."""
    return posixpath.join(pattern_free_path(path), VARIABLES, VARIABLES)


def explain_missing_variant(wanted: Iterable[str], there_are: Iterable[Iterable[str]]) -> str:
    """The message for tags that a model has no variant with."""
    listed = ", ".join(str(tags) for tags in sorted(sorted(tags) for tags in there_are)) or "none"
    message = f"No such graph variant: tags={sorted(wanted)!r}. Those there are: {listed}."
    if set(wanted) == {"train"}:
        message += " A module without a variant for training is fine-tuned by its only one: leave tags unset."
    return message
