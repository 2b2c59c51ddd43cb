"""The signatures of a MetaGraph: its named entry points, with dtypes and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Sequence

from rehub.savedmodel import protos
from rehub.savedmodel.dtypes import dtype_name
from rehub.savedmodel.protos import CompositeTensor, CooSparse, MapEntry, MetaGraphDef, SignatureDef
from rehub.savedmodel.shapes import Shape, read_shape
from rehub.savedmodel.structures import read_type_spec
from rehub.savedmodel.wire import Message


@dataclass(frozen=True)
class TensorInfo:
    """A named input or output of a signature or a trace.

    Attributes:
        name: its key in the signature; the path to it in a structure of a trace, such as `inputs` or `features['age']`.
        dtype: TensorFlow's name of its type, such as "float32"; "" where there is no single one.
        shape: its sizes.
        kind: "dense", "sparse" (a SparseTensor), "ragged", or the kind of another composite tensor.
        tensor: its name in the graph, such as "x:0"; "" where it has none.
    """

    name: str
    dtype: str
    shape: Shape
    kind: str = "dense"
    tensor: str = ""


@dataclass(frozen=True)
class SignatureInfo:
    """A named entry point of a MetaGraph.

    Attributes:
        name: its key.
        method_name: what it says it does, such as "tensorflow/serving/predict".
        inputs, outputs: sorted by name.
    """

    name: str
    method_name: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def read_signatures(metagraph: Message) -> tuple[SignatureInfo, ...]:
    """Return the signatures of a MetaGraphDef, sorted by name, without TensorFlow's own, which start with "__".

    Raises:
        WireError: they cannot be read.
    """
    found: dict[str, SignatureInfo] = {}
    for entry in metagraph.messages(MetaGraphDef.signature_def):
        name = entry.text(MapEntry.key)
        if not name.startswith("__"):
            found[name] = read_signature(name, entry.message(MapEntry.value))
    return tuple(found[name] for name in sorted(found))


def read_signature(name: str, message: Message) -> SignatureInfo:
    """Return what a SignatureDef says.

    Raises:
        WireError: it cannot be read.
    """
    inputs, outputs = (tuple(_read_tensors(message, number)) for number in (SignatureDef.inputs, SignatureDef.outputs))
    return SignatureInfo(name, message.text(SignatureDef.method_name), inputs, outputs)


def _read_tensors(signature: Message, number: int) -> Iterator[TensorInfo]:
    found = {entry.text(MapEntry.key): entry.message(MapEntry.value) for entry in signature.messages(number)}
    for name in sorted(found):
        yield _read_tensor(name, found[name])


def _read_tensor(name: str, info: Message) -> TensorInfo:
    composite = info.message(protos.TensorInfo.composite_tensor)
    if composite:
        spec = read_type_spec(composite.message(CompositeTensor.type_spec))
        # TensorFlow calls a signature with the components of a "sparse" one, by other names than of all composite ones.
        kind = "composite" if spec.kind in ("dense", "sparse") else spec.kind
        return TensorInfo(name, spec.dtype, spec.shape, kind)
    dtype = dtype_name(info.integer(protos.TensorInfo.dtype))
    # Not every writer gives a shape.
    has_shape = any(info.spans(protos.TensorInfo.tensor_shape))
    shape = read_shape(info.message(protos.TensorInfo.tensor_shape)) if has_shape else None
    sparse = info.message(protos.TensorInfo.coo_sparse)
    if sparse:
        return TensorInfo(name, dtype, shape, "sparse", sparse.text(CooSparse.values_tensor_name))
    return TensorInfo(name, dtype, shape, "dense", info.text(protos.TensorInfo.name))


def find_default_signature(signatures: Sequence[SignatureInfo], *, is_legacy: bool) -> SignatureInfo | None:
    """Return the signature that a call runs if it names none; None if the call has to name one.

    That is "default" in a legacy module and "serving_default" in any other model, or the only signature.
    """
    if len(signatures) == 1:
        return signatures[0]
    default = "default" if is_legacy else "serving_default"
    return next((signature for signature in signatures if signature.name == default), None)
