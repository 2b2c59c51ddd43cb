"""Reads a tar archive in one pass, and refuses what a model's archive does not hold.

The standard library's reader is made to restore whatever was archived: it takes unknown types for files, ends quietly
at a damaged header, reads an extended header of any size into memory, and knows how to be safe only since Python 3.12.
A model needs two types of member, and the three ways in which their names outgrow a header of 512 bytes.
The format: https://www.gnu.org/software/tar/manual/html_node/Standard.html and pax in POSIX.1-2017.
"""

from __future__ import annotations

import tarfile
from typing import IO, TYPE_CHECKING

from rehub.errors import CorruptArchive

if TYPE_CHECKING:
    from rehub.transfer.members import Limits, Members

BLOCK = 512
_END = bytes(BLOCK)
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
# Headers that say more about the next member, or about all.
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_REFUSED = {
    tarfile.LNKTYPE: "is a hard link",
    tarfile.SYMTYPE: "is a symbolic link",
    tarfile.CHRTYPE: "is a device",
    tarfile.BLKTYPE: "is a device",
    tarfile.FIFOTYPE: "is a fifo",
    tarfile.GNUTYPE_SPARSE: "is a sparse file",
}


def starts(first_bytes: bytes) -> bool:
    """Whether a tar archive can start with these 512 bytes."""
    if first_bytes == _END:  # An empty archive.
        return True
    try:
        _header(first_bytes)
    except tarfile.HeaderError:
        return False
    return True


def unpack(stream: IO[bytes], members: Members, source: str, limits: Limits) -> None:
    """Gives each member of the archive in `stream` to `members`, up to the archive's end mark.

    Raises:
        CorruptArchive: a header is damaged, or the archive ends without its end mark.
        UnsafeArchive: a member is neither a file nor a directory.
    """
    # What extended headers have said about the next member.
    extended: dict[str, str] = {}
    while True:
        block = _read(stream, BLOCK, source)
        if block == _END:
            return
        try:
            header = _header(block)
        except tarfile.HeaderError as error:
            raise CorruptArchive(f"{source} is damaged: a header of the tar archive is broken ({error}).") from error
        if header.type in _EXTENDED:
            if header.size > limits.header:
                raise members.unsafe(header.name, f"has an extended header of {header.size} bytes")
            content = _read(stream, header.size, source)
            _read(stream, -header.size % BLOCK, source)
            extended.update(_about_next(header, content, members, source))
        else:
            _unpack_member(stream, header, extended, members, source)
            extended.clear()


def _about_next(header: tarfile.TarInfo, content: bytes, members: Members, source: str) -> dict[str, str]:
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    if header.type == tarfile.GNUTYPE_LONGLINK:  # The link itself is refused when it comes.
        return {}
    records = _pax_records(content, source)
    if header.type != tarfile.XGLTYPE:
        return records
    # `git archive` writes a comment for all members. What would rename them all has no place in a model.
    if {"path", "size"} & records.keys():
        raise members.unsafe(header.name, "renames or resizes all members")
    return {}


def _unpack_member(
    stream: IO[bytes], header: tarfile.TarInfo, extended: dict[str, str], members: Members, source: str
) -> None:
    name = extended.get("path", header.name)
    if any(key.startswith("GNU.sparse") for key in extended):
        raise members.unsafe(name, "is a sparse file")
    if header.type == tarfile.DIRTYPE:
        members.add_directory(name)
    elif header.type in _FILES:
        size = _size(extended["size"], source) if "size" in extended else header.size
        members.add_file(name, size, stream)
        _read(stream, -size % BLOCK, source)
    else:
        raise members.unsafe(name, _REFUSED.get(header.type, f"is of the unknown type {header.type!r}"))


def _header(block: bytes) -> tarfile.TarInfo:
    header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    if header.size < 0:
        raise tarfile.HeaderError("negative size")
    return header


def _read(stream: IO[bytes], size: int, source: str) -> bytes:
    content = stream.read(size) if size else b""
    if len(content) != size:
        raise CorruptArchive(f"{source} ends too early: the tar archive has no end mark.")
    return content


def _pax_records(text: bytes, source: str) -> dict[str, str]:
    """The records of an extended header: `<length> <key>=<value>` and a newline."""
    records = {}
    while text.strip(b"\0"):
        length_text, space, _ = text[:20].partition(b" ")
        length = _size(length_text.decode("ascii", "replace"), source)
        key, equals, value = text[len(length_text) + 1 : length - 1].partition(b"=")
        if not (space and equals) or text[length - 1 : length] != b"\n":
            raise CorruptArchive(f"{source} is damaged: an extended header of the tar archive is broken.")
        records[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        text = text[length:]
    return records


def _size(text: str, source: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CorruptArchive(f"{source} is damaged: {text!r} is no size of a tar archive's member.")
    return int(text)
