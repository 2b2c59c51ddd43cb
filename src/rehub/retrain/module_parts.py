"""What is behind a legacy module of TF2: its functions, and how it is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Iterator

from rehub import tf_internals
from rehub.errors import SignatureNotFound
from rehub.restore import SignatureCall, describe_missing_signature, forbid_copies, raise_not_copyable
from rehub.retrain.signature_functions import SignatureFunctions

_ATTRIBUTE = "_rehub_parts"


class ModuleParts:
    """The functions of a module, and how it is called.

    They are kept in one attribute of the module, which TensorFlow does not look into.
    """

    def __init__(self, functions: SignatureFunctions, call: SignatureCall) -> None:
        self.functions = functions
        self.call = call
        self.signatures = Signatures(functions, call)

    @classmethod
    def of_module(cls, module: Any) -> ModuleParts:
        """Return the parts of a module."""
        parts: ModuleParts = getattr(module, _ATTRIBUTE)
        return parts

    def attach_to(self, module: Any) -> None:
        """Make these the parts of a module."""
        setattr(module, _ATTRIBUTE, self)

    @tf_internals.tracing.no_autograph
    def apply_signature(self, name: str, inputs: Any, training: Any, update_ops: bool) -> dict[str, Any]:
        """Compute a signature. Return its outputs by name.

        Args:
            inputs: as the module's call takes them.
            training: a bool, or a scalar bool tensor.
            update_ops: whether, in training, UPDATE_OPS run too.
        """
        tensors = self.call.split_inputs(name, inputs)
        mode = tf_internals.tracing.static_bool(training)
        if mode is not None:
            return self.functions.apply_signature(name, tensors, mode, update_ops)
        outputs: dict[str, Any] = tf_internals.import_tensorflow().cond(
            training,
            lambda: self.functions.apply_signature(name, tensors, True, update_ops),
            lambda: self.functions.apply_signature(name, tensors, False, False),
        )
        return outputs


def is_retrainable(obj: Any) -> bool:
    """Whether an object is a legacy module that can be trained."""
    return hasattr(obj, _ATTRIBUTE)


class Signatures(Mapping):  # type: ignore[type-arg]
    """The signatures of a module: concrete functions for inference, each made when it is first used."""

    __reduce_ex__ = raise_not_copyable

    def __init__(self, functions: SignatureFunctions, call: SignatureCall) -> None:
        self._functions = functions
        self._label = call.label
        self._names = [signature.name for signature in call.signatures]
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise SignatureNotFound(describe_missing_signature(repr(self._label), name, self._names))
        if name not in self._made:
            self._made[name] = self._functions.make_loader_signature(name)
            forbid_copies(self._made[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Signatures({', '.join(self._names)})"
