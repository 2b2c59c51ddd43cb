"""Unpack a model's archive, of any format, into a directory."""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import IO

from rehub.cache import FileRecord
from rehub.errors import CorruptArchive, HubError, UnsafeArchive
from rehub.escaping import escape
from rehub.transfer.archives.decompress import BombGuard, decompress_stream, is_compression
from rehub.transfer.archives.extractor import Limits, SafeExtractor, default_limits
from rehub.transfer.archives.pipeline import run_in_two_threads
from rehub.transfer.archives.tar import BLOCK, extract_tar, is_tar_start
from rehub.transfer.archives.zip import extract_zip
from rehub.transfer.digests import DigestVerifier, expect_from_handle
from rehub.transfer.disk_space import convert_disk_full
from rehub.transfer.streams import RawStream, Readable

HEAD = BLOCK
_BUFFER = 1 << 18
_VERIFIED_BUFFER = 1 << 20

# A server may compress a compressed archive once more, by Content-Encoding.
_MAX_COMPRESSIONS = 2


def unpack_archive(
    source: Path | Readable, into: Path, *, name: str, limits: Limits | None = None
) -> tuple[FileRecord, ...]:
    """Unpack a model's archive into an empty directory and return the written files.

    A model in a single top folder is written without that folder. Members that are absolute, leave `into`, are links,
    devices or fifos, collide, or exceed `limits`, are refused.

    Args:
        source: a tar archive, plain or compressed by gzip, bzip2, xz or zstd, or a zip archive; detected by its first
            bytes. A stream is read once to its end.
        into: an empty directory. Empty again after an error.
        name: what messages call the archive.
        limits: how much it may hold; None takes those of the settings.

    Raises:
        UnsafeArchive: names the member and the rule that it breaks.
        CorruptArchive: it is not an archive, is empty, is damaged, or ends too early.
        DiskFull: there is no room for it.
        UnsupportedFormat: it is compressed by zstd, whose package is not installed.
    """
    limits = limits or default_limits()
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return _unpack_with_errors(file, into, name, limits)
        return _unpack_with_errors(source, into, name, limits)
    except BaseException:
        for path in into.iterdir():
            if path.is_dir():
                shutil.rmtree(str(path))
            else:
                path.unlink()
        raise


def unpack_verified(
    source: Path | IO[bytes], into: Path, *, name: str, sha256: str | None = None
) -> tuple[FileRecord, ...]:
    """Unpack a model's archive as `unpack_archive` does, and verify its digest.

    Args:
        source: a file, or a stream.
        into: an empty directory. To be deleted after an error.
        name: what messages call the archive.
        sha256: the digest that the archive must have, in hex; None accepts any.

    Raises:
        HashMismatch: it is another archive.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return unpack_verified(file, into, name=name, sha256=sha256)
    stream, verifier = source, DigestVerifier(expect_from_handle(sha256), name)

    def read_hashed(size: int) -> bytes:
        chunk = stream.read(size)
        verifier.update(chunk)
        return chunk

    hashed = io.BufferedReader(RawStream(read_hashed), _VERIFIED_BUFFER)
    records = unpack_archive(hashed, into, name=name)
    while hashed.read(_VERIFIED_BUFFER):  # Bytes after the archive are part of the digest.
        pass
    verifier.verify()
    return records


def detect_format(head: bytes) -> str | None:
    r"""Return the format of the archive or compression that starts with these 512 bytes; None if unknown.

    >>> detect_format(b"PK\x03\x04...")
    'zip'
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    return "tar" if is_tar_start(head) else None


_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # without members
}


def peek(stream: Readable) -> tuple[bytes, io.RawIOBase]:
    """Return the first bytes of a stream, enough to detect its format, and a stream of all of its bytes."""
    head = b""
    while len(head) < HEAD:
        chunk = stream.read(HEAD - len(head))
        if not chunk:
            break
        head += chunk
    unread = head

    def read(size: int) -> bytes:
        nonlocal unread
        if not unread:
            return stream.read(size)
        chunk, unread = unread[:size], unread[size:]
        return chunk

    return head, RawStream(read)


def _unpack_with_errors(source: Readable, into: Path, name: str, limits: Limits) -> tuple[FileRecord, ...]:
    """Unpack; an unexpected error of a reader means that the archive is damaged or unsafe."""
    try:
        return _unpack_stream(source, into, name, limits)
    except (MemoryError, RecursionError) as error:
        raise UnsafeArchive(
            f"{name} is refused, and nothing of it was kept: unpacking it needs more memory than there is "
            f"({type(error).__name__})."
        ) from error
    except (ValueError, LookupError, ArithmeticError, struct.error) as error:
        if isinstance(error, HubError):
            raise
        raise CorruptArchive(f"{name} is damaged: {type(error).__name__}: {escape(error)}.") from error


def _unpack_stream(source: Readable, into: Path, name: str, limits: Limits) -> tuple[FileRecord, ...]:
    guard = BombGuard(source, name, limits)

    # Three stages run at once: reading from a network, decompressing, and hashing and writing.
    def decompress(stream: IO[bytes]) -> tuple[FileRecord, ...]:
        head, plain = peek(stream)
        compressions = 0
        while is_compression(detect_format(head)) and compressions < _MAX_COMPRESSIONS:
            head, plain = peek(decompress_stream(plain, str(detect_format(head)), name, guard))
            compressions += 1

        def write(members: IO[bytes]) -> tuple[FileRecord, ...]:
            return _unpack_members(members, head, into, name, limits, guard)

        return run_in_two_threads(plain, write) if compressions else write(io.BufferedReader(plain, _BUFFER))

    return run_in_two_threads(guard, decompress)


def _unpack_members(
    plain: IO[bytes], head: bytes, into: Path, name: str, limits: Limits, guard: BombGuard
) -> tuple[FileRecord, ...]:
    extractor = SafeExtractor(into, name, limits)
    archive_format = detect_format(head)
    if archive_format == "zip":
        with contextlib.ExitStack() as files:
            with convert_disk_full(into, f"{name}, as an archive,"):
                seekable = files.enter_context(tempfile.TemporaryFile(dir=str(into.parent)))
                shutil.copyfileobj(plain, seekable, _BUFFER)
                seekable.flush()
            extract_zip(seekable, extractor, name, guard)
    elif archive_format == "tar":
        extract_tar(plain, extractor, name)
        # A compressed stream has its checksum at its end, after the padding of the archive in it.
        while plain.read(_BUFFER):
            pass
    else:
        raise CorruptArchive(
            f"{name} is not an archive that rehub knows (tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip): "
            f"it starts with {head[:40]!r}."
        )
    if not extractor.records:
        raise CorruptArchive(f"{name} is an archive without files.")
    return _remove_top_folder(into, tuple(extractor.records))


def _remove_top_folder(into: Path, records: tuple[FileRecord, ...]) -> tuple[FileRecord, ...]:
    """Move the content of a single top folder up. A SavedModel has a file at its root, so it is never one."""
    top = records[0].name.split("/")[0]
    if [path.name for path in into.iterdir()] != [top] or not (into / top).is_dir():
        return records
    # A name that nothing in the folder has.
    emptied = into / uuid.uuid4().hex
    (into / top).rename(emptied)
    for path in emptied.iterdir():
        path.rename(into / path.name)
    emptied.rmdir()
    return tuple(replace(record, name=record.name[len(top) + 1 :]) for record in records)
