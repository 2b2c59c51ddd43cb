"""The contents of a module before it is in a graph, and its part in a graph: interfaces of TF1 Hub format."""

from __future__ import annotations

import abc
from typing import Any, Callable, Iterable, Mapping

from rehub import tf_internals
from rehub.errors import InvalidSetting
from rehub.legacy.attachments import parse_attachment
from rehub.legacy.tensor_info import ParsedTensorInfo


class ModuleImpl(abc.ABC):
    """What a ModuleSpec puts into a graph, behind `hub.Module`."""

    def get_signature_name(self, signature: str | None) -> str:
        """Return the name of a signature; "default" for None."""
        return signature or "default"

    @abc.abstractmethod
    def create_apply_graph(self, signature: str, input_tensors: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Add a signature's computation to the default graph.

        Args:
            signature: its name.
            input_tensors: a tensor or composite tensor for each of its inputs.
            name: that of the name scope for it.

        Returns:
            The outputs by name.
        """

    @abc.abstractmethod
    def export(self, path: str, session: Any) -> None:
        """Write the module with the values that its variables have in a session."""

    @property
    @abc.abstractmethod
    def variable_map(self) -> dict[str, Any]:
        """The variables by their names in the module; for a partitioned one, the list of its parts."""


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
        """Write the module with weights from a checkpoint, in a session of its own.

        Args:
            path: a directory that holds no model yet.
            _sentinel: do not use; it prevents that the other arguments are given by position.
            checkpoint_path: the path prefix of the checkpoint, or its directory; required.
            name_transform_fn: a variable's name in the module -> its name in the checkpoint. Unset, they are the same.

        Raises:
            InvalidSetting: `checkpoint_path` is missing, or `_sentinel` is given.
            ExportTargetTaken: there is a model at `path` already.
            ValueError: the checkpoint lacks a variable, or has it in another shape; TensorFlow's message names it.
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

    @abc.abstractmethod
    def get_tags(self) -> list[frozenset[str]]:
        """Return the set of tags of each graph variant."""

    @abc.abstractmethod
    def get_signature_names(self, tags: Iterable[str] | None = None) -> list[str]:
        """Return the names of a variant's signatures.

        Args:
            tags: those of the variant; unset, the empty set.

        Raises:
            TagsNotFound: no variant has these tags.
        """

    @abc.abstractmethod
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

    @abc.abstractmethod
    def get_output_info_dict(
        self, signature: str | None = None, tags: Iterable[str] | None = None
    ) -> dict[str, ParsedTensorInfo]:
        """Describe the outputs of a signature, as `get_input_info_dict` describes the inputs."""

    def get_attached_message(
        self, key: str, message_type: Any, tags: Iterable[str] | None = None, required: bool = False
    ) -> Any:
        """Return a message that the publisher attached to the module by `hub.attach_message`.

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
        label = f"the graph variant with tags {sorted(tags or ())}"
        return parse_attachment(self._get_attached_bytes(key, tags), key, message_type, required, label)

    @abc.abstractmethod
    def _get_attached_bytes(self, key: str, tags: Iterable[str] | None) -> bytes | None:
        """Return the serialized message under a key, or None."""

    @abc.abstractmethod
    def _create_impl(self, name: str, trainable: bool, tags: Iterable[str] | None) -> ModuleImpl:
        """Instantiate a variant in the default graph under an unused name scope."""
