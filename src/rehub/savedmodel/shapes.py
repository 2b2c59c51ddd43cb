"""Shapes of tensors, as tensor_shape.proto has them."""

from __future__ import annotations

from typing import Optional, Tuple

from rehub.savedmodel.protos import Dim, TensorShapeProto
from rehub.savedmodel.wire import VARINT, Message, WireError

Shape = Optional[Tuple[Optional[int], ...]]  # None where the rank is not known; None in it where a size is not.

MOST_SIZES = 254  # TensorFlow's own limit


def read_shape(message: Message) -> Shape:
    """Return the sizes in a TensorShapeProto; None where the rank is not known, None in it where a size is not.

    >>> read_shape(Message(bytes([0x12, 11, 8, *[255] * 9, 1, 0x12, 2, 8, 5])))
    (None, 5)
    """
    if any(message.integers(TensorShapeProto.unknown_rank)):
        return None
    sizes: list[int | None] = []
    for dim in message.messages(TensorShapeProto.dim):
        if len(sizes) == MOST_SIZES:
            raise WireError(f"a shape has more than {MOST_SIZES} sizes")
        size = 0
        for number, kind, value in dim.fields():
            if number == Dim.size and kind == VARINT:
                size = value  # type: ignore[assignment]
        sizes.append(size if size < 1 << 63 else None)  # Negative numbers, which mean "not known", are above that.
    return tuple(sizes)
