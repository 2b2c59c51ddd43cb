"""Decompress gzip, bzip2, xz and zstd in one pass and in bounded memory, whatever the bytes claim."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import IO, Any, Callable, cast

from rehub.errors import CorruptArchive, HubError, UnsafeArchive, UnsupportedFormat
from rehub.escaping import escape
from rehub.formatting import format_size
from rehub.transfer.archives.extractor import Limits
from rehub.transfer.streams import Readable

_CHUNK = 1 << 17
# The next member of a stream may be tiny, and decoding each one copies the bytes after it.
_NEXT_MEMBER_CHUNK = 1 << 14
# `cat a.gz b.gz` makes members, and bgzip an empty one at the end. Thousands of them are an attack on CPU time.
_MAX_EMPTY_MEMBERS = 1000

# `xz -9` needs 65 MiB. The format allows 4 GiB.
_MAX_XZ_MEMORY = 256 << 20


class BombGuard:
    """A stream that counts its bytes, and limits how many bytes may be decompressed from them."""

    def __init__(self, stream: Readable, name: str, limits: Limits) -> None:
        """Take a stream, and what messages call the archive."""
        self._stream = stream
        self._name = name
        self._limits = limits
        self.received = 0

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes of the stream."""
        chunk = self._stream.read(size)
        self.received += len(chunk)
        self.check(self.received)
        return chunk

    def check(self, unpacked: int) -> None:
        """Raise `UnsafeArchive` if `unpacked` bytes are too many, in total or for the bytes received."""
        limits = self._limits
        if unpacked > limits.bytes:
            rule = f"it unpacks to more than {format_size(limits.bytes)} (REHUB_MAX_SIZE)"
        elif unpacked > limits.ratio_from and unpacked > limits.ratio * self.received:
            rule = (
                f"{format_size(self.received)} of it unpack to {format_size(unpacked)}, over "
                f"{limits.ratio} times as much. If you trust it, unpack it and give its directory"
            )
        else:
            return
        raise UnsafeArchive(f"{self._name} is refused, and nothing of it was kept: {rule}.")


def is_compression(format_name: str | None) -> bool:
    """Return whether a format is a compression, and not an archive."""
    return format_name in _OPENERS


def decompress_stream(stream: Readable, format_name: str, name: str, guard: BombGuard) -> Readable:
    """Return the decompressed stream.

    Reading it raises `CorruptArchive` for damaged or missing bytes, and `UnsafeArchive` for more bytes than `guard`
    allows, or if decompression needs too much memory.
    """
    return _DecompressedStream(_OPENERS[format_name](stream, name), name, guard)


class _DecompressedStream:
    """Decompressed bytes; errors of the decompressor become those of rehub."""

    def __init__(self, opened: Readable, name: str, guard: BombGuard) -> None:
        self._opened = opened
        self._name = name
        self._guard = guard
        self._given = 0

    def read(self, size: int) -> bytes:
        try:
            chunk = self._opened.read(size)
        except HubError:
            raise
        except lzma.LZMAError as error:
            if "Memory usage limit" not in str(error):
                raise self._corrupt_error(error) from error
            raise UnsafeArchive(
                f"{self._name} is refused, and nothing of it was kept: decompressing its xz needs more than "
                f"{_MAX_XZ_MEMORY >> 20} MiB of memory."
            ) from error
        except MemoryError:
            raise
        except Exception as error:
            # Each decompressor has its own errors. An error with a number is from the disk or the network.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise self._corrupt_error(error) from error
        self._given += len(chunk)
        self._guard.check(self._given)
        return chunk

    def _corrupt_error(self, error: Exception) -> CorruptArchive:
        return CorruptArchive(f"{self._name} is damaged or ends too early: {escape(error)}.")


class _MemberStream:
    """The members of a compressed stream in sequence, as `cat a.gz b.gz` makes them.

    Each has a decoder of its own, with the interface of `bz2.BZ2Decompressor`.
    """

    def __init__(self, stream: Readable, decoder: Callable[[], Any]) -> None:
        self._stream = stream
        self._create_decoder = decoder
        self._decoder = decoder()
        # The current input, and how much of it the decoder has.
        self._chunk = b""
        self._given = 0
        self._step = _CHUNK
        self._gave_something = False
        self._empty = 0
        self._has_ended = False

    def read(self, size: int) -> bytes:
        while True:
            if self._decoder.eof and (self._has_ended or not self._start_next_member()):
                self._has_ended = True
                return b""
            data = self._next_input() if self._decoder.needs_input else b""
            starved = self._decoder.needs_input and not data
            decoded: bytes = self._decoder.decompress(data, size)
            if decoded:
                self._gave_something = True
                return decoded
            if starved and not self._decoder.eof:
                raise EOFError("its end is missing")

    def _next_input(self) -> bytes:
        if self._given == len(self._chunk):
            self._chunk, self._given = self._stream.read(_CHUNK), 0
        data = self._chunk[self._given : self._given + self._step]
        self._given += len(data)
        return data

    def _start_next_member(self) -> bool:
        """Skip padding zeros and start the next member; return whether there is one."""
        self._empty += not self._gave_something
        if self._empty > _MAX_EMPTY_MEMBERS:
            raise ValueError(f"it has more than {_MAX_EMPTY_MEMBERS} empty members")
        self._step = _NEXT_MEMBER_CHUNK
        self._given -= len(self._decoder.unused_data)
        while True:
            data = self._next_input()
            if not data:
                return False
            rest = len(data.lstrip(b"\0"))
            if rest:
                break
        self._given -= rest
        self._decoder = self._create_decoder()
        self._gave_something = False
        return True


class _ZlibDecompressor:
    """zlib's decompressor with the interface of that of `bz2`."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)


def _open_gzip(stream: Readable, _: str) -> Readable:
    try:
        # Intel's decompressor for x86 and ARM is faster than zlib, and verifies checksums as zlib does.
        from isal import igzip_lib
    except ImportError:
        return _MemberStream(stream, _ZlibDecompressor)
    return _MemberStream(stream, lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP))


def _open_bzip2(stream: Readable, _: str) -> Readable:
    return _MemberStream(stream, bz2.BZ2Decompressor)


def _open_xz(stream: Readable, _: str) -> Readable:
    return _MemberStream(stream, lambda: lzma.LZMADecompressor(memlimit=_MAX_XZ_MEMORY))


def _open_zstd(stream: Readable, name: str) -> Readable:
    try:
        import zstandard
    except ImportError as error:
        raise UnsupportedFormat(f"{name} is compressed by zstd; to unpack it: pip install rehub[zstd]") from error
    # It limits itself to 128 MiB of memory.
    return zstandard.ZstdDecompressor().stream_reader(cast("IO[bytes]", stream), read_across_frames=True)


_OPENERS: dict[str, Callable[[Readable, str], Readable]] = {
    "gzip": _open_gzip,
    "bzip2": _open_bzip2,
    "xz": _open_xz,
    "zstd": _open_zstd,
}
