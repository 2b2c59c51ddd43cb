"""What a model shows to its users, as facts with names: two models are alike where their facts are the same."""

from __future__ import annotations

import hashlib
import os
from typing import Iterator, Sequence

from rehub.savedmodel.model_info import GraphInfo, Judgement, ModelInfo, SignatureInfo, TraceInfo
from rehub.savedmodel.overview import judgements, tags_text, tensor_text, type_text

_CHUNK = 1 << 20


def facts(info: ModelInfo, *, tell_variants_apart: bool) -> dict[str, str]:
    """Returns everything but the weights: format, signatures, functions, ops, assets, and what can be done with it.

    Args:
        info: the model.
        tell_variants_apart: whether the facts of a graph variant have its tags in their names. Else the tags are a
            fact of their own; that is for models with one variant.
    """
    return dict(_facts(info, tell_variants_apart))


def _facts(info: ModelInfo, tell_variants_apart: bool) -> Iterator[tuple[str, str]]:
    yield "format", info.format
    yield "saved by", info.saved_by or "TensorFlow alone"
    yield "written by TensorFlow", info.tensorflow_version or "of a version that is not recorded"
    for what, judgement in judgements(info):
        yield what, _judged(judgement)
    for graph in info.graphs:
        if tell_variants_apart:
            yield f"variant {tags_text(graph.tags)}", f"{graph.nodes:,} nodes"
            variant = f"{tags_text(graph.tags)} "
        else:
            yield "tags", tags_text(graph.tags)
            variant = ""
        for name, value in _facts_of_graph(graph):
            yield variant + name, value
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


def _judged(judgement: Judgement) -> str:
    return f"{'yes' if judgement else 'no'}: {judgement.reason}"


def _facts_of_graph(graph: GraphInfo) -> Iterator[tuple[str, str]]:
    for signature in graph.signatures:
        yield from _facts_of_signature(signature)
    for op, times in graph.ops:
        yield f"op {op}", f"{times:,} times" if times > 1 else "once"
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
