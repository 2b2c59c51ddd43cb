"""The strings of a constant, as TensorFlow reads them."""

from __future__ import annotations

from rehub.savedmodel.nodes import Node
from rehub.savedmodel.protos import ENUMS, AttrValue, Dim, TensorProto, TensorShapeProto
from rehub.savedmodel.wire import Message, WireError, read_varint


def read_strings(node: Node) -> list[str]:
    """Return all texts that a constant can have; none if it is of another type, or unclear.

    TensorFlow's runtime takes `tensor_content` where there is one, and else `string_val`; its Python code does not
    always. Other bytes than UTF-8 are replaced.
    """
    tensor = node.attribute("value").message(AttrValue.tensor)
    if tensor.integer(TensorProto.dtype) != ENUMS["DataType"]["DT_STRING"]:
        return []
    texts = [value.decode("utf-8", "replace") for value in tensor.values(TensorProto.string_val)]
    packed = b"".join(list(tensor.values(TensorProto.tensor_content))[-1:])
    if packed:
        unpacked = _unpack_strings(packed, _count_elements(tensor.message(TensorProto.tensor_shape), len(packed)))
        return [] if unpacked is None else texts + unpacked
    return texts


def read_text_attribute(node: Node, name: str) -> str | None:
    """Return an attribute that is a text; "" where it is left at its default, None where it is something else."""
    value = node.attribute(name)
    kinds = {number for number, _, _ in value.fields()}
    if not kinds <= {AttrValue.s}:
        return None
    values = list(value.values(AttrValue.s))
    return values[-1].decode("utf-8", "replace") if values else ""


def _count_elements(shape: Message, most: int) -> int:
    number = 1
    for dimension in shape.messages(TensorShapeProto.dim):
        number *= dimension.integer(Dim.size)
        if number > most:
            return most + 1
    return number


def _unpack_strings(packed: bytes, number: int) -> list[str] | None:
    """Return the strings of a `tensor_content`, which has the size of each first; None if it does not hold them.

    As DecodeStringList in TensorFlow's tensor_coding.cc.
    """
    if number > len(packed):
        return None
    position, sizes = 0, []
    try:
        for _ in range(number):
            size, position = read_varint(packed, position, len(packed))
            sizes.append(size)
    except WireError:
        return None
    if position + sum(sizes) != len(packed):
        return None
    texts = []
    for size in sizes:
        texts.append(packed[position : position + size].decode("utf-8", "replace"))
        position += size
    return texts
