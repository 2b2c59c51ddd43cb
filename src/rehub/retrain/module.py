"""A legacy module as an object of TF2 that can be called and trained."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Iterator

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.legacy.attachments import parse_attached
from rehub.legacy.tensor_info import ParsedTensorInfo
from rehub.restore import SignatureCall, no_such_signature, refuse_copies_of, refuse_to_copy_function
from rehub.retrain.computations import Computations
from rehub.retrain.signature_function import SignatureFunction

_PARTS = "_rehub_parts"


def make_module(tf: Any, computations: Computations, call: SignatureCall) -> Any:
    """Returns the object that `hub.load` gives for a legacy module."""
    module = _module_class()()
    # Whatever is in this one attribute, TensorFlow does not look into.
    setattr(module, _PARTS, _Parts(tf, computations, call))
    state = computations.state
    module.variables = list(state.variables.values())
    module.trainable_variables = [variable for variable in state.variables.values() if variable.trainable]
    module.regularization_losses = computations.regularization_losses()
    module._tables = list(state.tables.values())  # noqa: SLF001  To be saved with the object.
    module._assets = list(state.assets.values())  # noqa: SLF001
    module._is_hub_module_v1 = True  # noqa: SLF001  Under this name tensorflow_hub's users know it.
    return module


def is_retrainable(obj: Any) -> bool:
    """Whether an object is a legacy module that can be trained."""
    return hasattr(obj, _PARTS)


class _Parts:
    def __init__(self, tf: Any, computations: Computations, call: SignatureCall) -> None:
        self.tf = tf
        self.computations = computations
        self.call = call
        self.signatures = Signatures(computations, call)


class Signatures(Mapping):  # type: ignore[type-arg]
    """The signatures of a module: concrete functions for inference, each made when it is first asked for."""

    __reduce_ex__ = refuse_to_copy_function

    def __init__(self, computations: Computations, call: SignatureCall) -> None:
        self._computations = computations
        self._handle = call.handle
        self._names = [signature.name for signature in call.signatures]
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise SignatureNotFound(no_such_signature(repr(self._handle), name, self._names))
        if name not in self._made:
            self._made[name] = self._computations.signature(name)
            refuse_copies_of(self._made[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Signatures({', '.join(self._names)})"


@functools.lru_cache(maxsize=None)
def _module_class() -> Any:
    class LegacyModule(tf_internals.objects.auto_trackable_class()):  # type: ignore[misc]
        """A legacy module that can be called and trained.

        It has the interface of a Reusable SavedModel (tensorflow.org/hub/reusable_saved_models), with the call of a
        `hub.Module`.

        Attributes:
            variables: all `tf.Variable`s; one for each part of a partitioned one.
            trainable_variables: those that the module's author meant to be trained.
            regularization_losses: functions of no arguments, a scalar each.
        """

        variables: list[Any]
        trainable_variables: list[Any]
        regularization_losses: list[Any]

        @tf_internals.tracing.no_autograph
        def __call__(
            self,
            inputs: Any = None,
            training: Any = False,
            signature: str | None = None,
            as_dict: bool = False,
            update_ops: bool = True,
        ) -> Any:
            """Applies a signature to inputs.

            Args:
                inputs: a tensor, or what becomes one, for a signature with one input; a dict by input name for
                    several; None for none.
                training: whether to compute what the module's graph for training computes, and to run its UPDATE_OPS,
                    which change the statistics of batch normalization. A bool, or a scalar bool tensor.
                signature: its name; unset, "default".
                as_dict: whether to return all outputs by name.
                update_ops: False, in training, leaves the statistics of batch normalization as they are.

            Returns:
                The output named "default", or the only output; with `as_dict=True`, a dict of all outputs.

            Raises:
                SignatureNotFound: there is no such signature; lists those there are.
                InputMismatch: the signature has other inputs, or no single output; lists them.
                NotTrainable: with `training`, if the signature cannot be trained; says why.
            """
            parts: _Parts = getattr(self, _PARTS)
            parts.call.check_training(training)
            name = parts.call.signature_named(signature).name
            outputs = _apply(parts, name, inputs, training, update_ops)
            return parts.call.pick(name, outputs, as_dict)

        @property
        def signatures(self) -> Signatures:
            """The signatures by name: functions for inference, of tensors given by keyword."""
            parts: _Parts = getattr(self, _PARTS)
            return parts.signatures

        @property
        def variable_map(self) -> dict[str, Any]:
            """The variables by their names in the module; of a partitioned one, the list of its parts."""
            joined: dict[str, Any] = getattr(self, _PARTS).computations.state.variable_map()
            return joined

        @property
        def graph(self) -> Any:
            """The graph for inference as a `tf.Graph`, to look at its collections, ops and tensors."""
            return getattr(self, _PARTS).computations.graph

        def prune(self, feeds: Any, fetches: Any) -> Any:
            """Makes a function of any part of the graph for inference, as that of TensorFlow's loader does.

            Args:
                feeds: a nest of names of tensors, or tensors of `graph`: its arguments.
                fetches: a nest of names of tensors or ops, tensors or ops: what it returns.

            Returns:
                A concrete function of tensors, which uses the module's variables.
            """
            return getattr(self, _PARTS).computations.prune(feeds, fetches)

        @property
        def tensorflow_version(self) -> str:
            """The version of the TensorFlow that wrote the module."""
            return str(getattr(self, _PARTS).computations.tensorflow_version)

        def get_signature_names(self) -> list[str]:
            """Returns the names of the signatures."""
            return list(self.signatures)

        def get_input_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
            """Describes the inputs of a signature by name, as `hub.Module.get_input_info_dict` does."""
            parts: _Parts = getattr(self, _PARTS)
            specs = parts.computations.input_specs(parts.call.signature_named(signature).name)
            return {name: ParsedTensorInfo.from_type_spec(spec) for name, spec in specs.items()}

        def get_output_info_dict(self, signature: str | None = None) -> dict[str, ParsedTensorInfo]:
            """Describes the outputs of a signature by name, as `hub.Module.get_output_info_dict` does."""
            parts: _Parts = getattr(self, _PARTS)
            specs = parts.computations.output_specs(parts.call.signature_named(signature).name)
            return {name: ParsedTensorInfo.from_type_spec(spec) for name, spec in specs.items()}

        def get_attached_message(self, key: str, message_type: Any, required: bool = False) -> Any:
            """Returns a message that the publisher attached to the module by `hub.attach_message`.

            Args:
                key: what it was attached under.
                message_type: the class of protocol buffer messages to parse it by.
                required: whether it is an error if there is none.

            Returns:
                A new message, or None.

            Raises:
                AttachmentNotFound: there is none, and `required` was set.
            """
            parts: _Parts = getattr(self, _PARTS)
            attached = parts.computations.attached_messages().get(key)
            return parse_attached(attached, key, message_type, required, parts.computations.described_as)

    return LegacyModule


@tf_internals.tracing.no_autograph
def _apply(parts: _Parts, name: str, inputs: Any, training: Any, update_ops: bool) -> dict[str, Any]:
    tensors = parts.call.components(name, inputs)
    mode = tf_internals.tracing.static_bool(training)
    if mode is not None:
        return parts.computations.apply(name, tensors, mode, update_ops)
    outputs: dict[str, Any] = parts.tf.cond(
        training,
        lambda: parts.computations.apply(name, tensors, True, update_ops),
        lambda: parts.computations.apply(name, tensors, False, False),
    )
    return outputs


class ModuleSignature(SignatureFunction):
    """A signature of a module that `hub.load` restored."""

    @tf_internals.tracing.no_autograph
    def __call__(self, inputs: Any, training: Any = False, update_ops: bool = True) -> dict[str, Any]:
        """Returns all outputs by name; arguments as those of the module's call."""
        return _apply(self._parts, self.name, inputs, training, update_ops)

    @property
    def input_specs(self) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the inputs by name."""
        return self._parts.computations.input_specs(self.name)

    def output_specs(self, training: bool) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the outputs by name, in a mode."""
        return self._parts.computations.output_specs(self.name, training)

    def concrete(self, training: bool) -> Any:
        """The concrete function of a mode."""
        return self._parts.computations.concrete(self.name, training)

    @property
    def _parts(self) -> _Parts:
        parts: _Parts = getattr(self.module, _PARTS)
        return parts
