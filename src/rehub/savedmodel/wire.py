"""Protobuf's wire format: read the fields of a message in a buffer, and skip the rest.

There is no generated code here, and no protobuf library: TF 1.15 and the newest TensorFlow need versions of it that
exclude each other. The format is described in https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
from typing import Callable, Iterator, Tuple, TypeVar, Union

from rehub.errors import CorruptModel

Buffer = Union[bytes, mmap.mmap]
Span = Tuple[int, int]
_Read = TypeVar("_Read")

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(CorruptModel):
    """The bytes are not a protobuf message; says at which byte and why. `read_strictly` adds the file's name."""


def read_strictly(path: str, read: Callable[[], _Read], what: str = "a SavedModel") -> _Read:
    """Return `read()`; an error about its bytes names the file.

    Raises:
        CorruptModel: `read` met a WireError.
    """
    try:
        return read()
    except WireError as error:
        raise CorruptModel(
            f"{path!r} cannot be read as {what}, {error}. It is cut off or damaged: copy or download it again."
        ) from error


class Message:
    """A protobuf message somewhere in a buffer.

    A message may be in several pieces: when a field that holds one message occurs twice, protobuf merges the two,
    which is to read one after the other. So nothing can be hidden in a second occurrence.

    >>> message = Message(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69]))
    >>> list(message.integers(1)), list(message.texts(2))
    ([150], ['hi'])

    Args:
        spans: where the message's pieces start and end; all of the buffer where it is not given.
    """

    __slots__ = ("_buffer", "_spans")

    def __init__(self, buffer: Buffer, spans: tuple[Span, ...] | None = None) -> None:
        self._buffer = buffer
        self._spans = ((0, len(buffer)),) if spans is None else spans

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def buffer(self) -> Buffer:
        """The bytes that hold the message."""
        return self._buffer

    def fields(self, wanted: int = 0) -> Iterator[tuple[int, int, int | Span]]:
        """Yield each field's number, wire type and value: an integer, or where its bytes start and end.

        Args:
            wanted: the number of the only field to yield; all, where it is not given.

        Raises:
            WireError: at the first byte that cannot belong to a message.
        """
        buffer = self._buffer
        for position, end in self._spans:
            while position < end:
                start = position
                # Most numbers are of one byte: they are read here, as a call would take longer than all the rest.
                key = buffer[position]
                position += 1
                if key > 0x7F:
                    key, position = read_varint(buffer, start, end)
                number, kind = key >> 3, key & 7
                if not 0 < number < 1 << 29:
                    raise WireError(f"byte {start}: {number} is not a field number")
                if kind in (VARINT, BYTES):
                    size = buffer[position] if position < end else 0x80
                    if size > 0x7F:
                        size, position = read_varint(buffer, position, end)
                    else:
                        position += 1
                    if kind == VARINT:
                        if not wanted or number == wanted:
                            yield number, kind, size  # No size, but the value itself.
                        continue
                else:
                    size = _size_of_fixed(kind, number, start)
                stop = position + size
                if stop > end:
                    raise WireError(f"byte {start}: field {number} claims {size} bytes where {end - position} are left")
                if not wanted or number == wanted:
                    yield number, kind, (position, stop)
                position = stop

    def spans(self, number: int) -> Iterator[Span]:
        """Yield where the bytes of each occurrence of a length-delimited field start and end."""
        for _, kind, value in self.fields(number):
            if kind != BYTES:
                raise WireError(f"field {number} has wire type {kind} where {BYTES} is expected")
            yield value  # type: ignore[misc]

    def message(self, number: int) -> Message:
        """Return the message in a field that holds one; empty, and false, where the field is absent."""
        return Message(self._buffer, tuple(self.spans(number)))

    def messages(self, number: int) -> Iterator[Message]:
        """Yield the messages of a repeated field."""
        for span in self.spans(number):
            yield Message(self._buffer, (span,))

    def texts(self, number: int) -> Iterator[str]:
        """Yield the strings of a repeated field."""
        for start, end in self.spans(number):
            try:
                yield str(self._buffer[start:end], "utf-8")
            except UnicodeDecodeError as error:
                raise WireError(f"byte {start}: field {number} is not UTF-8 ({error.reason})") from error

    def values(self, number: int) -> Iterator[bytes]:
        """Yield the bytes of a repeated field, each a copy."""
        for start, end in self.spans(number):
            yield bytes(self._buffer[start:end])

    def within(self, value: int | Span) -> Message:
        """Return the message in the value of one of `fields()`."""
        return Message(self._buffer, (self._check_span(value),))

    def content(self) -> bytes:
        """Return a copy of the message's bytes."""
        return b"".join(self._buffer[start:end] for start, end in self._spans)

    def bytes_at(self, value: int | Span) -> bytes:
        """Return a copy of the bytes that are the value of one of `fields()`."""
        start, end = self._check_span(value)
        return bytes(self._buffer[start:end])

    @staticmethod
    def _check_span(value: int | Span) -> Span:
        if isinstance(value, int):
            raise WireError(f"the number {value} is where bytes are expected")
        return value

    def text(self, number: int) -> str:
        """Return the string of a field, of several the last, as protobuf does; "" where the field is absent."""
        texts = list(self.texts(number))
        return texts[-1] if texts else ""

    def integers(self, number: int) -> Iterator[int]:
        """Yield the varints of a field, as unsigned numbers of 64 bits."""
        for _, kind, value in self.fields(number):
            if kind != VARINT:
                raise WireError(f"field {number} has wire type {kind} where {VARINT} is expected")
            yield value  # type: ignore[misc]

    def packed_integers(self, number: int) -> Iterator[int]:
        """Yield the varints of a repeated field that may be written as one run of bytes."""
        for _, kind, value in self.fields(number):
            if kind == VARINT:
                yield value  # type: ignore[misc]
            elif kind == BYTES:
                position, end = value  # type: ignore[misc]
                while position < end:
                    integer, position = read_varint(self._buffer, position, end)
                    yield integer

    def integer(self, number: int) -> int:
        """Return the varint of a field, of several the last; 0 where the field is absent."""
        last = 0
        for last in self.integers(number):  # noqa: B007
            pass
        return last


def _size_of_fixed(kind: int, number: int, start: int) -> int:
    if kind == FIXED64:
        return 8
    if kind == FIXED32:
        return 4
    raise WireError(f"byte {start}: field {number} has wire type {kind}, which no SavedModel uses")


def read_varint(buffer: Buffer, position: int, end: int) -> tuple[int, int]:
    """Read a number of up to 64 bits, seven to a byte, the low ones first; returns it and the position after it."""
    if position + 1 < end:  # Most numbers that are read here are of two bytes.
        low, high = buffer[position], buffer[position + 1]
        if high < 0x80 <= low:
            return low & 0x7F | high << 7, position + 2
    result = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise WireError(f"byte {position}: the message ends within a number")
        byte = buffer[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result >= 1 << 64:
                break
            return result, position
    raise WireError(f"byte {position}: a number of more than 64 bits")


def encode_field_start(number: int, size: int) -> bytes:
    """Return what comes before the bytes of a length-delimited field."""
    return _encode_varint(number << 3 | BYTES) + _encode_varint(size)


def _encode_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
