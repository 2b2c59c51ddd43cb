"""Unpacks a model's archive, of any kind, into a directory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import uuid
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Tuple, Type, cast

from rehub.errors import CorruptArchive, HubError, UnsafeArchive, UnsupportedFormat
from rehub.transfer import tar_reader, zip_reader
from rehub.transfer.members import DEFAULT_LIMITS, Limits, Members

if TYPE_CHECKING:
    from rehub.cache import FileRecord

HEAD = tar_reader.BLOCK
_BUFFER = 1 << 20

# A server may compress once more, by Content-Encoding, what is a compressed archive already.
_MAX_COMPRESSIONS = 2


def unpack(
    source: Path | IO[bytes], into: Path, *, name: str, limits: Limits = DEFAULT_LIMITS
) -> tuple[FileRecord, ...]:
    """Unpacks a model's archive into an empty directory and returns what it wrote.

    A model in a single top folder is written without that folder. Members that are absolute, leave `into`, are
    links, devices or fifos, land on one another, or outgrow `limits`, are refused.

    Args:
        source: a tar archive, plain or compressed by gzip, bzip2, xz or zstd, or a zip archive; told apart by its
            first bytes. A stream is read once, from where it stands to its end.
        into: an empty directory. On any error it is empty again.
        name: what messages call the archive.
        limits: how much it may hold.

    Raises:
        UnsafeArchive: names the member and the rule it broke.
        CorruptArchive: it is no archive, holds nothing, is damaged, or ends too early.
        UnsupportedFormat: it is compressed by zstd, and the package for that is not installed.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as file:
                return _unpack(file, into, name, limits)
        return _unpack(source, into, name, limits)
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


def _unpack(stream: IO[bytes], into: Path, name: str, limits: Limits) -> tuple[FileRecord, ...]:
    members = Members(into, name, limits)
    plain = io.BufferedReader(_Source(stream, name, (), limits), _BUFFER)
    for _ in range(_MAX_COMPRESSIONS):
        opener = _DECOMPRESSORS.get(str(_kind_at(plain)))
        if opener is None:
            break
        decompressed, damage = opener(plain, name)
        plain = io.BufferedReader(_Source(decompressed, name, damage, limits), _BUFFER)
    kind = _kind_at(plain)
    if kind == "zip":
        with tempfile.TemporaryFile(dir=str(into.parent)) as seekable:
            shutil.copyfileobj(plain, seekable, _BUFFER)
            zip_reader.unpack(seekable, members, name)
    elif kind == "tar":
        tar_reader.unpack(plain, members, name, limits)
        # A compressed stream has its checksum at its end, behind the padding of the archive in it.
        while plain.read(_BUFFER):
            pass
    else:
        raise CorruptArchive(
            f"{name} is no archive that rehub knows (tar, tar.gz, tar.bz2, tar.xz, tar.zst, zip): "
            f"it starts with {plain.peek(HEAD)[:40]!r}."
        )
    if not members.records:
        raise CorruptArchive(f"{name} is an archive without any file.")
    return _without_top_folder(into, tuple(members.records))


def _kind_at(stream: io.BufferedReader[_Source]) -> str | None:
    return kind_of(stream.peek(HEAD)[:HEAD])


# A decompressed stream, and what reading it raises over damaged bytes: OSError, when it has no number.
_Opened = Tuple[IO[bytes], Tuple[Type[Exception], ...]]


class _Source(io.RawIOBase):
    """A stream that gives no more than the limit, and whose decompressor's complaints are a `CorruptArchive`."""

    def __init__(self, stream: IO[bytes], name: str, damage: tuple[type[Exception], ...], limits: Limits) -> None:
        self._stream = stream
        self._name = name
        self._damage = damage
        self._limit = limits.bytes
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            chunk = self._stream.read(len(buffer))
        except HubError:
            raise
        except self._damage as error:
            if getattr(error, "errno", None):  # The disk's error, not the archive's.
                raise
            raise CorruptArchive(f"{self._name} is damaged or ends too early: {error}.") from error
        self._given += len(chunk)
        if self._given > self._limit:
            raise UnsafeArchive(
                f"{self._name} is refused, and nothing of it was kept: it unpacks to more than {self._limit} bytes."
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _open_gzip(stream: IO[bytes], _: str) -> _Opened:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=stream)), (EOFError, OSError, zlib.error)


def _open_bzip2(stream: IO[bytes], _: str) -> _Opened:
    return bz2.BZ2File(stream), (EOFError, OSError)


def _open_xz(stream: IO[bytes], _: str) -> _Opened:
    return lzma.LZMAFile(stream), (EOFError, lzma.LZMAError)


def _open_zstd(stream: IO[bytes], name: str) -> _Opened:
    try:
        import zstandard
    except ImportError as error:
        raise UnsupportedFormat(f"{name} is compressed by zstd; to unpack it: pip install rehub[zstd]") from error
    return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True), (zstandard.ZstdError,)


_DECOMPRESSORS = {"gzip": _open_gzip, "bzip2": _open_bzip2, "xz": _open_xz, "zstd": _open_zstd}


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
