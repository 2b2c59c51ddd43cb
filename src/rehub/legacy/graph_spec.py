"""A module spec made of MetaGraphDefs, which `create_module_spec` makes and a legacy module's files contain."""

from __future__ import annotations

import contextlib
from typing import Any, Iterable

from rehub import restore, tf_internals
from rehub.errors import InvalidModule, SignatureNotFound
from rehub.formatting import list_names
from rehub.legacy.attachments import read_attachments
from rehub.legacy.instance import GraphModule
from rehub.legacy.saved_model import GraphVariants
from rehub.legacy.spec import ModuleSpec
from rehub.legacy.tensor_info import ParsedTensorInfo, parse_tensor_info_map
from rehub.savedmodel import Layout, read_metagraphs, select_metagraph
from rehub.savedmodel.graph_collections import ATTACHMENTS


class GraphModuleSpec(ModuleSpec):
    """A module given by its graph variants, and perhaps a checkpoint of its variables."""

    def __init__(
        self, variants: GraphVariants, checkpoint: str | None, label: str, layout: Layout | None = None
    ) -> None:
        """Check that the graphs can be those of a module.

        Args:
            variants: the graphs.
            checkpoint: prefix of the files from which variables are initialized; None for initializers of the graph.
            label: what messages call the module, such as its handle.
            layout: the directory of the checkpoint.

        Raises:
            InvalidModule: two variants have the same tags, or a graph has unsupported collections.
        """
        _check_tags(variants, label)
        _check_collections(variants, label)
        self._variants = variants
        self._checkpoint = checkpoint
        self._label = label
        self._layout = layout

    def __repr__(self) -> str:
        return f"<hub.ModuleSpec of {self._label}, tags {[sorted(tags) for tags in self.get_tags()]}>"

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
        return parse_tensor_info_map(self._get_signature(signature, tags).inputs)

    def get_output_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """As `ModuleSpec.get_output_info_dict`."""
        return parse_tensor_info_map(self._get_signature(signature, tags).outputs)

    def _get_signature(self, signature: str | None, tags: Iterable[str] | None) -> Any:
        signatures = self._variants.with_tags(tags).signature_def
        name = "default" if signature is None else signature
        if name not in signatures:
            raise SignatureNotFound(
                f"Signature {name!r} is missing from meta graph: {self._label} with tags {sorted(tags or ())} "
                f"has the signatures: {list_names(sorted(signatures)) or 'none'}."
            )
        return signatures[name]

    def _get_attached_bytes(self, key: str, tags: Iterable[str] | None) -> bytes | None:
        return read_attachments(self._variants.with_tags(tags)).get(key)

    def _create_impl(self, name: str, trainable: bool, tags: Iterable[str] | None) -> GraphModule:
        meta_graph = self._variants.with_tags(tags)
        with contextlib.ExitStack() as error_context:
            if self._layout is not None:
                metagraphs = read_metagraphs(self._layout.file, restore.read_model(self._layout))
                used = [select_metagraph(metagraphs, frozenset(tags or ()), self._label)]
                error_context.enter_context(
                    restore.explain_damaged_files(self._layout, used, self._label, wants_all_variables=True)
                )
            return GraphModule(self._variants, meta_graph, self._checkpoint, trainable, name, self._label)


def supported_collections() -> frozenset[str]:
    """Return the collections of a graph that are kept in a module."""
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
    """Return those of some collections that a module cannot have, for `drop_collections`; sorted."""
    return sorted(set(keys) - supported_collections())


def _check_tags(variants: GraphVariants, label: str) -> None:
    tag_sets = [frozenset(meta_graph.meta_info_def.tags) for meta_graph in variants]
    for tags in tag_sets:
        if tag_sets.count(tags) > 1:
            raise InvalidModule(f"{label} has several graph variants with the same tags: {sorted(tags)}.")


def _check_collections(variants: GraphVariants, label: str) -> None:
    unsupported = get_unsupported_collections(key for meta_graph in variants for key in meta_graph.collection_def)
    if unsupported:
        raise InvalidModule(
            f"Unsupported collections in graph: {unsupported}, in {label}. If the module does not need "
            f"them, drop them: drop_collections={unsupported}. Supported: {', '.join(sorted(supported_collections()))}."
        )
