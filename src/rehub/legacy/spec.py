"""`hub.ModuleSpec`: what a module is before it is in a graph, loaded from a handle or made by `create_module_spec`."""

from __future__ import annotations

import abc
import os
from typing import TYPE_CHECKING, Any, Callable, Iterable

from rehub import resolvers, restore, tf_internals
from rehub.errors import CorruptModel, InvalidModule, InvalidSetting, ModelNotFound, UnsupportedFormat
from rehub.legacy.attachments import parse_attachment
from rehub.redaction import redact_url
from rehub.savedmodel import read_metagraphs
from rehub.savedmodel.file_kinds import is_lfs_pointer, lfs_pointer_advice
from rehub.savedmodel.layout import LEGACY_MARK

if TYPE_CHECKING:
    from rehub.legacy.instance import ModuleImpl
    from rehub.legacy.tensor_info import ParsedTensorInfo

_FORMAT_V3 = 3


class ModuleSpec(abc.ABC):
    """The contents of a module before it is instantiated in a graph: its graph variants, signatures and weights.

    Made by `hub.load_module_spec` and `hub.create_module_spec`, not by calling the class.
    """

    def export(
        self,
        path: str,
        _sentinel: None = None,
        checkpoint_path: str | None = None,
        name_transform_fn: Callable[[str], str] | None = None,
    ) -> None:
        """Writes the module with weights from a checkpoint, without a session of the caller's.

        Args:
            path: a directory that holds no model yet.
            _sentinel: not to be given; it keeps the other arguments from being given by position.
            checkpoint_path: where the weights are; has to be given.
            name_transform_fn: a variable's name in the module -> its name in the checkpoint. Unset, they are the same.

        Raises:
            InvalidSetting: `checkpoint_path` is missing, or `_sentinel` is given.
            ExportTargetTaken: there is a model at `path` already.
            ValueError: the checkpoint lacks a variable, or has it in another shape; TensorFlow's message names it.
        """
        from rehub.legacy.marker import export_from_checkpoint

        if _sentinel is not None:
            raise InvalidSetting("ModuleSpec.export() takes its arguments after `path` by name.")
        if not checkpoint_path:
            raise InvalidSetting("Missing mandatory `checkpoint_path` parameter: where the module's weights are.")
        export_from_checkpoint(self, path, checkpoint_path, name_transform_fn or str)

    @abc.abstractmethod
    def get_tags(self) -> list[frozenset[str]]:
        """Returns the set of tags of each graph variant."""

    @abc.abstractmethod
    def get_signature_names(self, tags: Iterable[str] | None = None) -> list[str]:
        """Returns the names of a variant's signatures.

        Args:
            tags: those of the variant; unset, the empty set.

        Raises:
            TagsNotFound: there is no such variant.
        """

    @abc.abstractmethod
    def get_input_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """Describes the inputs of a signature.

        Args:
            signature: its name; unset, "default".
            tags: those of the graph variant; unset, the empty set.

        Returns:
            By name, objects with `dtype`, `get_shape()`, `is_sparse`, `is_composite` and `type_spec`.

        Raises:
            TagsNotFound: there is no such variant.
            SignatureNotFound: it has no such signature.
        """

    @abc.abstractmethod
    def get_output_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """Describes the outputs of a signature, as `get_input_info_dict` describes the inputs."""

    def get_attached_message(
        self, key: str, message_type: Any, tags: Iterable[str] | None = None, required: bool = False
    ) -> Any:
        """Returns a message that the publisher attached to the module by `hub.attach_message`.

        Args:
            key: what it was attached under.
            message_type: the class of protocol buffer messages to parse it by.
            tags: those of the graph variant; unset, the empty set.
            required: whether it is an error if there is none.

        Returns:
            A new message, or None.

        Raises:
            AttachmentNotFound: there is none, and `required` was set.
        """
        described_as = f"the graph variant with tags {sorted(tags or ())}"
        return parse_attachment(self._get_attached_bytes(key, tags), key, message_type, required, described_as)

    @abc.abstractmethod
    def _get_attached_bytes(self, key: str, tags: Iterable[str] | None) -> bytes | None:
        """Returns the serialized message under a key, or None."""

    @abc.abstractmethod
    def _create_impl(self, name: str, trainable: bool, tags: Iterable[str] | None) -> ModuleImpl:
        """Instantiates a variant in the default graph under an unused name scope."""


