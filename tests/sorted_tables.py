"""Write tables of sorted keys and values, like the index of a checkpoint, valid and damaged."""

from __future__ import annotations

import struct

from wire_messages import varint

MAGIC = 0xDB4775248B80FB57


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def masked(data):
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block_of(entries):
    """A block of (shared, rest of the key, value)."""
    out = b"".join(
        varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value for shared, rest, value in entries
    )
    return out + struct.pack("<II", 0, 1)


def with_trailer(block, compression=0):
    return block + bytes([compression]) + struct.pack("<I", masked(block + bytes([compression])))


def table_of(*blocks, compression=0, handles=None):
    """A table of blocks; `handles` are where its index says that they are, as (start, size)."""
    out, places = b"", []
    for block in blocks:
        places.append((len(out), len(block)))
        out += with_trailer(block, compression)
    index = block_of([(0, b"%06d" % i, varint(a) + varint(b)) for i, (a, b) in enumerate(handles or places)])
    return out + with_trailer(index) + footer_of(len(out), len(index))


def footer_of(start, size):
    """The end of a table whose index is a block that starts there and has this size."""
    footer = varint(0) + varint(0) + varint(start) + varint(size)
    return footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)
