"""A module as a list of MetaGraphDefs: what `create_module_spec` makes, and what a legacy module's files hold."""

from __future__ import annotations

import contextlib
from typing import Any, Iterable

from rehub import restore, tf_internals
from rehub.errors import InvalidModule, SignatureNotFound
from rehub.formatting import list_names
from rehub.legacy import attachments
from rehub.legacy.instance import GraphModule
from rehub.legacy.saved_model import GraphVariants
from rehub.legacy.spec import ModuleSpec
from rehub.legacy.tensor_info import ParsedTensorInfo, parse_tensor_info_map
from rehub.savedmodel import Layout, graph_variant, read_metagraphs
from rehub.savedmodel.graph_collections import ATTACHMENTS


class GraphModuleSpec(ModuleSpec):
    """A module given by its graph variants, and perhaps a checkpoint of its variables."""

    def __init__(
        self, variants: GraphVariants, checkpoint: str | None, described_as: str, layout: Layout | None = None
    ) -> None:
        """Checks that the graphs are such as a module can have.

        Args:
            variants: the graphs.
            checkpoint: prefix of the files from which variables are initialized; None for initializers of the graph.
            described_as: what error messages call the module, such as its handle.
            layout: the directory that the checkpoint is in.

        Raises:
            InvalidModule: two variants have the same tags, or a graph has collections that a module cannot have.
        """
        _check_tags(variants, described_as)
        _check_collections(variants, described_as)
        self._variants = variants
        self._checkpoint = checkpoint
        self._described_as = described_as
        self._layout = layout

    def __repr__(self) -> str:
        return f"<hub.ModuleSpec of {self._described_as}, tags {[sorted(tags) for tags in self.get_tags()]}>"

    def get_tags(self) -> list[frozenset[str]]:
        """As `ModuleSpec.get_tags`."""
        return self._variants.tags()

    def get_signature_names(self, tags: Iterable[str] | None = None) -> list[str]:
        """As `ModuleSpec.get_signature_names`."""
        return sorted(self._variants.with_tags(tags).signature_def)

    def get_input_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """As `ModuleSpec.get_input_info_dict`."""
        return parse_tensor_info_map(self._signature(signature, tags).inputs)

    def get_output_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """As `ModuleSpec.get_output_info_dict`."""
        return parse_tensor_info_map(self._signature(signature, tags).outputs)

    def _signature(self, signature: str | None, tags: Iterable[str] | None) -> Any:
        signatures = self._variants.with_tags(tags).signature_def
        name = "default" if signature is None else signature
        if name not in signatures:
            raise SignatureNotFound(
                f"Signature {name!r} is missing from meta graph: {self._described_as} with tags {sorted(tags or ())} "
                f"has the signatures: {list_names(sorted(signatures)) or 'none'}."
            )
        return signatures[name]

    def _get_attached_bytes(self, key: str, tags: Iterable[str] | None) -> bytes | None:
        return attachments.read_attachments(self._variants.with_tags(tags)).get(key)

    def _create_impl(self, name: str, trainable: bool, tags: Iterable[str] | None) -> GraphModule:
        meta_graph = self._variants.with_tags(tags)
        with contextlib.ExitStack() as explained:
            if self._layout is not None:
                tf = tf_internals.import_tensorflow()
                metagraphs = read_metagraphs(self._layout.file, restore.read_model(tf, self._layout))
                used = [graph_variant(metagraphs, frozenset(tags or ()), self._described_as)]
                explained.enter_context(
                    restore.naming_damaged_files(tf, self._layout, used, self._described_as, wants_all_variables=True)
                )
            return GraphModule(self._variants, meta_graph, self._checkpoint, trainable, name, self._described_as)


def supported_collections() -> frozenset[str]:
    """The collections of a graph that make the way into a module and out of it."""
    keys = tf_internals.import_tensorflow().compat.v1.GraphKeys
    return frozenset(
        [
            keys.GLOBAL_VARIABLES,
            keys.TRAINABLE_VARIABLES,
            keys.MODEL_VARIABLES,
            keys.TABLE_INITIALIZERS,
            keys.ASSET_FILEPATHS,
            keys.UPDATE_OPS,
            keys.REGULARIZATION_LOSSES,
            keys.COND_CONTEXT,
            keys.WHILE_CONTEXT,
            ATTACHMENTS,
        ]
    )


def get_unsupported_collections(keys: Iterable[str]) -> list[str]:
    """Returns those of the collections that cannot be in a module, for `drop_collections`; sorted."""
    return sorted(set(keys) - supported_collections())


def _check_tags(variants: GraphVariants, described_as: str) -> None:
    tag_sets = [frozenset(meta_graph.meta_info_def.tags) for meta_graph in variants]
    for tags in tag_sets:
        if tag_sets.count(tags) > 1:
            raise InvalidModule(f"{described_as} has several graph variants with the same tags: {sorted(tags)}.")


def _check_collections(variants: GraphVariants, described_as: str) -> None:
    unsupported = get_unsupported_collections(key for meta_graph in variants for key in meta_graph.collection_def)
    if unsupported:
        raise InvalidModule(
            f"Unsupported collections in graph: {unsupported}, in {described_as}. If the module does without them, "
            f"drop them: drop_collections={unsupported}. Supported: {', '.join(sorted(supported_collections()))}."
        )
