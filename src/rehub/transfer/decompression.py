"""Undoes gzip, bzip2, xz and zstd in one pass and in bounded memory, whatever the bytes claim."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import IO, TYPE_CHECKING, Callable, cast

from rehub.errors import CorruptArchive, HubError, UnsafeArchive, UnsupportedFormat
from rehub.escaping import escape
from rehub.formatting import format_size

if TYPE_CHECKING:
    from typing import Protocol

    from rehub.transfer.members import Limits
    from rehub.transfer.pipeline import Readable
else:  # Python 3.7 has none.
    Protocol = object

_CHUNK = 1 << 17
# The next member of a stream may be tiny, and each has what lies behind it copied.
_CHUNK_OF_NEXT = 1 << 14
# `cat a.gz b.gz` makes members, and bgzip an empty one at the end. What has thousands of them wants to cost time.
_MOST_EMPTY_MEMBERS = 1000

# `xz -9` needs 65 MiB. The format could ask for 4 GiB.
_XZ_MEMORY = 256 << 20


class Meter:
    """A stream that counts what comes through it, and knows how much may be made of that."""

    def __init__(self, stream: Readable, name: str, limits: Limits) -> None:
        """Starts at zero; `name` is what messages call the archive."""
        self._stream = stream
        self._name = name
        self._limits = limits
        self.received = 0

    def read(self, size: int) -> bytes:
        """At most so many bytes of the stream."""
        chunk = self._stream.read(size)
        self.received += len(chunk)
        self.check(self.received)
        return chunk

    def check(self, unpacked: int) -> None:
        """Raises `UnsafeArchive` when so many bytes are too many, of all or for what has come."""
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


def undoes(kind: str | None) -> bool:
    """Whether this is a kind of compression, rather than of archive."""
    return kind in _OPENERS


def decompressed(stream: Readable, kind: str, name: str, meter: Meter) -> Readable:
    """What a stream of this kind of compression holds.

    Reading it raises `CorruptArchive` over damaged bytes and at an early end, and `UnsafeArchive` when more comes out
    than `meter` allows, or more memory would be needed than any model is worth.
    """
    return _Decompressed(_OPENERS[kind](stream, name), name, meter)


class _Decompressed:
    """Decompressed bytes, with a decompressor's complaints in words for people."""

    def __init__(self, opened: Readable, name: str, meter: Meter) -> None:
        self._opened = opened
        self._name = name
        self._meter = meter
        self._given = 0

    def read(self, size: int) -> bytes:
        try:
            chunk = self._opened.read(size)
        except HubError:
            raise
        except lzma.LZMAError as error:
            if "Memory usage limit" not in str(error):
                raise self._corrupt(error) from error
            raise UnsafeArchive(
                f"{self._name} is refused, and nothing of it was kept: to undo its xz takes more than "
                f"{_XZ_MEMORY >> 20} MiB of memory."
            ) from error
        except MemoryError:
            raise
        except Exception as error:
            # Each decompressor has errors of its own. One with a number is the disk's or the network's.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise self._corrupt(error) from error
        self._given += len(chunk)
        self._meter.check(self._given)
        return chunk

    def _corrupt(self, error: Exception) -> CorruptArchive:
        return CorruptArchive(f"{self._name} is damaged or ends too early: {escape(error)}.")


class _Decoder(Protocol):
    """Decodes one member of a compressed stream: `bz2.BZ2Decompressor` and its like."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Members:
    """The members of a compressed stream, one after the other, as `cat a.gz b.gz` makes them."""

    def __init__(self, stream: Readable, decoder: Callable[[], _Decoder]) -> None:
        self._stream = stream
        self._new_decoder = decoder
        self._decoder = decoder()
        # What has come and how much of it the decoder has.
        self._chunk = b""
        self._given = 0
        self._step = _CHUNK
        self._gave_something = False
        self._empty = 0
        self._has_ended = False

    def read(self, size: int) -> bytes:
        while True:
            if self._decoder.eof and (self._has_ended or not self._starts_next()):
                self._has_ended = True
                return b""
            data = self._next_input() if self._decoder.needs_input else b""
            starved = self._decoder.needs_input and not data
            decoded = self._decoder.decompress(data, size)
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

    def _starts_next(self) -> bool:
        """Goes on to the next member, behind zeros that pad; False where there is none."""
        self._empty += not self._gave_something
        if self._empty > _MOST_EMPTY_MEMBERS:
            raise ValueError(f"it has more than {_MOST_EMPTY_MEMBERS} empty members")
        self._step = _CHUNK_OF_NEXT
        self._given -= len(self._decoder.unused_data)
        while True:
            data = self._next_input()
            if not data:
                return False
            rest = len(data.lstrip(b"\0"))
            if rest:
                break
        self._given -= rest
        self._decoder = self._new_decoder()
        self._gave_something = False
        return True


class _Inflater:
    """zlib's decoder, made like that of `bz2`."""

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
        # Intel's inflater for x86 and ARM, faster than zlib; it compares the checksums as zlib does.
        from isal import igzip_lib
    except ImportError:
        return _Members(stream, _Inflater)
    return _Members(stream, lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP))


def _open_bzip2(stream: Readable, _: str) -> Readable:
    return _Members(stream, bz2.BZ2Decompressor)


def _open_xz(stream: Readable, _: str) -> Readable:
    return _Members(stream, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY))


def _open_zstd(stream: Readable, name: str) -> Readable:
    try:
        import zstandard
    except ImportError as error:
        raise UnsupportedFormat(f"{name} is compressed by zstd; to unpack it: pip install rehub[zstd]") from error
    # Its own bound of memory is 128 MiB.
    return zstandard.ZstdDecompressor().stream_reader(cast("IO[bytes]", stream), read_across_frames=True)


_OPENERS: dict[str, Callable[[Readable, str], Readable]] = {
    "gzip": _open_gzip,
    "bzip2": _open_bzip2,
    "xz": _open_xz,
    "zstd": _open_zstd,
}
