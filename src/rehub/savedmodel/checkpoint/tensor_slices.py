"""The slices of a partitioned variable: which part of it each is, and the key of its value in a checkpoint.

TensorFlow's tensor_slice.proto says how a slice is written; saved_tensor_slice_util.cc and ordered_code.cc, how it
becomes a key that sorts by the name and then by the slice's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from rehub.savedmodel.protos import SliceExtent, TensorSliceProto
from rehub.savedmodel.wire import VARINT, Message, WireError

_FULL = -1


@dataclass(frozen=True)
class TensorSlice:
    """A slice of a tensor.

    Attributes:
        starts: where it starts in each dimension.
        lengths: how long it is there; -1 where it is as long as the tensor.
    """

    starts: tuple[int, ...]
    lengths: tuple[int, ...]

    def sizes_in(self, shape: Sequence[int]) -> tuple[int, ...] | None:
        """Return its shape as a slice of a tensor of this shape; None if it does not fit."""
        if len(shape) != len(self.starts):
            return None
        sizes = []
        for start, length, size in zip(self.starts, self.lengths, shape):
            own = size if length == _FULL else length
            if start + own > size:
                return None
            sizes.append(own)
        return tuple(sizes)

    def key(self, name: str) -> bytes:
        """Return the key of this slice of the variable of a name.

        >>> TensorSlice((0, 64), (-1, 2)).key("w").hex()
        '007700010102807fc04082'
        """
        places = [place for pair in zip(self.starts, self.lengths) for place in pair]
        escaped = name.encode().replace(b"\x00", b"\x00\xff")  # No byte of UTF-8 is the other that is escaped, 0xff.
        return (
            b"\x00" + escaped + b"\x00\x01" + _encode_unsigned(len(self.starts)) + b"".join(map(_encode_signed, places))
        )


def read_slice(content: bytes) -> TensorSlice:
    """Read a TensorSliceProto.

    Raises:
        WireError: it cannot be read.
    """
    starts, lengths = [], []
    for extent in Message(content).messages(TensorSliceProto.extent):
        start, length = 0, _FULL
        for number, kind, value in extent.fields():
            if kind == VARINT and number in (SliceExtent.start, SliceExtent.length):
                if value >= 1 << 63:  # type: ignore[operator]
                    raise WireError("a slice starts or ends before the tensor")
                if number == SliceExtent.start:
                    start = value  # type: ignore[assignment]
                else:
                    length = value  # type: ignore[assignment]
        starts.append(start)
        lengths.append(length)
    return TensorSlice(tuple(starts), tuple(lengths))


def _encode_unsigned(number: int) -> bytes:
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _encode_signed(number: int) -> bytes:
    """As many ones as bytes, a zero, and the number; of a negative one, all of that with its bits turned over."""
    bits = (~number if number < 0 else number).bit_length()
    size = bits // 7 + 1
    header = ((1 << size) - 1) << (8 * size - size)
    return ((number & ((1 << 8 * size) - 1)) ^ header).to_bytes(size, "big")
