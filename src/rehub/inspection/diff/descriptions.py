"""A model as named facts, to compare it with another model."""

from __future__ import annotations

import hashlib
import os
from typing import Iterator, Sequence

from rehub.hashing import hash_file
from rehub.inspection.model_info import AssetInfo, GraphInfo, ModelInfo, SignatureInfo, TraceInfo
from rehub.inspection.summary import format_input, format_tags, format_type, list_arguments, list_capabilities


def describe_model(info: ModelInfo) -> dict[str, str]:
    """Return everything but the weights: format, signatures, functions, ops, assets, and possible uses.

    The facts of the graph variant that is loaded by default have plain names. The names of other facts begin with the
    tags of their variant.
    """
    return dict(_list_facts(info))


def _list_facts(info: ModelInfo) -> Iterator[tuple[str, str]]:
    yield "format", info.format
    yield "saved by", info.saved_by or "TensorFlow alone"
    yield "written by TensorFlow", info.tensorflow_version or "of unknown version"
    yield "loads on", str(info.minimum_tensorflow)
    for what, capability in list_capabilities(info):
        yield what, f"{'yes' if capability else 'no'}: {capability.reason}"
    # A legacy module is loaded by default in the variant without tags.
    default, *others = sorted(info.graphs, key=lambda graph: info.format == "legacy module" and len(graph.tags) > 0)
    yield "tags", format_tags(default.tags)
    yield from _list_graph_facts(default)
    for graph in others:
        variant = f"variant {format_tags(graph.tags)}"
        yield variant, f"{graph.nodes:,} nodes"
        for name, value in _list_graph_facts(graph):
            yield f"{variant}, {name}", value
    for function in info.callables:
        yield f"function {function.path}", f"({', '.join(function.arguments)})"
        for number, trace in enumerate(function.traces, start=1):
            yield f"function {function.path}, trace {number}", _format_trace(trace)
    for asset in info.assets:
        yield f"asset {asset.path}", _describe_asset(info.path, asset)
    for attachment in info.attachments:
        digest = hashlib.sha256(attachment.value).hexdigest()
        yield f"attachment {attachment.key} of {format_tags(attachment.tags)}", attachment.text or f"sha256 {digest}"
    for package in info.missing_packages:
        yield f"package {package.package or 'unknown'}", f"for {', '.join(package.ops)}"


def _list_graph_facts(graph: GraphInfo) -> Iterator[tuple[str, str]]:
    for signature in graph.signatures:
        yield from _list_signature_facts(signature)
    for op, times in graph.ops:
        yield f"op {op}", f"{times:,}"
    yield "update ops", str(graph.update_ops)
    yield "regularization losses", str(graph.regularization_losses)


def _list_signature_facts(signature: SignatureInfo) -> Iterator[tuple[str, str]]:
    yield f"signature {signature.name}", signature.method_name or "without a method name"
    for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        for tensor in tensors:
            yield f"signature {signature.name}, {kind} {tensor.name}", format_type(tensor)


def _format_trace(trace: TraceInfo) -> str:
    return (
        f"({', '.join(list_arguments(trace))}) -> {_format_results([format_input(tensor) for tensor in trace.outputs])}"
    )


def _format_results(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _describe_asset(directory: str, asset: AssetInfo) -> str:
    if asset.bytes is None:
        return "missing"
    path = os.path.join(directory, asset.path)
    if not os.path.isfile(path):
        return "not a file"
    with open(path, "rb") as file:
        return f"{asset.bytes:,} bytes, sha256 {hash_file(file).hexdigest()}"