def as_module_spec(spec: Any) -> ModuleSpec:
    """Returns the spec that was given, or loads the one that a handle names.

    Raises:
        InvalidSetting: it is neither a ModuleSpec nor a handle.
    """
    if isinstance(spec, ModuleSpec):
        return spec
    if isinstance(spec, (str, os.PathLike)):
        return load_module_spec(spec)
    raise InvalidSetting(f"Unknown module spec type: {type(spec)}. Expected a hub.ModuleSpec, a URL or a path.")


def load_module_spec(path: Any) -> ModuleSpec:
    """Loads what a legacy module holds, and downloads it before if need be.

    Args:
        path: a URL, a path, or any other handle that `hub.resolve` takes.

    Raises:
        ModelNotFound: there is no model; says what is there instead.
        UnsupportedFormat: there is a model that is no legacy module; says what loads it.
        CorruptModel: a file of it is damaged.
        UnsafeModel: it has ops that could do harm, and REHUB_TRUST refuses them.
    """
    from rehub.legacy.graph_spec import GraphModuleSpec
    from rehub.legacy.saved_model import read_variants, variables_prefix

    directory = resolvers.resolve(path)
    asked = redact_url(path) if isinstance(path, str) else str(directory)
    tf = tf_internals.import_tensorflow()
    try:
        layout = restore.look_at(tf, directory, asked)
    except ModelNotFound:
        # A module of a format to come may have other files, and then its marker says more than that these are missing.
        if tf.io.gfile.exists(_marker_in(directory)):
            _check_marker(asked, directory)
        raise
    if not layout.is_legacy:
        raise UnsupportedFormat(_no_legacy_module(asked, directory, layout.model_file))
    _check_marker(asked, directory)
    scanned = restore.check_trust(tf, layout, asked)
    # The graph is that which was scanned; weights and assets are data, which other machines of a cluster may read too.
    return GraphModuleSpec(read_variants(scanned, layout.path), variables_prefix(layout.path), asked, layout)


def _no_legacy_module(asked: str, directory: str, model_file: str) -> str:
    lead = f"{asked!r} is no legacy module: beside its {model_file} there is no {LEGACY_MARK}. "
    if model_file.endswith(".pb") and restore.is_local(directory):
        if any(metagraph.has_objects for metagraph in read_metagraphs(os.path.join(directory, model_file))):
            return lead + "It is a TF2 SavedModel: hub.load(...) or hub.KerasLayer(...) takes it."
        return lead + (
            "It is a TF1 SavedModel: hub.create_module_spec_from_saved_model(...) makes a spec of it, and "
            "hub.load(...) or hub.KerasLayer(...) takes it as it is."
        )
    return lead + "hub.load(...) or hub.KerasLayer(...) takes it."


def _marker_in(directory: str) -> str:
    return directory.rstrip("/") + "/" + LEGACY_MARK


def _check_marker(asked: str, directory: str) -> None:
    from rehub.legacy.protos import ModuleDef

    with tf_internals.import_tensorflow().io.gfile.GFile(_marker_in(directory), "rb") as file:
        content = file.read()
    marker = ModuleDef()
    if is_lfs_pointer(content):
        raise CorruptModel(f"{asked!r} cannot be loaded: {lfs_pointer_advice(_marker_in(directory))}")
    try:
        marker.ParseFromString(content)
    except Exception as error:
        # protobuf's DecodeError; what its class is called depends on protobuf's version.
        raise CorruptModel(f"{asked!r}: its {LEGACY_MARK} cannot be parsed: {error}.") from error
    if marker.format != _FORMAT_V3:
        raise InvalidModule(
            f"{asked!r}: Unsupported module def format: {marker.format}, in its {LEGACY_MARK}. Expected {_FORMAT_V3}."
        )
    if marker.required_features:
        raise InvalidModule(
            f"{asked!r} needs features that no version of the format has: Unsupported features: "
            f"{sorted(marker.required_features)}."
        )
