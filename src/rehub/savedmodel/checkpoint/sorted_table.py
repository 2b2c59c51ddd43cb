"""The table of sorted keys and values in which TensorFlow keeps the index of a checkpoint.

It is LevelDB's format, https://github.com/google/leveldb/blob/main/doc/table_format.md: blocks of entries, a block that
says where those are, and a footer that says where that is. An entry leaves out of its key what it shares with the
key before.
"""

from __future__ import annotations

import struct
from typing import Iterator, NoReturn

from rehub.errors import CorruptModel
from rehub.savedmodel.checkpoint.crc32c import Checksum
from rehub.savedmodel.checkpoint.snappy import decompress_snappy
from rehub.savedmodel.wire import WireError, read_varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER_SIZE = 48
_TRAILER_SIZE = 5  # the type of compression, and the checksum
# Published releases of TensorFlow do not compress an index since 1.2 (TableBuilderOptions in core/util/tensor_bundle/
# tensor_bundle.cc has kNoCompression), but the published index of DeepMind's DM21 has a block in Snappy.
_PLAIN, _SNAPPY = 0, 1
_RESTART_INTERVAL = 16  # Of so many keys at most, TensorFlow writes one in full.


def read_table(path: str, content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a table, in the order of the keys.

    The time and memory that it takes are in proportion to the file: no block is read twice, and the keys together
    cannot be longer than a writer that takes TensorFlow's settings could have made them.

    Raises:
        CorruptModel: it is not such a table, or is cut off, or a checksum does not match.
    """
    return _Table(path, content).iter_entries()


class _Table:
    def __init__(self, path: str, content: bytes) -> None:
        self._path = path
        self._content = content
        self._block_bytes = self._key_bytes = 0  # of what was read, uncompressed and with what keys share

    def iter_entries(self) -> Iterator[tuple[bytes, bytes]]:
        previous_end = 0
        previous = None
        for _, handle in self._read_block(*self._find_index_block()):
            start, size = self._read_block_handle(handle, 0, len(handle))
            if start < previous_end:
                self._raise_corrupt(start, "a block starts within the one before")
            previous_end = start + size
            for key, value in self._read_block(start, size):
                if previous is not None and key <= previous:
                    self._raise_corrupt(start, "the keys of a block are not in order")
                previous = key
                yield key, value

    def _find_index_block(self) -> tuple[int, int]:
        content = self._content
        footer = len(content) - _FOOTER_SIZE
        if footer < 0:
            self._raise_corrupt(len(content), f"it is shorter than the {_FOOTER_SIZE} bytes that end each table")
        (magic,) = struct.unpack_from("<Q", content, len(content) - 8)
        if magic != _MAGIC:
            self._raise_corrupt(len(content) - 8, "the mark that ends each table is not there")
        try:
            _, position = read_varint(content, footer, len(content))  # where the metaindex, which is empty, starts
            _, position = read_varint(content, position, len(content))
        except WireError as error:
            self._raise_corrupt(footer, str(error))
        return self._read_block_handle(content, position, len(content))

    def _read_block_handle(self, buffer: bytes, position: int, end: int) -> tuple[int, int]:
        """Return where a block starts and how long it is, without its trailer."""
        try:
            start, position = read_varint(buffer, position, end)
            size, position = read_varint(buffer, position, end)
        except WireError as error:
            self._raise_corrupt(0, f"the place of a block: {error}")
        if start + size + _TRAILER_SIZE > len(self._content):
            self._raise_corrupt(start, f"a block of {size} bytes is to start there, of a file of {len(self._content)}")
        return start, size

    def _read_block(self, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
        compression, checksum = struct.unpack_from("<BI", self._content, start + size)
        block = self._content[start : start + size]
        actual = Checksum(block, bytes([compression])).masked()
        if actual is not None and actual != checksum:
            self._raise_corrupt(start, f"the checksum of a block is {actual:#010x} instead of {checksum:#010x}")
        if compression == _SNAPPY:
            try:
                block = decompress_snappy(block)
            except WireError as error:
                self._raise_corrupt(start, f"a compressed block: {error}")
        elif compression != _PLAIN:
            self._raise_corrupt(start, f"a block has compression {compression}, which TensorFlow does not write")
        self._block_bytes += len(block)
        if len(block) < 4:
            self._raise_corrupt(start, f"a block has {len(block)} bytes, and needs 4")
        (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
        end = len(block) - 4 - 4 * restarts
        if end < 0:
            self._raise_corrupt(start, f"a block of {len(block)} bytes is to hold {restarts} places of whole keys")
        position = 0
        key = b""
        while position < end:
            try:
                shared, position = read_varint(block, position, end)
                own, position = read_varint(block, position, end)
                value_size, position = read_varint(block, position, end)
            except WireError as error:
                self._raise_corrupt(start, f"an entry of a block: {error}")
            if shared > len(key) or own + value_size > end - position:
                self._raise_corrupt(start + position, "an entry of a block claims more bytes than there are")
            key = key[:shared] + block[position : position + own]
            self._key_bytes += len(key)
            if self._key_bytes > _RESTART_INTERVAL * self._block_bytes:
                self._raise_corrupt(start, "the keys together are longer than blocks of this size can hold")
            position += own + value_size
            yield key, block[position - value_size : position]

    def _raise_corrupt(self, place: int, why: str) -> NoReturn:
        raise CorruptModel(
            f"{self._path!r} cannot be read as the index of a checkpoint, at byte {place}: {why}. It is cut off or "
            "damaged: copy or download it again."
        )
