"""Call a restored legacy module or TF1 SavedModel: `model(inputs, signature=..., as_dict=...)`.

TensorFlow restores a model in TF1 format as a map of signatures, each called with tensors by keyword. The call added
here is that of `hub.Module`, for inference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehub import tf_internals
from rehub.errors import InputMismatch, NotTrainable, SignatureNotFound
from rehub.formatting import list_names
from rehub.restore.signatures import get_signature

if TYPE_CHECKING:
    from rehub.savedmodel.metagraphs import MetaGraph
    from rehub.savedmodel.signatures import SignatureInfo, TensorInfo

_CALL = "_rehub_call"
_WHY_NOT_TRAINABLE = "_rehub_why_not_trainable"


def add_v1_call(root: Any, metagraph: MetaGraph, label: str, is_legacy: bool, not_trainable: str = "") -> None:
    """Make the root that TensorFlow restored for a model in TF1 format callable.

    The object and its attributes stay the same. Its class becomes a subclass with a `__call__`, as Python looks that up
    in the class alone.

    Args:
        not_trainable: why a call with `training=True` is an error.
    """
    default = "default" if is_legacy else "serving_default"
    signatures = tuple(_correct_dtypes(signature, root) for signature in metagraph.signatures)
    setattr(root, _CALL, SignatureCall(signatures, default, label))
    setattr(
        root, _WHY_NOT_TRAINABLE, not_trainable or f"{label!r} is a TF1 SavedModel, which is restored for inference."
    )
    tf_internals.classes.add_methods(root, _V1Call)


def _correct_dtypes(signature: SignatureInfo, root: Any) -> SignatureInfo:
    """Return a signature with the dtypes of the tensors that it feeds, which those in it can contradict."""
    graph = getattr(root, "graph", None)
    if graph is None:
        return signature
    inputs = tuple(_correct_dtype(slot, graph) if slot.kind == "dense" else slot for slot in signature.inputs)
    return dataclasses.replace(signature, inputs=inputs)


def _correct_dtype(slot: TensorInfo, graph: Any) -> TensorInfo:
    try:
        return dataclasses.replace(slot, dtype=graph.get_tensor_by_name(slot.tensor).dtype.base_dtype.name)
    except (KeyError, ValueError):  # The graph has no such tensor. A call of the signature says so.
        return slot


def is_v1_model(obj: Any) -> bool:
    """Whether an object is a restored legacy module or TF1 SavedModel, to which `add_v1_call` added a call."""
    return hasattr(obj, _CALL)


class _V1Call:
    """Methods of a legacy module or a TF1 SavedModel that is restored for inference."""

    def __call__(
        self, inputs: Any = None, training: Any = False, signature: str | None = None, as_dict: bool = False
    ) -> Any:
        """Apply a signature to inputs.

        Args:
            inputs: a tensor, or what becomes one, for a signature with one input; a dict by input name for several;
                None for none.
            training: False.
            signature: its name. Unset, it is "default" for a legacy module and "serving_default" for a TF1 SavedModel,
                or the only one there is.
            as_dict: whether to return all outputs by name.

        Returns:
            The output named "default", or the only output; with `as_dict=True`, a dict of all outputs.

        Raises:
            SignatureNotFound: there is no such signature; lists those there are.
            InputMismatch: the signature has other inputs, or no single output; lists them.
            NotTrainable: with `training`; says why.
        """
        call: SignatureCall = getattr(self, _CALL)
        call.check_training(training)
        if tf_internals.tracing.static_bool(training) is not False:
            raise NotTrainable(f"training={training!r}: {getattr(self, _WHY_NOT_TRAINABLE)}")
        name = call.find_signature(signature).name
        function = get_signature(self, name, repr(call.label))
        return call.select_outputs(name, function(**call.split_inputs(name, inputs)), as_dict)


@tf_internals.tracing.no_autograph
@dataclass(frozen=True)
class SignatureCall:
    """How a model in TF1 format is called: by which signature, with which tensors, for which of its outputs.

    Attributes:
        default: the name of the one to call by default.
    """

    signatures: tuple[SignatureInfo, ...]
    default: str
    label: str

    def check_training(self, training: Any) -> None:
        """Refuse a string as the mode: it is a signature's name, which `hub.Module` takes in this position.

        Raises:
            InputMismatch: it is a string; shows how to choose a signature.
        """
        if isinstance(training, (str, bytes)):
            raise InputMismatch(
                f"The second argument of {self.label!r} is training=, True or False. Received: {training!r}. "
                f"To call a signature, name the argument: signature={training!r}."
            )

    def find_signature(self, name: str | None) -> SignatureInfo:
        """Return the signature of a name; for None the default, or the only one.

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
            raise SignatureNotFound(f"{self.label!r} has no signature {name!r}; it has: {names}.")
        raise SignatureNotFound(
            f"{self.label!r} has no signature {wanted!r} to be called by; it has: {names}. "
            "Choose one: model(inputs, signature=...)."
        )

    def select_outputs(self, name: str, outputs: dict[str, Any], as_dict: bool) -> Any:
        """Return all outputs of a signature, or the default one."""
        return outputs if as_dict else outputs[self._default_output(self.find_signature(name))]

    def _default_output(self, signature: SignatureInfo) -> str:
        names = [output.name for output in signature.outputs]
        if "default" in names:
            return "default"
        if len(names) == 1:
            return names[0]
        raise InputMismatch(
            f"Signature {signature.name!r} of {self.label!r} has no output named 'default'; it has: "
            f"{list_names(names)}. Call it with as_dict=True and choose one."
        )

    def split_inputs(self, name: str, inputs: Any) -> dict[str, Any]:
        """Return the tensors that a signature's function takes, by argument name. Composite tensors are split.

        Raises:
            InputMismatch: the inputs do not fit; says what is missing, unknown or of another kind.
        """
        signature = self.find_signature(name)
        by_name = self._name_inputs(signature, inputs)
        expected = [slot.name for slot in signature.inputs]
        if sorted(by_name) != expected:
            missing = list_names(name for name in expected if name not in by_name) or "none"
            unknown = list_names(sorted(str(name) for name in by_name if name not in expected)) or "none"
            raise InputMismatch(
                f"Signature {signature.name!r} of {self.label!r} takes {_describe_inputs(signature.inputs)}. "
                f"Missing: {missing}. Unknown: {unknown}."
            )
        tensors: dict[str, Any] = {}
        for slot in signature.inputs:
            tensors.update(self._split_input(signature, slot, by_name[slot.name]))
        return tensors

    def _name_inputs(self, signature: SignatureInfo, inputs: Any) -> dict[str, Any]:
        if isinstance(inputs, Mapping):
            return dict(inputs)
        if inputs is None:
            return {}
        if len(signature.inputs) == 1:
            return {signature.inputs[0].name: inputs}
        raise InputMismatch(
            f"Signature {signature.name!r} of {self.label!r} takes {_describe_inputs(signature.inputs)}; give "
            f"{'a dict of them' if signature.inputs else 'None'}. Received: {type(inputs).__name__}."
        )

    def _split_input(self, signature: SignatureInfo, slot: TensorInfo, value: Any) -> dict[str, Any]:
        tf = tf_internals.import_tensorflow()
        where = f"Input {slot.name!r} of signature {signature.name!r} of {self.label!r}"
        # Each component is an argument of its own, with the name that TensorFlow's loader gives it.
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
        dtype = tf.as_dtype(slot.dtype).base_dtype if slot.dtype else None
        try:
            return {slot.name: tf.convert_to_tensor(value, dtype=dtype)}
        except (TypeError, ValueError) as error:
            wanted = dtype.name if dtype is not None else "dense"
            raise InputMismatch(f"{where} takes a {wanted} tensor: {error}") from error


def _describe_inputs(inputs: tuple[TensorInfo, ...]) -> str:
    if not inputs:
        return "no inputs"
    return f"the input{'s' if len(inputs) > 1 else ''} " + list_names(slot.name for slot in inputs)
