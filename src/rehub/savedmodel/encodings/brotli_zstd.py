"""Undoes the compression of a `saved_model.cpb`, by packages that need not be installed, in bounded memory."""

from __future__ import annotations

import io

from rehub.errors import PackageMissing, UnsupportedFormat
from rehub.savedmodel.wire import WireError


def decompressed(path: str, kind: bytes, data: bytes, size: int) -> bytes:
    """Returns what so many bytes were before they were compressed.

    Args:
        path: the file, for messages.
        kind: Riegeli's letter: "b" for Brotli, "z" for Zstandard.
        data: the compressed bytes.
        size: how many they were. What unpacks to more is not unpacked any further.

    Raises:
        WireError: they were more or less, or are damaged.
        PackageMissing: the package that undoes it is not installed; has the pip line.
        UnsupportedFormat: it is a compression that is not known here.
    """
    if kind == b"b":
        unpacked = _by_brotli(path, data, size + 1)
    elif kind == b"z":
        unpacked = _by_zstandard(path, data, size + 1)
    else:
        raise UnsupportedFormat(
            f"{path!r} is compressed in a way that is not read here ({kind!r}): have it saved again by Brotli or "
            "Zstandard, or as saved_model.pb."
        )
    if len(unpacked) != size:
        more_or_less = "more" if len(unpacked) > size else f"{len(unpacked)}"
        raise WireError(f"{len(data)} bytes unpack to {more_or_less}, where {size} are claimed")
    return unpacked


def _by_brotli(path: str, data: bytes, limit: int) -> bytes:
    try:
        import brotli

        decompressor = brotli.Decompressor()
        can_be_bounded = hasattr(decompressor, "can_accept_more_data")
    except ImportError:
        can_be_bounded = False
    if not can_be_bounded:
        raise PackageMissing(f'{path!r} is compressed by Brotli; to read it: pip install "rehub[cpb]".')
    try:
        unpacked = bytearray(decompressor.process(data, output_buffer_limit=limit))
        while len(unpacked) < limit and not (decompressor.is_finished() or decompressor.can_accept_more_data()):
            unpacked += decompressor.process(b"", output_buffer_limit=limit - len(unpacked))
    except brotli.error as error:
        raise WireError(f"{len(data)} bytes are not what Brotli makes ({error})") from error
    if len(unpacked) < limit and not decompressor.is_finished():
        raise WireError(f"{len(data)} bytes of Brotli end too early")
    return bytes(unpacked)


def _by_zstandard(path: str, data: bytes, limit: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise PackageMissing(f'{path!r} is compressed by Zstandard; to read it: pip install "rehub[cpb]".') from error
    try:
        # Its own bound of memory is 128 MiB.
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
            return bytes(reader.read(limit))
    except zstandard.ZstdError as error:
        raise WireError(f"{len(data)} bytes are not what Zstandard makes ({error})") from error
