"""Unpacks a model's archive, of any kind, into a directory."""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rehub.errors import CorruptArchive, HubError, UnsafeArchive
from rehub.escaping import escape
from rehub.transfer import disk_space, tar_reader, zip_reader
from rehub.transfer.decompression import Meter, decompressed, undoes
from rehub.transfer.members import Limits, Members, limits_of_settings
from rehub.transfer.pipeline import Readable, in_two_threads

if TYPE_CHECKING:
    from rehub.cache import FileRecord

HEAD = tar_reader.BLOCK
_BUFFER = 1 << 18

# A server may compress once more, by Content-Encoding, what is a compressed archive already.
_MAX_COMPRESSIONS = 2


def unpack_archive(
    source: Path | Readable, into: Path, *, name: str, limits: Limits | None = None
) -> tuple[FileRecord, ...]:
    """Unpacks a model's archive into an empty directory and returns what it wrote.

    A model in a single top folder is written without that folder. Members that are absolute, leave `into`, are
    links, devices or fifos, land on one another, or outgrow `limits`, are refused.

    Args:
        source: a tar archive, plain or compressed by gzip, bzip2, xz or zstd, or a zip archive; told apart by its
            first bytes. A stream is read once, from where it stands to its end.
        into: an empty directory. On any error it is empty again.
        name: what messages call the archive.
        limits: how much it may hold; else what the settings say.

    Raises:
        UnsafeArchive: names the member and the rule it broke.
        CorruptArchive: it is no archive, holds nothing, is damaged, or ends too early.
        DiskFull: there is no room for it.
        UnsupportedFormat: it is compressed by zstd, and the package for that is not installed.
    """
    limits = limits or limits_of_settings()
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return _unpack_untrusted(file, into, name, limits)
        return _unpack_untrusted(source, into, name, limits)
    except BaseException:
        for path in into.iterdir():
            if path.is_dir():
                shutil.rmtree(str(path))
            else:
                path.unlink()
        raise


def kind_of(head: bytes) -> str | None:
    r"""The kind of archive or compression that starts with these 512 bytes, or None.

    >>> kind_of(b"PK\x03\x04...")
    'zip'
    """
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    return "tar" if tar_reader.starts(head) else None


_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # without members
}


def peeked(stream: Readable) -> tuple[bytes, io.RawIOBase]:
    """The first bytes of a stream, as many as tell its kind, and a stream of all of its bytes."""
    head = b""
    while len(head) < HEAD:
        chunk = stream.read(HEAD - len(head))
        if not chunk:
            break
        head += chunk
    return head, _FromItsStart(head, stream)


class _FromItsStart(io.RawIOBase):
    """A stream of which some bytes have been read, with these again before the others."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._stream.read(size)
        chunk, self._head = self._head[:size], self._head[size:]
        return chunk

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _unpack_untrusted(source: Readable, into: Path, name: str, limits: Limits) -> tuple[FileRecord, ...]:
    """Unpacks; whatever a reader stumbles over in the bytes is the archive's fault, and told as such."""
    try:
        return _unpack(source, into, name, limits)
    except (MemoryError, RecursionError) as error:
        raise UnsafeArchive(
            f"{name} is refused, and nothing of it was kept: to unpack it takes more memory than there is "
            f"({type(error).__name__})."
        ) from error
    except (ValueError, LookupError, ArithmeticError, struct.error) as error:
        if isinstance(error, HubError):
            raise
        raise CorruptArchive(f"{name} is damaged: {type(error).__name__}: {escape(error)}.") from error


def _unpack(source: Readable, into: Path, name: str, limits: Limits) -> tuple[FileRecord, ...]:
    meter = Meter(source, name, limits)

    # Three stages at once: what waits for a network, what decompresses, and what hashes and writes.
    def decompress(stream: IO[bytes]) -> tuple[FileRecord, ...]:
        head, plain = peeked(stream)
        compressions = 0
        while undoes(kind_of(head)) and compressions < _MAX_COMPRESSIONS:
            head, plain = peeked(decompressed(plain, str(kind_of(head)), name, meter))
            compressions += 1

        def write(members: IO[bytes]) -> tuple[FileRecord, ...]:
            return _unpack_members(members, head, into, name, limits, meter)

        return in_two_threads(plain, write) if compressions else write(io.BufferedReader(plain, _BUFFER))

    return in_two_threads(meter, decompress)


def _unpack_members(
    plain: IO[bytes], head: bytes, into: Path, name: str, limits: Limits, meter: Meter
) -> tuple[FileRecord, ...]:
    members = Members(into, name, limits)
    kind = kind_of(head)
    if kind == "zip":
        with contextlib.ExitStack() as files:
            with disk_space.told(into, f"{name}, as an archive,"):
                seekable = files.enter_context(tempfile.TemporaryFile(dir=str(into.parent)))
                shutil.copyfileobj(plain, seekable, _BUFFER)
                seekable.flush()
            zip_reader.unpack(seekable, members, name, meter)
    elif kind == "tar":
        tar_reader.unpack(plain, members, name)
        # A compressed stream has its checksum at its end, behind the padding of the archive in it.
        while plain.read(_BUFFER):
            pass
    else:
        raise CorruptArchive(
            f"{name} is no archive that rehub knows (tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip): "
            f"it starts with {head[:40]!r}."
        )
    if not members.records:
        raise CorruptArchive(f"{name} is an archive without any file.")
    return _without_top_folder(into, tuple(members.records))


def _without_top_folder(into: Path, records: tuple[FileRecord, ...]) -> tuple[FileRecord, ...]:
    """Moves the content of a single top folder up; a SavedModel is never one, as it has a file at its root."""
    top = records[0].name.split("/")[0]
    if [path.name for path in into.iterdir()] != [top] or not (into / top).is_dir():
        return records
    # Under a name that nothing in the folder has.
    emptied = into / uuid.uuid4().hex
    (into / top).rename(emptied)
    for path in emptied.iterdir():
        path.rename(into / path.name)
    emptied.rmdir()
    return tuple(replace(record, name=record.name[len(top) + 1 :]) for record in records)
