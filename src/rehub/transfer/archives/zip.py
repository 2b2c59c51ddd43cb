"""Extract a zip archive, and refuse everything that a model's archive does not need."""

from __future__ import annotations

import errno
import lzma
import stat
import struct
import zipfile
import zlib
from typing import IO, Any, cast

from rehub.errors import CorruptArchive, HubError, UnsafeArchive
from rehub.escaping import escape, quote
from rehub.formatting import format_size
from rehub.transfer.archives.decompress import BombGuard
from rehub.transfer.archives.extractor import SafeExtractor

_ENCRYPTED = 0x1
_DIRECTORY_ENTRY = b"PK\x01\x02"
# Not LZMA: a few bytes make its decoder allocate gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
# The errors of zipfile and its decompressors for damaged bytes; bz2 raises an OSError without a number.
_DAMAGE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)


def extract_zip(seekable: IO[bytes], extractor: SafeExtractor, source: str, guard: BombGuard) -> None:
    """Extract each member, if the sum of their sizes is not too much for `guard`.

    Raises:
        CorruptArchive: the archive is damaged or cut off, or a member is encrypted.
        UnsafeArchive: a member is neither a file nor a directory, or there are too many bytes.
    """
    try:
        directory_guard = _DirectoryGuard(seekable, extractor, source)
        with zipfile.ZipFile(cast("IO[bytes]", directory_guard)) as archive:
            directory_guard.is_read = True
            # zipfile reads no more of a member than its size here.
            guard.check(sum(info.file_size for info in archive.infolist()))
            for info in archive.infolist():
                _unpack_member(archive, info, extractor, source)
    except HubError:
        raise
    except _DAMAGE_ERRORS as error:
        # An archive can make zipfile seek to an impossible offset. Any other number is an error of the disk.
        if getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise
        raise CorruptArchive(f"{source} is not a complete zip archive: {escape(error)}.") from error


class _DirectoryGuard:
    """The file of a zip archive, which limits its central directory: `zipfile` reads all of it into memory."""

    def __init__(self, file: IO[bytes], extractor: SafeExtractor, source: str) -> None:
        self.is_read = False
        self._file = file
        self._limits = extractor.limits
        self._source = source

    def read(self, size: int = -1) -> bytes:
        if self.is_read:
            return self._file.read(size)
        if size > self._limits.headers:
            raise self._make_error(f"its directory has {format_size(size)}")
        content = self._file.read(size)
        # Each entry starts with it, or the directory is damaged.
        if content.count(_DIRECTORY_ENTRY) > self._limits.members:
            raise self._make_error(f"its directory has more than {self._limits.members} members")
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def _make_error(self, rule: str) -> UnsafeArchive:
        return UnsafeArchive(f"{self._source} is refused, and nothing of it was kept: {rule}.")


def _unpack_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, extractor: SafeExtractor, source: str) -> None:
    # The upper half is the Unix mode, if the archive was made on Unix.
    file_type = stat.S_IFMT(info.external_attr >> 16)
    if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
        is_link = file_type == stat.S_IFLNK
        raise extractor.unsafe(info.filename, "is a symbolic link" if is_link else "is a device, fifo or socket")
    if info.filename.endswith("/"):
        extractor.make_directory(info.filename)
        return
    if info.flag_bits & _ENCRYPTED:
        raise CorruptArchive(f"{source} cannot be read: its member {quote(info.filename)} is encrypted.")
    if info.compress_type not in _METHODS:
        raise CorruptArchive(
            f"{source} cannot be read: its member {quote(info.filename)} is compressed by method {info.compress_type}, "
            "and rehub reads deflate, bzip2 and no compression."
        )
    with archive.open(info) as content:
        extractor.extract_file(info.filename, info.file_size, content)
        content.read(1)  # zipfile verifies the checksum at the end only, also that of an empty file.
