"""Writes Riegeli files, and split SavedModels as TensorFlow's proto_splitter does, for tests that read them."""

from __future__ import annotations

import struct

from wire_messages import field, varint

from rehub.savedmodel.encodings import header_hash

BLOCK, BLOCK_HEADER, CHUNK_HEADER = 1 << 16, 24, 40
USABLE = BLOCK - BLOCK_HEADER


def highway_hash(data):
    """HighwayHash of any number of bytes, so that other readers take the files as well."""
    state = header_hash._State()
    whole = len(data) - len(data) % 32
    for place in range(0, whole, 32):
        state.add(struct.unpack_from("<4Q", data, place))
    rest, size = data[whole:], len(data) % 32
    if size:
        state.v0 = [(each + (size << 32) + size) & header_hash._MASK for each in state.v0]
        state.v1 = [rotated(each >> 32, size) << 32 | rotated(each & 0xFFFFFFFF, size) for each in state.v1]
        packet = bytearray(32)
        packet[: size & ~3] = rest[: size & ~3]
        if size & 16:
            packet[28:] = rest[-4:]
        elif size & 3:
            last = rest[size & ~3 :]
            packet[16:19] = bytes((last[0], last[len(last) >> 1], last[-1]))
        state.add(struct.unpack("<4Q", packet))
    for _ in range(4):
        a, b, c, d = map(header_hash._halves_swapped, state.v0)
        state.add((c, d, a, b))
    return (state.v0[0] + state.v1[0] + state.mul0[0] + state.mul1[0]) & header_hash._MASK


def rotated(half, by):
    return (half << by | half >> 32 - by) & 0xFFFFFFFF


class RiegeliFile:
    """A file that is written in memory, with the formulas of the specification.

    The hash of data takes a second for a megabyte, and what reads files here does not look at it.
    """

    def __init__(self, *, hashes_data=True):
        self.hashes_data = hashes_data
        self.content = bytearray()
        self.chunk(b"s", b"", 0, 0)

    def chunk(self, kind, data, count, decoded_size):
        """Writes a chunk; returns where it begins."""
        begin = len(self.content)
        data_hash = highway_hash(data) if self.hashes_data else 0
        rest = struct.pack("<QQQQ", len(data), data_hash, kind[0] | count << 8, decoded_size)
        body = struct.pack("<Q", highway_hash(rest)) + rest + data
        overhead = (len(body) + (begin + USABLE - 1) % BLOCK) // USABLE
        after = begin + (count if count < 1 << 20 else 0)  # A lie is not padded.
        remaining = BLOCK - 1 - (after + BLOCK - 1) % BLOCK
        end = max(begin + len(body) + overhead * BLOCK_HEADER, after + max(remaining - (USABLE - 1), 0))
        place = 0
        while len(self.content) < end:
            if len(self.content) % BLOCK == 0:
                header = struct.pack("<QQ", len(self.content) - begin, end - len(self.content))
                self.content += struct.pack("<Q", highway_hash(header)) + header
            room = min(BLOCK - len(self.content) % BLOCK, end - len(self.content))
            piece = body[place : place + room]
            place += len(piece)
            self.content += piece + bytes(room - len(piece))
        return begin

    def simple(self, records, kind=b"\0", compress=None):
        """Writes records; returns the position of each."""
        sizes = b"".join(varint(len(record)) for record in records)
        values = b"".join(records)
        size = len(values)
        if compress is not None:
            sizes, values = (varint(len(each)) + compress(each) for each in (sizes, values))
        begin = self.chunk(b"r", kind + varint(len(sizes)) + sizes + values, len(records), size)
        return [begin + index for index in range(len(records))]


MESSAGE, IN_BYTES = 1, 2


def step(which):
    """A FieldIndex: a number of a field as it is, ("index", 3), ("key", "name") or ("number", 5)."""
    if isinstance(which, int):
        return field(1, which)
    kind, value = which
    if kind == "index":
        return field(3, value)
    return field(2, field(1, value.encode()) if kind == "key" else field(3, value))


def chunked_message(index, *fields):
    """A ChunkedMessage: the number of its own chunk, and pairs of steps and ChunkedMessages."""
    own = b"" if index is None else field(1, index)
    return own + b"".join(
        field(2, b"".join(field(1, step(which)) for which in steps) + field(3, inner)) for steps, inner in fields
    )


def split_file(chunks, message, *, hashes_data=True, **how):
    """A `saved_model.cpb`: pairs of a kind and bytes, and the ChunkedMessage that says where they belong."""
    file = RiegeliFile(hashes_data=hashes_data)
    infos = b""
    for kind, content in chunks:
        (position,) = file.simple([content], **how)
        infos += field(2, field(1, kind) + field(2, len(content)) + field(3, position))
    file.simple([field(1, field(1, 1)) + infos + field(3, message)], **how)
    return bytes(file.content)


def split_in_one(content, **how):
    """A `saved_model.cpb` that holds the bytes of a `saved_model.pb` in one chunk."""
    return split_file([(MESSAGE, content)], chunked_message(0), **how)
