"""The contents of a module before it is in a graph: its graph variants, and perhaps a checkpoint of its variables."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterable

from rehub import restore, tf_internals
from rehub.errors import InvalidModule, InvalidSetting, SignatureNotFound
from rehub.formatting import list_names
from rehub.legacy.attachments import parse_attachment, read_attachments
from rehub.legacy.instance import ModuleImpl
from rehub.legacy.saved_model import GraphVariants
from rehub.legacy.tensor_info import ParsedTensorInfo, parse_tensor_info_map
from rehub.savedmodel import Layout, read_metagraphs, select_metagraph
from rehub.savedmodel.graph_collections import ATTACHMENTS


class ModuleSpec:
    """The contents of a module before it is instantiated in a graph: its graph variants, signatures and weights.

    `hub.load_module_spec` and `hub.create_module_spec` return one; do not call the class.
    """

    _variants: GraphVariants
    _checkpoint: str | None
    _label: str
    _layout: Layout | None

    def __repr__(self) -> str:
        return f"<hub.ModuleSpec of {self._label}, tags {[sorted(tags) for tags in self.get_tags()]}>"

    def export(
        self,
        path: str,
        _sentinel: None = None,
        checkpoint_path: str | None = None,
        name_transform_fn: Callable[[str], str] | None = None,
    ) -> None:
        """Write the module with weights from a checkpoint, in a session of its own.

        Args:
            path: a directory without a model.
            _sentinel: do not use. The arguments after it must be given by name.
            checkpoint_path: the path prefix of the checkpoint, or its directory; required.
            name_transform_fn: maps a variable's name in the module to its name in the checkpoint. Unset, the names are
                the same.

        Raises:
            InvalidSetting: `checkpoint_path` is missing, or `_sentinel` is given.
            ExportTargetTaken: there is already a model at `path`.
            ValueError: the checkpoint lacks a variable, or the variable has another shape there; TensorFlow's message
                names it.
        """
        if _sentinel is not None:
            raise InvalidSetting("ModuleSpec.export() takes its arguments after `path` by name.")
        if not checkpoint_path:
            raise InvalidSetting("Missing mandatory `checkpoint_path` parameter: where the module's weights are.")
        name_in_checkpoint = name_transform_fn or str
        v1 = tf_internals.import_tensorflow().compat.v1
        with v1.Graph().as_default():
            module = self._create_impl("module", trainable=False, tags=None)
            assignment = {name_in_checkpoint(name): variable for name, variable in module.variable_map.items()}
            v1.train.init_from_checkpoint(checkpoint_path, assignment)
            with v1.Session() as session:
                session.run(v1.global_variables_initializer())
                module.export(path, session)

    def get_tags(self) -> list[frozenset[str]]:
        """Return the set of tags of each graph variant."""
        return self._variants.tags()

    def get_signature_names(self, tags: Iterable[str] | None = None) -> list[str]:
        """Return the names of a variant's signatures.

        Args:
            tags: those of the variant; unset, the empty set.

        Raises:
            TagsNotFound: no variant has these tags.
        """
        return sorted(self._variants.with_tags(tags).signature_def)

    def get_input_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """Describe the inputs of a signature.

        Args:
            signature: its name; unset, "default".
            tags: those of the graph variant; unset, the empty set.

        Returns:
            By name, objects with `dtype`, `get_shape()`, `is_sparse`, `is_composite` and `type_spec`.

        Raises:
            TagsNotFound: no variant has these tags.
            SignatureNotFound: it has no such signature.
        """
        return parse_tensor_info_map(self._get_signature(signature, tags).inputs)

    def get_output_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """Describe the outputs of a signature, as `get_input_info_dict` describes the inputs."""
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

    def get_attached_message(
        self, key: str, message_type: Any, tags: Iterable[str] | None = None, required: bool = False
    ) -> Any:
        """Return a message that the publisher attached to the module by `hub.attach_message`.

        Args:
            key: the key under which the message was attached.
            message_type: the protocol buffer class that parses the message.
            tags: those of the graph variant; unset, the empty set.
            required: whether a missing message is an error.

        Returns:
            A new message, or None.

        Raises:
            AttachmentNotFound: there is no such message, and `required` is set.
        """
        label = f"the graph variant with tags {sorted(tags or ())}"
        attached = read_attachments(self._variants.with_tags(tags)).get(key)
        return parse_attachment(attached, key, message_type, required, label)

    def _create_impl(self, name: str, trainable: bool, tags: Iterable[str] | None) -> ModuleImpl:
        """Instantiate a variant in the default graph under an unused name scope."""
        meta_graph = self._variants.with_tags(tags)
        with contextlib.ExitStack() as error_context:
            if self._layout is not None:
                metagraphs = read_metagraphs(self._layout.file, restore.read_model(self._layout))
                used = [select_metagraph(metagraphs, frozenset(tags or ()), self._label)]
                error_context.enter_context(
                    restore.explain_damaged_files(self._layout, used, self._label, wants_all_variables=True)
                )
            return ModuleImpl(self._variants, meta_graph, self._checkpoint, trainable, name, self._label)


def make_module_spec(
    variants: GraphVariants, checkpoint: str | None, label: str, layout: Layout | None = None
) -> ModuleSpec:
    """Make the spec of a module, after a check that the graphs can be those of a module.

    The class itself takes no arguments, as in tensorflow_hub.

    Args:
        checkpoint: prefix of the files from which variables are initialized; None for initializers of the graph.
        layout: the directory of the checkpoint.

    Raises:
        InvalidModule: two variants have the same tags, or a graph has unsupported collections.
    """
    _check_tags(variants, label)
    _check_collections(variants, label)
    spec = ModuleSpec()
    vars(spec).update(_variants=variants, _checkpoint=checkpoint, _label=label, _layout=layout)
    return spec


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
