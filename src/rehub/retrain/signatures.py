"""The signatures of a module, or of its conversion, each as a function of its inputs that a layer can train."""

from __future__ import annotations

from typing import Any

from rehub import tf_internals
from rehub.errors import NotTrainable
from rehub.legacy.conversions import is_conversion
from rehub.retrain.module_parts import ModuleParts, is_retrainable


class TrainableSignature:
    """A signature that can be applied in training and in inference mode."""

    def __init__(self, module: Any, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, inputs: Any, training: Any = False, update_ops: bool = True) -> dict[str, Any]:
        """Return all outputs by name. The arguments are those of the module's call, the inputs in a dict."""
        raise NotImplementedError

    @property
    def input_specs(self) -> dict[str, Any]:
        """The `tf.TypeSpec`s of the inputs by name."""
        raise NotImplementedError

    def output_specs(self, training: bool) -> dict[str, Any]:
        """Return the `tf.TypeSpec`s of the outputs by name in a mode; those for inference if it has no other."""
        raise NotImplementedError

    def concrete_function(self, training: bool) -> Any:
        """Return the concrete function of a mode.

        Raises:
            NotTrainable: in training mode, if the signature cannot be trained.
        """
        raise NotImplementedError


def find_trainable_signature(obj: Any, name: str, label: str) -> TrainableSignature | None:
    """Return a signature of a module or of a conversion that can be applied in both modes.

    Args:
        obj: a restored object, of any kind.

    Returns:
        The signature; None if the object has none of that name, or is of another kind.
    """
    if is_retrainable(obj):
        return ModuleSignature(obj, name) if name in obj.signatures else None
    traces = _find_traces(obj, name) if is_conversion(obj) else {}
    return ConvertedSignature(obj, name, label, traces) if (False, True) in traces else None


class ModuleSignature(TrainableSignature):
    """A signature of a module that `hub.load` restored."""

    @tf_internals.tracing.no_autograph
    def __call__(self, inputs: Any, training: Any = False, update_ops: bool = True) -> dict[str, Any]:
        """As `TrainableSignature.__call__`."""
        return ModuleParts.of_module(self.module).apply_signature(self.name, inputs, training, update_ops)

    @property
    def input_specs(self) -> dict[str, Any]:
        """As `TrainableSignature.input_specs`."""
        return ModuleParts.of_module(self.module).functions.inference.input_specs(self.name)

    def output_specs(self, training: bool) -> dict[str, Any]:
        """As `TrainableSignature.output_specs`."""
        return ModuleParts.of_module(self.module).functions.output_specs(self.name, training)

    def concrete_function(self, training: bool) -> Any:
        """As `TrainableSignature.concrete_function`."""
        return ModuleParts.of_module(self.module).functions.get_concrete_function(self.name, training)


class ConvertedSignature(TrainableSignature):
    """A signature of a conversion: those traces of its call that take the inputs by name and return all outputs."""

    def __init__(self, module: Any, name: str, label: str, traces: dict[tuple[bool, bool], Any]) -> None:
        super().__init__(module, name)
        self._label = label
        self._traces = traces

    @tf_internals.tracing.no_autograph
    def __call__(self, inputs: Any, training: Any = False, update_ops: bool = True) -> dict[str, Any]:
        """As `TrainableSignature.__call__`."""
        trace = self._get_trace(bool(training), update_ops)
        outputs: dict[str, Any] = tf_internals.functions.call_with_tensors(trace, inputs)
        return outputs

    @property
    def input_specs(self) -> dict[str, Any]:
        """As `TrainableSignature.input_specs`."""
        inputs: dict[str, Any] = _read_arguments(self.module, self._traces[False, True])["inputs"]
        return inputs

    def output_specs(self, training: bool) -> dict[str, Any]:
        """As `TrainableSignature.output_specs`."""
        outputs: dict[str, Any] = self._traces.get((training, True), self._traces[False, True]).structured_outputs
        return outputs

    def concrete_function(self, training: bool) -> Any:
        """As `TrainableSignature.concrete_function`."""
        return self._get_trace(training, True)

    def _get_trace(self, training: bool, update_ops: bool) -> Any:
        if (training, True) not in self._traces:
            raise NotTrainable(
                f"Signature {self.name!r} of {self._label} was converted for inference only: training=False. "
                "hub.convert says why, in the left_out of its report."
            )
        # In inference, no update ops run.
        return self._traces[training, update_ops or not training]


def _find_traces(module: Any, signature: str) -> dict[tuple[bool, bool], Any]:
    """Return the traces of a conversion's call of a signature by `training` and `update_ops`."""
    found: dict[tuple[bool, bool], Any] = {}
    for trace in tf_internals.functions.concrete_functions(tf_internals.functions.callable_of(module)):
        arguments = _read_arguments(module, trace)
        if arguments["signature"] == signature and arguments["as_dict"] and isinstance(arguments["inputs"], dict):
            found[arguments["training"], arguments["update_ops"]] = trace
    return found


def _read_arguments(module: Any, trace: Any) -> dict[str, Any]:
    positional, keywords = trace.structured_input_signature
    names = tf_internals.functions.argument_names(tf_internals.functions.callable_of(module))
    return {**dict(zip(names, positional)), **keywords}
