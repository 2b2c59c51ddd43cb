"""By which of its functions or signatures the object that `hub.load` returns is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from rehub.inspection.callables import Function, Trace, named_arguments
from rehub.inspection.model_info import SignatureInfo
from rehub.savedmodel.structures import Spec, leaves

CALL, SERVE = "__call__", "serve"


@dataclass(frozen=True)
class EntryPoint:
    """What is called; either a function of a TF2 object, or a signature.

    Attributes:
        function: of the object; None where it is a signature.
        signature: of the model; None where it is a function.
        is_only_way: whether a signature is called unless another one is asked for.
    """

    function: Function | None = None
    signature: SignatureInfo | None = None
    is_only_way: bool = True

    @property
    def is_layer_by_default(self) -> bool:
        """Whether `hub.KerasLayer` of a TF2 object calls it where no signature is asked for."""
        if self.function is not None:
            return self.function.info.path in (CALL, SERVE)
        return self.signature is not None and self.is_only_way and len(self.signature.outputs) == 1


def of_object(functions: Sequence[Function], signatures: Sequence[SignatureInfo]) -> EntryPoint | None:
    """Returns how a TF2 object is called: by itself, by an endpoint of Keras, a function or a signature."""
    public = public_functions(functions)
    for name in (CALL, SERVE):
        if name in public and public[name].traces:
            return EntryPoint(function=public[name])
    if signatures:
        return EntryPoint(signature=_usual(signatures, "serving_default"), is_only_way=len(signatures) == 1)
    traced = [function for function in public.values() if function.traces]
    return EntryPoint(function=traced[0]) if traced else None


def of_graph(signatures: Sequence[SignatureInfo], is_legacy: bool) -> EntryPoint | None:
    """Returns how a model of TF1 is called: by its usual signature, the only one, or any."""
    if not signatures:
        return None
    usual = "default" if is_legacy else "serving_default"
    chosen = _usual(signatures, usual)
    return EntryPoint(signature=chosen, is_only_way=len(signatures) == 1 or chosen.name == usual)


def public_functions(functions: Sequence[Function]) -> dict[str, Function]:
    """Returns the functions that are attributes of the root, and meant for users, by name."""
    by_path = {function.info.path: function for function in functions}
    return {path: function for path, function in by_path.items() if path == CALL or _is_public(path)}


def best_trace(function: Function) -> Trace:
    """Returns the trace that a call needs the fewest words for: for inference, with defaults elsewhere."""
    arguments = function.info.arguments

    def words(trace: Trace) -> tuple[int, bool]:
        given = {
            name: value
            for name, value in named_arguments(arguments, trace).items()
            if not (name in function.defaults and function.defaults[name] == value) and not has_tensors(value)
        }
        return len(given), given.get("training") is True

    return min(function.traces, key=words)


def has_tensors(value: object) -> bool:
    """Whether there are tensors in an argument."""
    return any(isinstance(leaf, Spec) for _, leaf in leaves(value, ""))  # type: ignore[arg-type]


def _is_public(path: str) -> bool:
    return path.isidentifier() and not path.startswith("_")


def _usual(signatures: Sequence[SignatureInfo], name: str) -> SignatureInfo:
    return next((signature for signature in signatures if signature.name == name), signatures[0])
