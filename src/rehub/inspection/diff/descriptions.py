"""What a model shows to its users, as facts with names: two models are alike where their facts are the same."""

from __future__ import annotations

import hashlib
import os
from typing import Iterator, Sequence

from rehub.inspection.model_info import Capability, GraphInfo, ModelInfo, SignatureInfo, TraceInfo
from rehub.inspection.summary import capabilities, tags_text, tensor_text, type_text

_CHUNK = 1 << 20


def facts(info: ModelInfo) -> dict[str, str]:
    """Returns everything but the weights: format, signatures, functions, ops, assets, and what can be done with it.

    The tags of the graph variant that is loaded by default are a fact; those of another are in the names of its facts.
    """
    return dict(_facts(info))


def _facts(info: ModelInfo) -> Iterator[tuple[str, str]]:
    yield "format", info.format
    yield "saved by", info.saved_by or "TensorFlow alone"
    yield "written by TensorFlow", info.tensorflow_version or "of a version that is not recorded"
    for what, capability in capabilities(info):
        yield what, _judged(capability)
    # Of a legacy module, the variant that is loaded by default is the one without tags.
    default, *others = sorted(info.graphs, key=lambda graph: info.format == "legacy module" and len(graph.tags) > 0)
    yield "tags", tags_text(default.tags)
    yield from _facts_of_graph(default)
    for graph in others:
        variant = f"variant {tags_text(graph.tags)}"
        yield variant, f"{graph.nodes:,} nodes"
        for name, value in _facts_of_graph(graph):
            yield f"{variant}, {name}", value
    for function in info.callables:
        yield f"function {function.path}", f"({', '.join(function.arguments)})"
        for number, trace in enumerate(function.traces, start=1):
            yield f"function {function.path}, trace {number}", _trace(trace)
    for asset in info.assets:
        yield f"asset {asset.path}", "missing" if asset.bytes is None else _content(info.path, asset.path, asset.bytes)
    for attachment in info.attachments:
        digest = hashlib.sha256(attachment.value).hexdigest()
        yield f"attachment {attachment.key} of {tags_text(attachment.tags)}", attachment.text or f"sha256 {digest}"
    for package in info.missing_packages:
        yield f"package {package.package or 'that is not known'}", f"for {', '.join(package.ops)}"


def _judged(capability: Capability) -> str:
    return f"{'yes' if capability else 'no'}: {capability.reason}"


def _facts_of_graph(graph: GraphInfo) -> Iterator[tuple[str, str]]:
    for signature in graph.signatures:
        yield from _facts_of_signature(signature)
    for op, times in graph.ops:
        yield f"op {op}", f"{times:,}"
    yield "update ops", str(graph.update_ops)
    yield "regularization losses", str(graph.regularization_losses)


def _facts_of_signature(signature: SignatureInfo) -> Iterator[tuple[str, str]]:
    yield f"signature {signature.name}", signature.method_name or "without a method name"
    for way, tensors in (("input", signature.inputs), ("output", signature.outputs)):
        for tensor in tensors:
            yield f"signature {signature.name}, {way} {tensor.name}", type_text(tensor)


def _trace(trace: TraceInfo) -> str:
    taken = [*map(tensor_text, trace.inputs), *(f"{name}={value}" for name, value in trace.literals)]
    return f"({', '.join(taken)}) -> {_listed([tensor_text(tensor) for tensor in trace.outputs])}"


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _content(directory: str, name: str, size: int) -> str:
    path = os.path.join(directory, name)
    if not os.path.isfile(path):
        return "no file"
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return f"{size:,} bytes, sha256 {digest.hexdigest()}"
