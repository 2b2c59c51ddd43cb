"""What functions of a TF2 object take and return: nests of tensors and plain values, as struct.proto has them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Iterator, Tuple, Union

from rehub.savedmodel.dtypes import dtype_name
from rehub.savedmodel.protos import (
    DictValue,
    ListValue,
    MapEntry,
    NamedTupleValue,
    PairValue,
    StructuredValue,
    TensorSpecProto,
    TupleValue,
    TypeSpecProto,
)
from rehub.savedmodel.shapes import Shape, read_shape
from rehub.savedmodel.wire import BYTES, FIXED64, Message, WireError

_DEEPEST = 64  # How deep a nest may be: deeper ones would be made to exhaust Python's stack.

_KINDS = {1: "sparse", 2: "indexed slices", 3: "ragged", 4: "tensor array", 5: "dataset", 6: "iterator", 7: "optional"}


@dataclass(frozen=True)
class Spec:
    """A tensor in a nest: what `tf.TensorSpec`, `tf.RaggedTensorSpec` and the like say of it.

    Attributes:
        kind: "dense", "sparse", "ragged", or what other type it is.
        dtype: TensorFlow's name of its type; "" where there is no single one.
        shape: its sizes.
        name: that its argument was given in the graph; "" for none.
    """

    kind: str
    dtype: str
    shape: Shape
    name: str = ""


@dataclass(frozen=True)
class Repr:
    """A plain value in a nest that has no type of Python's own: how it is written, such as "tf.float32"."""

    text: str


@dataclass(frozen=True)
class NamedTuple:
    """A namedtuple in a nest: the name of its class, and its fields in order."""

    name: str
    fields: tuple[tuple[str, Any], ...]


# A nest of tensors and plain values, each of them None, a bool, a number, a string or what is Repr.
Structure = Union[None, bool, int, float, str, Spec, Repr, NamedTuple, list, Tuple[Any, ...], dict]  # type: ignore[type-arg]


def read_structure(message: Message, depth: int = 0) -> Structure:
    """Return the value that a StructuredValue describes.

    Raises:
        WireError: it is none, or one that is nested too deeply.
    """
    if depth > _DEEPEST:
        raise WireError(f"a structure is nested more than {_DEEPEST} deep")
    found, kind, value = 0, 0, None
    for found, kind, value in message.fields():  # noqa: B007  The last one counts, as in every oneof of protobuf.
        pass
    if found in (0, StructuredValue.none_value):
        return None
    if isinstance(value, int):
        if found == StructuredValue.bool_value:
            return bool(value)
        if found == StructuredValue.int64_value:
            return value >> 1 ^ -(value & 1)  # Repr in zigzag, so that small negative numbers are short.
        if found == StructuredValue.tensor_dtype_value:
            return Repr(f"tf.{dtype_name(value)}")
    elif found == StructuredValue.float64_value and kind == FIXED64 and value is not None:
        number: float = struct.unpack("<d", message.bytes_at(value))[0]
        return number
    if kind != BYTES:
        raise WireError(f"a structure holds field {found} of wire type {kind}")
    if found == StructuredValue.string_value:
        return message.text(StructuredValue.string_value)
    return _read_composite(found, message.message(found), depth)


def _read_composite(found: int, inner: Message, depth: int) -> Structure:
    if found == StructuredValue.tensor_shape_value:
        shape = read_shape(inner)
        return Repr("tf.TensorShape(None)" if shape is None else f"tf.TensorShape({list(shape)})")
    if found in (StructuredValue.tensor_spec_value, StructuredValue.bounded_tensor_spec_value):
        shape = read_shape(inner.message(TensorSpecProto.shape))
        return Spec("dense", dtype_name(inner.integer(TensorSpecProto.dtype)), shape, inner.text(TensorSpecProto.name))
    if found == StructuredValue.type_spec_value:
        return read_type_spec(inner)
    if found in (StructuredValue.list_value, StructuredValue.tuple_value):
        values = [read_structure(value, depth + 1) for value in inner.messages(ListValue.values)]
        return values if found == StructuredValue.list_value else tuple(values)
    if found == StructuredValue.dict_value:
        entries = inner.messages(DictValue.fields)
        return {entry.text(MapEntry.key): read_structure(entry.message(MapEntry.value), depth + 1) for entry in entries}
    if found == StructuredValue.named_tuple_value:
        fields = tuple(
            (pair.text(PairValue.key), read_structure(pair.message(PairValue.value), depth + 1))
            for pair in inner.messages(NamedTupleValue.values)
        )
        return NamedTuple(inner.text(NamedTupleValue.name), fields)
    return Repr("...")  # A tensor's or an array's value.


def read_type_spec(message: Message) -> Spec:
    """Return what a TypeSpecProto says of a composite tensor, such as a RaggedTensor."""
    class_name = message.text(TypeSpecProto.type_spec_class_name).rpartition(".")[2]
    kind = _KINDS.get(message.integer(TypeSpecProto.type_spec_class), class_name or "composite")
    if kind not in ("sparse", "ragged"):
        return Spec(kind, "", None)
    shape, dtype = _read_shape_and_dtype(message.message(TypeSpecProto.type_state))
    return Spec(kind, dtype, shape)


def _read_shape_and_dtype(state: Message) -> tuple[Shape, str]:
    """The first shape and the first type in the state of a spec: those of the tensor, before those of its parts."""
    shapes: list[Shape] = []
    dtypes: list[str] = []
    for member in state.message(StructuredValue.tuple_value).messages(TupleValue.values):
        shapes.extend(map(read_shape, member.messages(StructuredValue.tensor_shape_value)))
        dtypes.extend(map(dtype_name, member.integers(StructuredValue.tensor_dtype_value)))
    return (shapes[0] if shapes else None), (dtypes[0] if dtypes else "")


def flatten(structure: Structure, path: str) -> Iterator[tuple[str, Structure]]:
    """Yield what is in a nest that is none itself, each with the path to it as Python writes it: `features['age']`."""
    if isinstance(structure, (list, tuple)):
        for index, member in enumerate(structure):
            yield from flatten(member, f"{path}[{index}]")
    elif isinstance(structure, dict):
        for key, member in structure.items():
            yield from flatten(member, f"{path}[{key!r}]")
    elif isinstance(structure, NamedTuple):
        for name, member in structure.fields:
            yield from flatten(member, f"{path}.{name}")
    else:
        yield path, structure
