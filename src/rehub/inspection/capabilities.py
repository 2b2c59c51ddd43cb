"""What can be done with a model, and why: can it be called, fine-tuned, retrained?

They foretell what `hub.load`, `hub.KerasLayer(trainable=True)` and `hub.convert` do, from what the files tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from rehub.formatting import format_count
from rehub.inspection.callables import Function
from rehub.inspection.entry_points import CALL, SERVE, EntryPoint, public_functions
from rehub.inspection.graph_nodes import GraphNodes
from rehub.inspection.model_info import Capability, GraphInfo, MissingPackage, SignatureInfo, VariableInfo
from rehub.savedmodel.ops.gradient_barriers import stops_gradients

TRAIN = frozenset(["train"])
_SHOWN = 5


@dataclass(frozen=True)
class Variant:
    """A graph variant of a model of TF1, with what its nodes are."""

    info: GraphInfo
    nodes: GraphNodes


def can_be_called(
    entry: EntryPoint | None, functions: Sequence[Function], is_object: bool, missing: Sequence[MissingPackage]
) -> Capability:
    """Tells how the object that `hub.load` returns is called."""
    for package in missing:
        if not package.package:
            return Capability(False, f"TensorFlow lacks {_listed(package.ops)}. {package.note}".strip())
    capability = _how_it_is_called(entry, functions, is_object)
    if capability and missing:
        packages = ", ".join(package.package for package in missing)
        return Capability(True, f"{capability.reason} It needs {packages}.")
    return capability


def _how_it_is_called(entry: EntryPoint | None, functions: Sequence[Function], is_object: bool) -> Capability:
    if entry is None:
        what = "neither a function nor a signature" if is_object else "no signature"
        return Capability(False, f"It has {what}.")
    if entry.function is not None:
        path = entry.function.info.path
        if path == CALL:
            return Capability(True, f"As {_header('model', entry.function)}.")
        if path == SERVE:
            return Capability(True, "By its endpoint, model.serve(...): the object itself is not callable.")
        return Capability(True, f"By its functions: {_listed(list(public_functions(functions)))}.")
    assert entry.signature is not None
    if is_object:
        return Capability(True, "By its signatures, with keywords: the object itself is not callable.")
    if entry.is_only_way:
        return Capability(True, f"As model(inputs), by its signature {entry.signature.name!r}.")
    return Capability(True, "As model(inputs, signature=...): it has no signature that is called by default.")


def _header(name: str, function: Function) -> str:
    """A function with its arguments, as Python writes them: `model(inputs, training=False)`."""
    arguments = [
        f"{argument}={function.defaults[argument]!r}" if argument in function.defaults else argument
        for argument in function.info.arguments
    ]
    return f"{name}({', '.join(arguments)})"


def can_be_fine_tuned(
    entry: EntryPoint | None, trainable: Sequence[VariableInfo], losses: int, is_object: bool
) -> Capability:
    """Tells whether `hub.KerasLayer(handle, trainable=True)` trains what the object offers by itself.

    Args:
        entry: how the object is called.
        trainable: the variables that are trained: those that the object lists, else those that its functions use.
        losses: how many regularization losses it has.
        is_object: whether it is a TF2 object.
    """
    if not is_object:
        return Capability(False, "Its graph is one of TF1, for inference alone: see whether it can be retrained.")
    if entry is None or not entry.is_layer_by_default:
        return Capability(
            False, "It is not callable: of several signatures or outputs, signature= and output_key= choose."
        )
    if not trainable:
        return Capability(False, "It has no trainable variables.")
    reason = _trainable(trainable)
    if losses:
        reason += f", with {format_count(losses, 'regularization loss', 'regularization losses')}"
    if entry.function is None:
        reason += "; its signature has no training mode, so dropout and batch normalization stay as traced"
    elif "training" not in entry.function.info.arguments:
        what = "its endpoint" if entry.function.info.path == SERVE else "its call"
        reason += f"; {what} has no argument `training`, so dropout and batch normalization stay as traced"
    return Capability(True, f"{reason}.")


def can_be_retrained(variants: Sequence[Variant], is_legacy: bool, is_object: bool) -> Capability:
    """Tells whether rehub makes a model of TF1 trainable: a legacy module when it is loaded, else by `hub.convert`."""
    if is_object:
        return Capability(False, "That is for models of TF1, and this is a TF2 object.")
    inference = _variant(variants, frozenset()) if is_legacy else None
    training = _variant(variants, TRAIN) if is_legacy and inference else None
    inference = inference or variants[0]
    training = training or inference
    if not any(variable.trainable for variable in training.info.variables):
        return Capability(False, "Its graph lists no trainable variables.")
    obstacle = _tables_of_checkpoint(inference.nodes) or _tables_of_checkpoint(training.nodes)
    if obstacle:
        return Capability(False, obstacle)
    reasons = {signature.name: _why_untrainable(signature, training) for signature in inference.info.signatures}
    fitting = [name for name, reason in reasons.items() if not reason]
    if not fitting:
        return Capability(False, next(iter(reasons.values()), "It has no signature."))
    way = "As model(inputs, training=True)" if is_legacy else "After hub.convert, as model(inputs, training=True)"
    if len(fitting) < len(reasons):
        way += f", by the signatures {_listed(fitting)}"
    trainable = [variable for variable in training.info.variables if variable.trainable]
    return Capability(True, f"{way}: {_trainable(trainable)}.")


def _variant(variants: Sequence[Variant], tags: frozenset[str]) -> Variant | None:
    return next((variant for variant in variants if variant.info.tags == tags), None)


def _why_untrainable(signature: SignatureInfo, training: Variant) -> str:
    """Says why a signature cannot be trained; empty if it can, as far as its graph tells."""
    same = next((each for each in training.info.signatures if each.name == signature.name), None)
    if same is None:
        return f"The graph variant for training has no signature {signature.name!r}."
    if not any(map(stops_gradients, training.nodes.ops)):
        return ""
    needed = training.nodes.needed_by(tensor.tensor for tensor in same.outputs)
    barriers = sorted({node.op for node in needed if stops_gradients(node.op)})
    if not barriers:
        return ""
    return f"No gradient gets through the ops {_listed(barriers)}, on which its signature {signature.name!r} depends."


def _tables_of_checkpoint(nodes: GraphNodes) -> str:
    imports = nodes.of_ops(["LookupTableImport", "LookupTableImportV2"])
    if imports and any(node.op in ("Restore", "RestoreV2") for node in nodes.needed_by(imports)):
        return f"Its table is filled from the checkpoint, by {next(iter(imports))!r}: such tables are not traced again."
    return ""


def _trainable(variables: Sequence[VariableInfo]) -> str:
    parameters = sum(variable.parameters for variable in variables)
    return f"{format_count(len(variables), 'trainable variable')} with {parameters:,} parameters"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
