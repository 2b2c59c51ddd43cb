"""Which function or signature a call of the object that `hub.load` returns runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from rehub.inspection.callables import Function, FunctionTrace, named_arguments
from rehub.inspection.model_info import SignatureInfo
from rehub.savedmodel.signatures import find_default_signature
from rehub.savedmodel.structures import Spec, flatten

CALL, SERVE = "__call__", "serve"


@dataclass(frozen=True)
class EntryPoint:
    """A function of a TF2 object, or a signature, that a call runs.

    Attributes:
        function: the function; None for a signature.
        signature: the signature; None for a function.
        is_default: whether a call runs the signature without naming it.
    """

    function: Function | None = None
    signature: SignatureInfo | None = None
    is_default: bool = True

    @property
    def is_layer_by_default(self) -> bool:
        """Whether `hub.KerasLayer` of a TF2 object calls it without `signature=`."""
        if self.function is not None:
            return self.function.info.path in (CALL, SERVE)
        return self.signature is not None and self.is_default and len(self.signature.outputs) == 1


def find_entry_of_object(functions: Sequence[Function], signatures: Sequence[SignatureInfo]) -> EntryPoint | None:
    """Return what a TF2 object is called by: `__call__`, a Keras endpoint, a signature or a function."""
    public = public_functions(functions)
    for name in (CALL, SERVE):
        if name in public and public[name].traces:
            return EntryPoint(function=public[name])
    if signatures:
        chosen = find_default_signature(signatures, is_legacy=False) or signatures[0]
        return EntryPoint(signature=chosen, is_default=len(signatures) == 1)
    traced = [function for function in public.values() if function.traces]
    return EntryPoint(function=traced[0]) if traced else None


def find_entry_of_graph(signatures: Sequence[SignatureInfo], is_legacy: bool) -> EntryPoint | None:
    """Return the signature that a TF1 model is called by: the default or only one, or any."""
    if not signatures:
        return None
    default = find_default_signature(signatures, is_legacy=is_legacy)
    return EntryPoint(signature=default or signatures[0], is_default=default is not None)


def public_functions(functions: Sequence[Function]) -> dict[str, Function]:
    """Return the public functions of the root object, by name."""
    return {function.info.path: function for function in functions if is_public(function.info.path)}


def shortest_trace(function: Function) -> FunctionTrace:
    """Return the trace with the fewest arguments that are not defaults, and if possible one for inference."""
    arguments = function.info.arguments

    def count_arguments(trace: FunctionTrace) -> tuple[int, bool]:
        given = {
            name: value
            for name, value in named_arguments(arguments, trace).items()
            if not (name in function.defaults and function.defaults[name] == value) and not has_tensors(value)
        }
        return len(given), given.get("training") is True

    return min(function.traces, key=count_arguments)


def has_tensors(value: object) -> bool:
    """Return whether an argument contains tensors."""
    return any(isinstance(leaf, Spec) for _, leaf in flatten(value, ""))  # type: ignore[arg-type]


def is_public(path: str) -> bool:
    """Return whether a function is an attribute of the root object for users."""
    return path == CALL or (path.isidentifier() and not path.startswith("_"))
