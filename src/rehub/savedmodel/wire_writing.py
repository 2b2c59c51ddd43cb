"""Writes protobuf's wire format: the few pieces that messages are put together from."""

from __future__ import annotations

from rehub.savedmodel.wire import BYTES


def varint(number: int) -> bytes:
    """Encodes a number of up to 64 bits, seven to a byte, the low ones first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def key(number: int, kind: int) -> bytes:
    """What stands before the value of a field: its number and wire type."""
    return varint(number << 3 | kind)


def sized_key(number: int, size: int) -> bytes:
    """What stands before the value of a field that has a size: of a message, a string, or packed numbers."""
    return key(number, BYTES) + varint(size)
