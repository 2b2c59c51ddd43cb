"""The signatures of what `hub.convert` wrote, for a layer that trains them as it trains those of the module itself."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.legacy.conversions import is_conversion
from rehub.retrain.module import ModuleSignature, is_retrainable
from rehub.retrain.signature_function import SignatureFunction


def find_signature_function(obj: Any, name: str, described_as: str) -> SignatureFunction | None:
    """Returns a signature of a module or of a conversion that can be applied in both modes.

    Args:
        obj: a restored object, of any kind.
        name: of the signature.
        described_as: what messages call the object.

    Returns:
        The signature; None if the object has none of that name, or is of another kind.
    """
    if is_retrainable(obj):
        return ModuleSignature(obj, name) if name in obj.signatures else None
    if not is_conversion(obj):
        return None
    found = ConvertedSignature(obj, name, described_as)
    return found if found.is_there else None


class ConvertedSignature(SignatureFunction):
    """A signature of a conversion: those traces of its call that take the inputs by name and return all outputs."""

    def __init__(self, module: Any, name: str, described_as: str) -> None:
        super().__init__(module, name)
        self._described_as = described_as
        self._traces = _traces_of_signature(module, name)

    @property
    def is_there(self) -> bool:
        """Whether the conversion has the signature."""
        return (False, True) in self._traces

    @tf_internals.tracing.no_autograph
    def __call__(self, inputs: Any, training: Any = False, update_ops: bool = True) -> dict[str, Any]:
        """Returns all outputs by name; arguments as those of the module's call, the inputs in a dict."""
        outputs: dict[str, Any] = tf_internals.functions.call_with_tensors(
            self._trace(bool(training), update_ops), inputs
        )
        return outputs

    @property
    def input_specs(self) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the inputs by name."""
        inputs: dict[str, Any] = _arguments(self.module, self._traces[False, True])["inputs"]
        return inputs

    def output_specs(self, training: bool) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the outputs by name, in a mode; those for inference, where it is the only mode."""
        outputs: dict[str, Any] = self._traces.get((training, True), self._traces[False, True]).structured_outputs
        return outputs

    def concrete(self, training: bool) -> Any:
        """The concrete function of a mode.

        Raises:
            NotTrainable: in training mode, if the signature cannot be trained.
        """
        return self._trace(training, True)

    def _trace(self, training: bool, update_ops: bool) -> Any:
        if (training, True) not in self._traces:
            raise NotTrainable(
                f"Signature {self.name!r} of {self._described_as} was converted for inference only: training=False. "
                "hub.convert says why, in the left_out of its report."
            )
        # In inference, no update ops run.
        return self._traces[training, update_ops or not training]


def _traces_of_signature(module: Any, name: str) -> dict[tuple[bool, bool], Any]:
    """The traces of a conversion's call by `training` and `update_ops`."""
    found: dict[tuple[bool, bool], Any] = {}
    for trace in tf_internals.functions.concrete_functions(tf_internals.functions.callable_of(module)):
        arguments = _arguments(module, trace)
        if arguments["signature"] == name and arguments["as_dict"] and isinstance(arguments["inputs"], dict):
            found[arguments["training"], arguments["update_ops"]] = trace
    return found


def _arguments(module: Any, trace: Any) -> dict[str, Any]:
    positional, keywords = trace.structured_input_signature
    names = tf_internals.functions.argument_names(tf_internals.functions.callable_of(module))
    return {**dict(zip(names, positional)), **keywords}
