"""The graph variants of a module, as MetaGraphDefs, read from a SavedModel and written as one."""

from __future__ import annotations

import posixpath
from typing import Any, Callable, Iterable, Iterator

from rehub import restore, tf_internals
from rehub.errors import CorruptModel, ExportTargetTaken, TagsNotFound
from rehub.legacy import assets
from rehub.legacy.gradient_overrides import clear_gradient_overrides
from rehub.legacy.graph_defs import drop_debug_names
from rehub.savedmodel import read_metagraphs
from rehub.savedmodel.encodings import convert_to_pb
from rehub.savedmodel.layout import LEGACY_MARK, PB, PBTXT, Layout
from rehub.staging import staging_path

VARIABLES = "variables"


class GraphVariants:
    """MetaGraphDefs, each with its own set of tags."""

    def __init__(self, saved_model: Any = None) -> None:
        self._saved_model = tf_internals.protos.new_saved_model() if saved_model is None else saved_model

    def __iter__(self) -> Iterator[Any]:
        return iter(self._saved_model.meta_graphs)

    def add(self, meta_graph: Any) -> None:
        """Add a copy of a MetaGraphDef."""
        self._saved_model.meta_graphs.add().CopyFrom(meta_graph)

    def tags(self) -> list[frozenset[str]]:
        """Return the set of tags of each variant, subsets first."""
        return sorted(frozenset(meta_graph.meta_info_def.tags) for meta_graph in self)

    def with_tags(self, tags: Iterable[str] | None) -> Any:
        """Return the MetaGraphDef with exactly these tags. Do not change it.

        Raises:
            TagsNotFound: there is none; lists the sets of tags that exist.
        """
        wanted = frozenset(tags or ())
        for meta_graph in self:
            if frozenset(meta_graph.meta_info_def.tags) == wanted:
                return meta_graph
        raise TagsNotFound(explain_missing_variant(wanted, self.tags()))

    def write_module(self, path: str, marker: bytes, save_variables: Callable[[str], None]) -> None:
        """Write a module into a directory: the whole module, or nothing.

        Args:
            path: a directory without a model, made if it does not exist. A local path or one of an object store.
            marker: the content of `tfhub_module.pb`, which is published last.
            save_variables: writes a checkpoint, given its path prefix.

        Raises:
            ExportTargetTaken: the directory has a model; names its files.
        """
        gfile = tf_internals.import_tensorflow().io.gfile
        path = path.rstrip("/") or path
        _check_free(path)
        with staging_path(path, gfile) as staging:
            self._write_files(staging, marker, save_variables)
            gfile.makedirs(path)
            _check_free(path)
            names = [name.rstrip("/") for name in gfile.listdir(staging)]
            for name in sorted(names, key=lambda name: name == LEGACY_MARK):
                gfile.rename(posixpath.join(staging, name), posixpath.join(path, name))

    def _write_files(self, path: str, marker: bytes, save_variables: Callable[[str], None]) -> None:
        gfile = tf_internals.import_tensorflow().io.gfile
        written = tf_internals.protos.new_saved_model()
        written.CopyFrom(self._saved_model)
        sources = assets.relativize_paths(written.meta_graphs)
        for meta_graph in written.meta_graphs:
            drop_debug_names(meta_graph.graph_def)
            clear_gradient_overrides(meta_graph.graph_def)
        gfile.makedirs(posixpath.join(path, assets.DIRECTORY))
        for name, source in sources.items():
            gfile.copy(source, posixpath.join(path, assets.DIRECTORY, name))
        gfile.makedirs(posixpath.join(path, VARIABLES))
        save_variables(posixpath.join(path, VARIABLES, VARIABLES))
        for name, content in ((PB, written.SerializeToString()), (LEGACY_MARK, marker)):
            with gfile.GFile(posixpath.join(path, name), "wb") as file:
                file.write(content)


def _check_free(path: str) -> None:
    exists = tf_internals.import_tensorflow().io.gfile.exists
    names = (PB, PBTXT, LEGACY_MARK, VARIABLES, assets.DIRECTORY)
    taken = [name for name in names if exists(posixpath.join(path, name))]
    if taken:
        raise ExportTargetTaken(
            f"A module cannot be exported to {path!r}: {', '.join(taken)} is there already. Nothing was written; "
            "choose another directory, or delete those files."
        )


def read_trusted_variants(layout: Layout, label: str) -> GraphVariants:
    """Read the MetaGraphs of a SavedModel that is trusted, rewritten for this TensorFlow if a newer one wrote it.

    The graph is the scanned one. Weights and assets are data, which other machines of a cluster may read too.

    Raises:
        CorruptModel: the file is damaged, or an asset is outside of the model's directory.
        UnsafeModel: it has ops that could do harm, and REHUB_TRUST refuses them.
        MissingOp: what it needs cannot be said in the ops of the running TensorFlow.
    """
    scanned = restore.check_trust(layout, label)
    metagraphs = read_metagraphs(scanned.file, restore.read_model(scanned))
    rewritten, _ = restore.rewrite_if_newer(scanned, metagraphs, label)
    return read_variants(rewritten, layout.path)


def read_variants(layout: Layout, path: str | None = None) -> GraphVariants:
    """Read a SavedModel's MetaGraphs, with the absolute paths of its assets.

    Args:
        layout: the directory with the graph.
        path: the directory with the assets; unset, the same.

    Raises:
        CorruptModel: the file is damaged, or an asset is outside of the model's directory.
    """
    tf = tf_internals.import_tensorflow()
    file = layout.path.rstrip("/") + "/" + layout.model_file
    with tf.io.gfile.GFile(file, "rb") as content:
        serialized = bytes(convert_to_pb(file, content.read()))
    saved_model = tf_internals.protos.new_saved_model()
    try:
        saved_model.ParseFromString(serialized)
    except Exception as error:
        # protobuf's DecodeError. Its class differs between versions of protobuf.
        raise CorruptModel(f"{file!r} cannot be parsed as a SavedModel: {error}. Copy or download it again.") from error
    if not saved_model.meta_graphs:
        raise CorruptModel(f"{file!r} has no graph: it is empty, or not a SavedModel.")
    assets.absolutize_paths(saved_model.meta_graphs, layout.path if path is None else path)
    return GraphVariants(saved_model)


def variables_prefix(path: str) -> str:
    """Return the path prefix of the checkpoint in a SavedModel's directory."""
    return posixpath.join(restore.pattern_free_path(path), VARIABLES, VARIABLES)


def explain_missing_variant(wanted: Iterable[str], existing: Iterable[Iterable[str]]) -> str:
    """Return the message for tags that a model has no variant with."""
    listed = ", ".join(str(tags) for tags in sorted(sorted(tags) for tags in existing)) or "none"
    message = f"No such graph variant: tags={sorted(wanted)!r}. Available: {listed}."
    if set(wanted) == {"train"}:
        message += " A module without a variant for training is fine-tuned with its only variant: leave tags unset."
    return message
