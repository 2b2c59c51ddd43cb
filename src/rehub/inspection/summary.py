"""What a `ModelInfo` tells, in words: for the command line and for notebooks."""

from __future__ import annotations

from typing import Iterable, Sequence

from rehub.formatting import format_count, format_size
from rehub.inspection.model_info import (
    CallableInfo,
    Capability,
    GraphInfo,
    ModelInfo,
    SignatureInfo,
    TensorInfo,
    TraceInfo,
)
from rehub.savedmodel.shapes import Shape

IMPORTS = "import rehub as hub, tensorflow as tf"

_SHOWN = 4


def summary(info: ModelInfo) -> list[tuple[str, str]]:
    """Returns what a person wants to know first, each with a word for it."""
    rows = [("format", _format(info))]
    if len(info.graphs) > 1:
        rows.append(("variants", "; ".join(tags_text(graph.tags) for graph in info.graphs)))
    rows.append(("variables", _variables(info)))
    rows.append(("graph", _of_each(_graph(graph) for graph in info.graphs)))
    training = [_training(graph) for graph in info.graphs]
    if any(training):
        rows.append(("training", _of_each(text or "nothing" for text in training)))
    if info.assets:
        rows.append(("assets", _some([f"{asset.path} ({_size(asset.bytes)})" for asset in info.assets])))
    if info.attachments:
        attached = dict.fromkeys(f"{each.key}{each.text and f' ({each.text})'}" for each in info.attachments)
        rows.append(("attached", _some(list(attached))))
    rows.extend(
        ("needs", f"{package.package or 'unknown package'}, for {_some(package.ops)}")
        for package in info.missing_packages
    )
    return rows


def capabilities(info: ModelInfo) -> list[tuple[str, Capability]]:
    """Returns what can be done with the model."""
    return [
        ("can be called", info.can_be_called),
        ("can be fine-tuned", info.can_be_fine_tuned),
        ("can be retrained", info.can_be_retrained),
    ]


def signatures(info: ModelInfo) -> list[tuple[str, SignatureInfo]]:
    """Returns the signatures, those of several graph variants once; with tags for those that only some have."""
    found: dict[SignatureInfo, list[GraphInfo]] = {}
    for graph in info.graphs:
        for signature in graph.signatures:
            found.setdefault(signature, []).append(graph)
    return [
        ("" if len(graphs) == len(info.graphs) else f"in {', '.join(tags_text(graph.tags) for graph in graphs)}", each)
        for each, graphs in found.items()
    ]


def functions(info: ModelInfo) -> list[CallableInfo]:
    """Returns the functions that are attributes of the object and meant for users; the others belong to its parts."""
    return [
        each
        for each in info.callables
        if each.path == "__call__" or (each.path.isidentifier() and not each.path.startswith("_"))
    ]


def header(function: CallableInfo) -> str:
    """Returns a function with its arguments, `model.encode(text)`."""
    called = "model" if function.path == "__call__" else f"model.{function.path}"
    return f"{called}({', '.join(function.arguments)})"


def trace_text(trace: TraceInfo) -> str:
    """Returns what a trace takes and returns, in a line."""
    taken = [tensor_text(tensor) for tensor in trace.inputs] + [f"{name}={value}" for name, value in trace.literals]
    return f"({_some(taken, 8)}) -> {_some([tensor_text(tensor) for tensor in trace.outputs])}"


def tensor_text(tensor: TensorInfo) -> str:
    """Returns a tensor as `name: float32[?, 224, 224, 3]`."""
    return f"{tensor.name}: {type_text(tensor)}" if tensor.name else type_text(tensor)


def type_text(tensor: TensorInfo) -> str:
    """Returns the type and shape of a tensor, `sparse float32[?, 3]`."""
    kind = "" if tensor.kind == "dense" else f"{tensor.kind} "
    return f"{kind}{tensor.dtype}{shape_text(tensor.shape)}"


def shape_text(shape: Shape) -> str:
    """Returns a shape as `[?, 3]`; `[...]` where its rank is not known."""
    return "[...]" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def tags_text(tags: frozenset[str]) -> str:
    """Returns a set of tags as it is given to `hub.load`."""
    return str(sorted(tags))


def _format(info: ModelInfo) -> str:
    by = f" of {info.saved_by}" if info.saved_by else ""
    version = info.tensorflow_version
    return f"{info.format}{by}, written by TensorFlow {version}" if version else f"{info.format}{by}"


def _variables(info: ModelInfo) -> str:
    variables = info.variables
    if not variables:
        return "none"
    trainable = sum(variable.trainable for variable in variables)
    return f"{len(variables):,}, {trainable:,} trainable; {info.parameters:,} parameters, {format_size(info.bytes)}"


def _graph(graph: GraphInfo) -> str:
    text = f"{graph.nodes:,} nodes of {len(graph.ops)} ops"
    if graph.functions:
        text += f", {graph.functions:,} functions"
    if graph.v1_control_flow:
        text += f", control flow of TF1 ({', '.join(graph.v1_control_flow)})"
    return text


def _of_each(texts: Iterable[str]) -> str:
    """What is said of each graph variant; once, where it is the same of all."""
    listed = list(texts)
    return f"{listed[0]}, each" if len(listed) > 1 and len(set(listed)) == 1 else "; ".join(listed)


def _training(graph: GraphInfo) -> str:
    words = (
        (graph.update_ops, "update op", "update ops"),
        (graph.regularization_losses, "regularization loss", "regularization losses"),
    )
    return ", ".join(format_count(number, one, many) for number, one, many in words if number)


def _size(size: int | None) -> str:
    return "missing" if size is None else format_size(size)


def _some(texts: Iterable[str], most: int = _SHOWN) -> str:
    listed: Sequence[str] = list(texts)
    more = f", and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
