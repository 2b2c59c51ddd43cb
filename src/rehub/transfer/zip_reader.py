"""Reads a zip archive, and refuses what a model's archive does not hold."""

from __future__ import annotations

import errno
import lzma
import stat
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, cast

from rehub.errors import CorruptArchive, HubError, UnsafeArchive
from rehub.escaping import escape, quote
from rehub.formatting import format_size

if TYPE_CHECKING:
    from rehub.transfer.decompression import Meter
    from rehub.transfer.members import Members

_ENCRYPTED = 0x1
_DIRECTORY_ENTRY = b"PK\x01\x02"
# LZMA is not among them: a few bytes of it have the decoder take gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
# What zipfile and the decompressors below it raise over damaged bytes; bz2 raises an OSError without a number.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)


def unpack(seekable: IO[bytes], members: Members, source: str, meter: Meter) -> None:
    """Gives each member of the archive to `members`, when they are not too many bytes together for `meter`.

    Raises:
        CorruptArchive: the archive is damaged or cut off, or a member is encrypted.
        UnsafeArchive: a member is neither a file nor a directory, or too much comes out.
    """
    try:
        guarded = _GuardedDirectory(seekable, members, source)
        with zipfile.ZipFile(cast("IO[bytes]", guarded)) as archive:
            guarded.is_read = True
            # No member gives more than it says here.
            meter.check(sum(info.file_size for info in archive.infolist()))
            for info in archive.infolist():
                _unpack_member(archive, info, members, source)
    except HubError:
        raise
    except _DAMAGE as error:
        # Any other number is the disk's. An archive can make zipfile seek to where nothing is.
        if getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise
        raise CorruptArchive(f"{source} is no whole zip archive: {escape(error)}.") from error


class _GuardedDirectory:
    """A zip archive's file that gives no larger directory than a model's: `zipfile` makes objects of all of it."""

    def __init__(self, file: IO[bytes], members: Members, source: str) -> None:
        self.is_read = False
        self._file = file
        self._limits = members.limits
        self._source = source

    def read(self, size: int = -1) -> bytes:
        if self.is_read:
            return self._file.read(size)
        if size > self._limits.headers:
            raise self._refused(f"its directory has {format_size(size)}")
        content = self._file.read(size)
        # Each entry begins so, or the directory is damaged.
        if content.count(_DIRECTORY_ENTRY) > self._limits.members:
            raise self._refused(f"its directory has more than {self._limits.members} members")
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _refused(self, rule: str) -> UnsafeArchive:
        return UnsafeArchive(f"{self._source} is refused, and nothing of it was kept: {rule}.")


def _unpack_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, members: Members, source: str) -> None:
    # The upper half is the Unix mode, where the archive was made on Unix.
    file_type = stat.S_IFMT(info.external_attr >> 16)
    if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
        is_link = file_type == stat.S_IFLNK
        raise members.unsafe(info.filename, "is a symbolic link" if is_link else "is a device, fifo or socket")
    if info.filename.endswith("/"):
        members.add_directory(info.filename)
        return
    if info.flag_bits & _ENCRYPTED:
        raise CorruptArchive(f"{source} cannot be read: its member {quote(info.filename)} is encrypted.")
    if info.compress_type not in _METHODS:
        raise CorruptArchive(
            f"{source} cannot be read: its member {quote(info.filename)} is compressed by method {info.compress_type}, "
            "and models are by deflate or bzip2, or not at all."
        )
    with archive.open(info) as content:
        members.add_file(info.filename, info.file_size, content)
        content.read(1)  # Only at the end does zipfile compare the checksum, and an empty file is there at once.
