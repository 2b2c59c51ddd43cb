"""Signatures of a MetaGraph with dtypes and shapes, as meta_graph.proto has them."""

from __future__ import annotations

from typing import Iterator

from rehub.inspection.model_info import SignatureInfo, TensorInfo
from rehub.savedmodel.dtypes import dtype_name
from rehub.savedmodel.shapes import read_shape
from rehub.savedmodel.structures import type_spec
from rehub.savedmodel.wire import Message

_SIGNATURE_DEF = 5
_KEY, _VALUE = 1, 2
_INPUTS, _OUTPUTS, _METHOD_NAME = 1, 2, 3
_NAME, _DTYPE, _SHAPE, _COO_SPARSE, _COMPOSITE_TENSOR = 1, 2, 3, 4, 5
_COO_VALUES, _TYPE_SPEC = 1, 1


def read_signatures(metagraph: Message) -> tuple[SignatureInfo, ...]:
    """Returns the signatures of a MetaGraphDef, sorted by name, without TensorFlow's own.

    Raises:
        WireError: they cannot be read.
    """
    found: dict[str, SignatureInfo] = {}
    for entry in metagraph.messages(_SIGNATURE_DEF):
        name, signature = entry.text(_KEY), entry.message(_VALUE)
        if not name.startswith("__"):
            inputs, outputs = (tuple(_tensors(signature, number)) for number in (_INPUTS, _OUTPUTS))
            found[name] = SignatureInfo(name, signature.text(_METHOD_NAME), inputs, outputs)
    return tuple(found[name] for name in sorted(found))


def _tensors(signature: Message, number: int) -> Iterator[TensorInfo]:
    found = {entry.text(_KEY): entry.message(_VALUE) for entry in signature.messages(number)}
    for name in sorted(found):
        yield _tensor(name, found[name])


def _tensor(name: str, info: Message) -> TensorInfo:
    composite = info.message(_COMPOSITE_TENSOR)
    if composite:
        spec = type_spec(composite.message(_TYPE_SPEC))
        return TensorInfo(name, spec.dtype, spec.shape, spec.kind)
    dtype, shape = dtype_name(info.integer(_DTYPE)), read_shape(info.message(_SHAPE))
    sparse = info.message(_COO_SPARSE)
    if sparse:
        return TensorInfo(name, dtype, shape, "sparse", sparse.text(_COO_VALUES))
    return TensorInfo(name, dtype, shape, "dense", info.text(_NAME))
