"""Reads a zip archive, and refuses what a model's archive does not hold."""

from __future__ import annotations

import errno
import lzma
import stat
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from rehub.errors import CorruptArchive, HubError

if TYPE_CHECKING:
    from rehub.transfer.decompression import Meter
    from rehub.transfer.members import Members

_ENCRYPTED = 0x1
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
        with zipfile.ZipFile(seekable) as archive:
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
        raise CorruptArchive(f"{source} is no whole zip archive: {error}.") from error


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
        raise CorruptArchive(f"{source} cannot be read: its member {info.filename!r} is encrypted.")
    with archive.open(info) as content:
        members.add_file(info.filename, info.file_size, content)
        content.read(1)  # Only at the end does zipfile compare the checksum, and an empty file is there at once.
