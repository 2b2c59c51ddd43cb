"""Whether a model can be called, fine-tuned or retrained, and why.

The answers come from its files alone. They agree with `hub.load`, `hub.KerasLayer(trainable=True)` and `hub.convert`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from rehub.formatting import format_count, list_names
from rehub.inspection.callables import Function
from rehub.inspection.entry_points import CALL, SERVE, EntryPoint, public_functions
from rehub.inspection.graph_nodes import GraphNodes
from rehub.inspection.model_info import Capability, GraphInfo, MissingPackage, SignatureInfo, VariableInfo
from rehub.savedmodel.ops.gradient_barriers import stops_gradients

TRAIN = frozenset(["train"])
_MAX_NAMES = 5


@dataclass(frozen=True)
class GraphVariant:
    """A graph variant of a TF1 model, with its nodes."""

    info: GraphInfo
    nodes: GraphNodes


def judge_callable(
    entry: EntryPoint | None, functions: Sequence[Function], is_object: bool, missing: Sequence[MissingPackage]
) -> Capability:
    """Return whether and how the object that `hub.load` returns is called."""
    for package in missing:
        if not package.package:
            return Capability(False, f"TensorFlow lacks {list_names(package.ops, _MAX_NAMES)}. {package.note}".strip())
    capability = _judge_entry(entry, functions, is_object)
    if capability and missing:
        packages = ", ".join(package.package for package in missing)
        return Capability(True, f"{capability.reason} It needs {packages}.")
    return capability


def _judge_entry(entry: EntryPoint | None, functions: Sequence[Function], is_object: bool) -> Capability:
    if entry is None:
        return Capability(False, f"It has no {'function and no signature' if is_object else 'signature'}.")
    if entry.function is not None:
        path = entry.function.info.path
        if path == CALL:
            return Capability(True, f"As {_format_call(entry.function)}.")
        if path == SERVE:
            return Capability(True, "By its endpoint, model.serve(...): the object itself is not callable.")
        return Capability(True, f"By its functions: {list_names(public_functions(functions), _MAX_NAMES)}.")
    assert entry.signature is not None
    if is_object:
        return Capability(True, "By its signatures, with keyword arguments: the object itself is not callable.")
    if entry.is_default:
        return Capability(True, f"As model(inputs), by its signature {entry.signature.name!r}.")
    return Capability(True, "As model(inputs, signature=...): it has no default signature.")


def _format_call(function: Function) -> str:
    """Return a call with the names and defaults of the arguments: `model(inputs, training=False)`."""
    arguments = [
        f"{argument}={function.defaults[argument]!r}" if argument in function.defaults else argument
        for argument in function.info.arguments
    ]
    return f"model({', '.join(arguments)})"


def judge_fine_tunable(
    entry: EntryPoint | None, trainable: Sequence[VariableInfo], losses: int, is_object: bool
) -> Capability:
    """Return whether `hub.KerasLayer(handle, trainable=True)` has variables to train.

    Args:
        entry: how the object is called.
        trainable: the variables that the layer trains.
        losses: the number of its regularization losses.
        is_object: whether it is a TF2 object.
    """
    if not is_object:
        return Capability(False, "It is a TF1 graph for inference. It may be retrained instead.")
    if entry is None or not entry.is_layer_by_default:
        return Capability(
            False, "It is not callable. Choose one of its signatures and outputs with signature= and output_key=."
        )
    if not trainable:
        return Capability(False, "It has no trainable variables.")
    reason = _count_trainable(trainable)
    if losses:
        reason += f", with {format_count(losses, 'regularization loss', 'regularization losses')}"
    if entry.function is None:
        reason += "; its signature has no training mode, so dropout and batch normalization stay as traced"
    elif "training" not in entry.function.info.arguments:
        what = "its endpoint" if entry.function.info.path == SERVE else "its call"
        reason += f"; {what} has no argument `training`, so dropout and batch normalization stay as traced"
    return Capability(True, f"{reason}.")


def judge_retrainable(variants: Sequence[GraphVariant], is_legacy: bool, is_object: bool) -> Capability:
    """Return whether rehub can train a TF1 model: a legacy module after `hub.load`, another one after `hub.convert`."""
    if is_object:
        return Capability(False, "Only TF1 models are retrained; this is a TF2 SavedModel.")
    inference = _find_variant(variants, frozenset()) if is_legacy else None
    training = _find_variant(variants, TRAIN) if is_legacy and inference else None
    inference = inference or variants[0]
    training = training or inference
    if not any(variable.trainable for variable in training.info.variables):
        return Capability(False, "Its graph lists no trainable variables.")
    problem = _find_checkpoint_table(inference.nodes) or _find_checkpoint_table(training.nodes)
    if problem:
        return Capability(False, problem)
    reasons = {signature.name: _why_untrainable(signature, training) for signature in inference.info.signatures}
    retrainable = [name for name, reason in reasons.items() if not reason]
    if not retrainable:
        return Capability(False, next(iter(reasons.values()), "It has no signature."))
    how = "As model(inputs, training=True)" if is_legacy else "After hub.convert, as model(inputs, training=True)"
    if len(retrainable) < len(reasons):
        how += f", by the signatures {list_names(retrainable, _MAX_NAMES)}"
    trainable = [variable for variable in training.info.variables if variable.trainable]
    return Capability(True, f"{how}: {_count_trainable(trainable)}.")


def _find_variant(variants: Sequence[GraphVariant], tags: frozenset[str]) -> GraphVariant | None:
    return next((variant for variant in variants if variant.info.tags == tags), None)


def _why_untrainable(signature: SignatureInfo, training: GraphVariant) -> str:
    """Return why a signature cannot be trained; "" if its graph shows no reason."""
    same = next((each for each in training.info.signatures if each.name == signature.name), None)
    if same is None:
        return f"The graph variant for training has no signature {signature.name!r}."
    if not any(map(stops_gradients, training.nodes.ops)):
        return ""
    needed = training.nodes.needed_by(tensor.tensor for tensor in same.outputs)
    barriers = sorted({node.op for node in needed if stops_gradients(node.op)})
    if not barriers:
        return ""
    return f"Its signature {signature.name!r} depends on ops without gradients: {list_names(barriers, _MAX_NAMES)}."


def _find_checkpoint_table(nodes: GraphNodes) -> str:
    """Return why a legacy module, which has no saver of its own, cannot be traced; "" if nothing shows."""
    imports = nodes.with_ops(["LookupTableImport", "LookupTableImportV2"])
    if imports and any(node.op in ("Restore", "RestoreV2") for node in nodes.needed_by(imports)):
        return f"Its table is filled from the checkpoint, by {next(iter(imports))!r}, which is not supported."
    return ""


def _count_trainable(variables: Sequence[VariableInfo]) -> str:
    parameters = sum(variable.parameters for variable in variables)
    return f"{format_count(len(variables), 'trainable variable')} with {parameters:,} parameters"
