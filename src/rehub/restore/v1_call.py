"""Lets a restored legacy module or TF1 SavedModel be called: `model(inputs, signature=..., as_dict=...)`.

TensorFlow restores a model in TF1 format as a bag of signatures, each called with tensors by keyword. The call here is
that of `hub.Module`, for inference.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehub import tf_internals
from rehub.errors import InputMismatch, NotTrainable, SignatureNotFound
from rehub.formatting import list_names
from rehub.restore.signatures import signature_of

if TYPE_CHECKING:
    from rehub.savedmodel.metagraphs import MetaGraph
    from rehub.savedmodel.signatures import SignatureInfo, TensorInfo

_ENTRY = "_rehub_entry"
_UNTRAINABLE = "_rehub_untrainable"


def make_callable(
    tf: Any, root: Any, metagraph: MetaGraph, handle: str, is_legacy: bool, untrainable: str = ""
) -> None:
    """Makes the root that TensorFlow restored for a model in TF1 format callable.

    The object stays what it was, an instance of its class with its attributes; its class becomes a subclass with a
    `__call__`, as Python looks that up in the class alone.

    Args:
        tf: the TensorFlow module.
        root: what TensorFlow's loader returned.
        metagraph: the graph variant that it was made from.
        handle: what the user typed, for messages.
        is_legacy: whether it is a legacy module.
        untrainable: why a call with `training=True` is an error.
    """
    default = "default" if is_legacy else "serving_default"
    setattr(root, _ENTRY, SignatureCall(tf, metagraph.signatures, default, handle))
    setattr(root, _UNTRAINABLE, untrainable or f"{handle!r} is a TF1 SavedModel, which is restored for inference.")
    root.__class__ = _callable_subclass(root.__class__)


def is_v1_model(obj: Any) -> bool:
    """Whether an object is a restored legacy module or TF1 SavedModel, which `make_callable` made callable."""
    return hasattr(obj, _ENTRY)


@functools.lru_cache(maxsize=None)
def _callable_subclass(restored_class: Any) -> type:
    class RestoredV1Model(restored_class):  # type: ignore[misc]
        """A legacy module or a TF1 SavedModel, restored for inference."""

        def __call__(
            self, inputs: Any = None, training: Any = False, signature: str | None = None, as_dict: bool = False
        ) -> Any:
            """Applies a signature to inputs.

            Args:
                inputs: a tensor, or what becomes one, for a signature with one input; a dict by input name for
                    several; None for none.
                training: False.
                signature: its name. Unset, it is "default" for a legacy module and "serving_default" for a TF1
                    SavedModel, or the only one there is.
                as_dict: whether to return all outputs by name.

            Returns:
                The output named "default", or the only output; with `as_dict=True`, a dict of all outputs.

            Raises:
                SignatureNotFound: there is no such signature; lists those there are.
                InputMismatch: the signature has other inputs, or no single output; lists them.
                NotTrainable: with `training`; says why.
            """
            getattr(self, _ENTRY).check_training(training)
            if tf_internals.tracing.static_bool(training) is not False:
                raise NotTrainable(f"training={training!r}: {getattr(self, _UNTRAINABLE)}")
            call: SignatureCall = getattr(self, _ENTRY)
            name = call.signature_named(signature).name
            function = signature_of(self, name, repr(call.handle))
            return call.pick(name, function(**call.components(name, inputs)), as_dict)

    return RestoredV1Model


@tf_internals.tracing.no_autograph
@dataclass(frozen=True)
class SignatureCall:
    """How a model in TF1 format is called: by which signature, with which tensors, for which of its outputs.

    Attributes:
        tf: the TensorFlow module.
        signatures: as the model's file has them.
        default: the name of the one to call where none is chosen.
        handle: what the user typed, for messages.
    """

    tf: Any
    signatures: tuple[SignatureInfo, ...]
    default: str
    handle: str

    def check_training(self, training: Any) -> None:
        """Refuses a string in the place of the mode: a signature's name, which `hub.Module` takes in this position.

        Raises:
            InputMismatch: it is a string; shows how to choose a signature.
        """
        if isinstance(training, (str, bytes)):
            raise InputMismatch(
                f"The second argument of {self.handle!r} is training=, True or False. Received: {training!r}. "
                f"To call a signature, name the argument: signature={training!r}."
            )

    def signature_named(self, name: str | None) -> SignatureInfo:
        """Returns the signature of a name; for None the default, or the only one.

        Raises:
            SignatureNotFound: there is none; lists those there are.
        """
        by_name = {signature.name: signature for signature in self.signatures}
        if name is None and len(by_name) == 1:
            return self.signatures[0]
        wanted = self.default if name is None else name
        if wanted in by_name:
            return by_name[wanted]
        names = list_names(by_name) or "none at all"
        if name is not None:
            raise SignatureNotFound(f"{self.handle!r} has no signature {name!r}; it has: {names}.")
        raise SignatureNotFound(
            f"{self.handle!r} has no signature {wanted!r} to be called by; it has: {names}. "
            "Choose one: model(inputs, signature=...)."
        )

    def pick(self, name: str, outputs: dict[str, Any], as_dict: bool) -> Any:
        """Returns all outputs of a signature, or the default one."""
        return outputs if as_dict else outputs[self._output(self.signature_named(name))]

    def _output(self, signature: SignatureInfo) -> str:
        names = [output.name for output in signature.outputs]
        if "default" in names:
            return "default"
        if len(names) == 1:
            return names[0]
        raise InputMismatch(
            f"Signature {signature.name!r} of {self.handle!r} has no output named 'default', but these: "
            f"{list_names(names)}. Call it with as_dict=True and take what you need."
        )

    def components(self, name: str, inputs: Any) -> dict[str, Any]:
        """Returns the tensors that a signature's function takes, by the names of its arguments.

        A composite tensor is taken apart.

        Raises:
            InputMismatch: the inputs do not fit; says what is missing, unknown or of another kind.
        """
        signature = self.signature_named(name)
        by_name = self._by_name(signature, inputs)
        expected = [slot.name for slot in signature.inputs]
        if sorted(by_name) != expected:
            missing = list_names(name for name in expected if name not in by_name) or "none"
            unknown = list_names(sorted(str(name) for name in by_name if name not in expected)) or "none"
            raise InputMismatch(
                f"Signature {signature.name!r} of {self.handle!r} takes {_described(signature.inputs)}. "
                f"Missing: {missing}. Unknown: {unknown}."
            )
        tensors: dict[str, Any] = {}
        for slot in signature.inputs:
            tensors.update(self._components(signature, slot, by_name[slot.name]))
        return tensors

    def _by_name(self, signature: SignatureInfo, inputs: Any) -> dict[str, Any]:
        if isinstance(inputs, Mapping):
            return dict(inputs)
        if inputs is None:
            return {}
        if len(signature.inputs) == 1:
            return {signature.inputs[0].name: inputs}
        raise InputMismatch(
            f"Signature {signature.name!r} of {self.handle!r} takes {_described(signature.inputs)}; give "
            f"{'a dict of them' if signature.inputs else 'None'}. Received: {type(inputs).__name__}."
        )

    def _components(self, signature: SignatureInfo, slot: TensorInfo, value: Any) -> dict[str, Any]:
        tf = self.tf
        where = f"Input {slot.name!r} of signature {signature.name!r} of {self.handle!r}"
        # A composite tensor's components go in one by one, under the names that TensorFlow's loader gives them.
        if slot.kind == "sparse":
            if not isinstance(value, tf.SparseTensor):
                raise InputMismatch(f"{where} takes a tf.SparseTensor. Received: {type(value).__name__}.")
            return {
                f"{slot.name}_indices": value.indices,
                f"{slot.name}_values": value.values,
                f"{slot.name}_dense_shape": value.dense_shape,
            }
        if slot.kind != "dense":
            components = tf.nest.flatten(value, expand_composites=True)
            return {f"{slot.name}_component_{i}": component for i, component in enumerate(components)}
        dtype = tf.as_dtype(slot.dtype) if slot.dtype else None
        try:
            return {slot.name: tf.convert_to_tensor(value, dtype=dtype)}
        except (TypeError, ValueError) as error:
            wanted = dtype.name if dtype is not None else "dense"
            raise InputMismatch(f"{where} takes a {wanted} tensor: {error}") from error


def _described(inputs: tuple[TensorInfo, ...]) -> str:
    if not inputs:
        return "no inputs"
    return f"the input{'s' if len(inputs) > 1 else ''} " + list_names(slot.name for slot in inputs)
