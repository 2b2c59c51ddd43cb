"""The parts of a `ModelInfo` in words, for the command line and for notebooks."""

from __future__ import annotations

from typing import Iterable

from rehub.formatting import format_count, format_size, format_tensor
from rehub.inspection.entry_points import CALL, is_public
from rehub.inspection.model_info import (
    CallableInfo,
    Capability,
    GraphInfo,
    ModelInfo,
    SignatureInfo,
    TensorInfo,
    TraceInfo,
)

IMPORTS = "import rehub as hub, tensorflow as tf"

_MAX_ITEMS = 4


def list_facts(info: ModelInfo) -> list[tuple[str, str]]:
    """Return the most important facts, each with its name."""
    rows = [("format", _describe_format(info))]
    if len(info.graphs) > 1:
        rows.append(("variants", "; ".join(format_tags(graph.tags) for graph in info.graphs)))
    rows.append(("variables", _describe_variables(info)))
    rows.append(("graph", _join_variants(_describe_graph(graph) for graph in info.graphs)))
    training = [_describe_training(graph) for graph in info.graphs]
    if any(training):
        rows.append(("training", _join_variants(text or "nothing" for text in training)))
    if info.assets:
        sizes = {each.path: "missing" if each.bytes is None else format_size(each.bytes) for each in info.assets}
        rows.append(("assets", _join_items(f"{path} ({size})" for path, size in sizes.items())))
    if info.attachments:
        attached = dict.fromkeys(f"{each.key}{each.text and f' ({each.text})'}" for each in info.attachments)
        rows.append(("attached", _join_items(attached)))
    rows.append(("loads on", str(info.minimum_tensorflow)))
    rows.extend(
        ("needs", f"{package.package or 'unknown package'}, for {_join_items(package.ops)}")
        for package in info.missing_packages
    )
    return rows


def list_capabilities(info: ModelInfo) -> list[tuple[str, Capability]]:
    """Return the possible uses of a model, each with its name."""
    return [
        ("can be called", info.can_be_called),
        ("can be fine-tuned", info.can_be_fine_tuned),
        ("can be retrained", info.can_be_retrained),
    ]


def list_signatures(info: ModelInfo) -> list[tuple[str, SignatureInfo]]:
    """Return each different signature once, with the tags of its graph variants if not all of them have it."""
    found: dict[SignatureInfo, list[GraphInfo]] = {}
    for graph in info.graphs:
        for signature in graph.signatures:
            found.setdefault(signature, []).append(graph)
    return [
        (
            "" if len(graphs) == len(info.graphs) else f"in {', '.join(format_tags(graph.tags) for graph in graphs)}",
            each,
        )
        for each, graphs in found.items()
    ]


def list_functions(info: ModelInfo) -> list[CallableInfo]:
    """Return the public functions of the root object."""
    return [each for each in info.callables if is_public(each.path)]


def format_call(function: CallableInfo) -> str:
    """Return a function with its arguments: `model.encode(text)`."""
    name = "model" if function.path == CALL else f"model.{function.path}"
    return f"{name}({', '.join(function.arguments)})"


def format_trace(trace: TraceInfo) -> str:
    """Return the arguments and results of a trace in one line."""
    return f"({_join_items(list_arguments(trace), 8)}) -> {_join_items(map(format_input, trace.outputs))}"


def list_arguments(trace: TraceInfo) -> list[str]:
    """Return the arguments of a trace: `x: float32[?]`, `training=False`."""
    return [*map(format_input, trace.inputs), *(f"{name}={value}" for name, value in trace.literals)]


def format_input(tensor: TensorInfo) -> str:
    """Return an input or output as `name: float32[?, 224, 224, 3]`."""
    return format_tensor(tensor.dtype, tensor.shape, tensor.kind, tensor.name)


def format_type(tensor: TensorInfo) -> str:
    """Return the kind, dtype and shape of a tensor: `sparse float32[?, 3]`."""
    return format_tensor(tensor.dtype, tensor.shape, tensor.kind)


def format_tags(tags: frozenset[str]) -> str:
    """Return a set of tags as Python code for `hub.load`."""
    return str(sorted(tags))


def _describe_format(info: ModelInfo) -> str:
    by = f" of {info.saved_by}" if info.saved_by else ""
    version = info.tensorflow_version
    return f"{info.format}{by}, written by TensorFlow {version}" if version else f"{info.format}{by}"


def _describe_variables(info: ModelInfo) -> str:
    variables = info.variables
    if not variables:
        return "none"
    trainable = sum(variable.trainable for variable in variables)
    return f"{len(variables):,}, {trainable:,} trainable; {info.parameters:,} parameters, {format_size(info.bytes)}"


def _describe_graph(graph: GraphInfo) -> str:
    text = f"{graph.nodes:,} nodes of {len(graph.ops)} ops"
    if graph.functions:
        text += f", {graph.functions:,} functions"
    if graph.v1_control_flow:
        text += f", TF1 control flow ({', '.join(graph.v1_control_flow)})"
    return text


def _join_variants(texts: Iterable[str]) -> str:
    """Return a text about each graph variant; only one if all are equal."""
    listed = list(texts)
    return f"{listed[0]}, each" if len(listed) > 1 and len(set(listed)) == 1 else "; ".join(listed)


def _describe_training(graph: GraphInfo) -> str:
    words = (
        (graph.update_ops, "update op", "update ops"),
        (graph.regularization_losses, "regularization loss", "regularization losses"),
    )
    return ", ".join(format_count(count, one, many) for count, one, many in words if count)


def _join_items(texts: Iterable[str], limit: int = _MAX_ITEMS) -> str:
    listed = list(texts)
    more = f", and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
