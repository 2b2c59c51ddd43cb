"""Reads a tar archive in one pass, and refuses what a model's archive does not hold.

The standard library's reader is made to restore whatever was archived: it takes unknown types for files, ends quietly
at a damaged header, reads an extended header of any size into memory, and knows how to be safe only since Python 3.12.
A model needs two types of member, and the three ways in which their names outgrow a header of 512 bytes.
The format: https://www.gnu.org/software/tar/manual/html_node/Standard.html and pax in POSIX.1-2017.
"""

from __future__ import annotations

import tarfile
from typing import IO, TYPE_CHECKING, Iterator

from rehub.errors import CorruptArchive
from rehub.escaping import escape, quote
from rehub.formatting import format_size
from rehub.strict_parsing import parse_count

if TYPE_CHECKING:
    from rehub.transfer.members import Members

BLOCK = 512
_END = bytes(BLOCK)
# A member has one of each kind at most.
_MOST_HEADERS_OF_A_MEMBER = 16
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


def unpack(stream: IO[bytes], members: Members, source: str) -> None:
    """Gives each member of the archive in `stream` to `members`, up to the archive's end mark.

    Raises:
        CorruptArchive: a header is damaged, or the archive ends without its end mark.
        UnsafeArchive: a member is neither a file nor a directory.
    """
    # What extended headers have said about the next member.
    extended: dict[str, str] = {}
    headers = _ExtendedHeaders(members)
    while True:
        block = _read(stream, BLOCK, source)
        if block == _END:
            return
        try:
            header = _header(block)
        except tarfile.HeaderError as error:
            raise CorruptArchive(
                f"{source} is damaged: a header of the tar archive is broken ({escape(error)})."
            ) from error
        if header.type in _EXTENDED:
            headers.count(header)
            content = _read(stream, header.size, source)
            _read(stream, -header.size % BLOCK, source)
            extended.update(_about_next(header, content, members, headers, source))
        else:
            _unpack_member(stream, header, extended, members, source)
            extended.clear()
            headers.start_member()


class _ExtendedHeaders:
    """Counts extended headers, before they are read, and what they say: a member's size says nothing of that."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._limits = members.limits
        self._of_member = 0
        self._bytes = 0
        self._records = 0

    def start_member(self) -> None:
        """Notes that what comes next is about another member."""
        self._of_member = 0

    def count(self, header: tarfile.TarInfo) -> None:
        """Counts one header; raises `UnsafeArchive` when it is too large, or one too many."""
        if header.size > self._limits.header:
            raise self._members.unsafe(header.name, f"has an extended header of {header.size} bytes")
        self._of_member += 1
        if self._of_member > _MOST_HEADERS_OF_A_MEMBER:
            raise self._members.unsafe(header.name, f"has more than {_MOST_HEADERS_OF_A_MEMBER} extended headers")
        self._bytes += header.size + BLOCK
        if self._bytes > 2 * BLOCK * self._limits.members + self._limits.headers:
            raise self._members.unsafe(header.name, f"is behind {format_size(self._bytes)} of extended headers")

    def count_record(self, name: str) -> None:
        """Counts one record of a header; raises `UnsafeArchive` when it is one too many."""
        self._records += 1
        if self._records > self._limits.records:
            raise self._members.unsafe(name, f"is behind {self._limits.records:,} records of extended headers")


def _about_next(
    header: tarfile.TarInfo, content: bytes, members: Members, headers: _ExtendedHeaders, source: str
) -> dict[str, str]:
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    if header.type == tarfile.GNUTYPE_LONGLINK:  # The link itself is refused when it comes.
        return {}
    records = {}
    for key, value in _pax_records(content, source):
        headers.count_record(header.name)
        # What else there is to say about a member, nobody needs, and somebody may have made up to fill the memory.
        if key in ("path", "size"):
            records[key] = value.decode("utf-8", "surrogateescape")
        elif key.startswith("GNU.sparse"):
            records["GNU.sparse"] = ""
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
    if "GNU.sparse" in extended:
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


def _pax_records(content: bytes, source: str) -> Iterator[tuple[str, bytes]]:
    """The records of an extended header: `<length> <key>=<value>` and a newline."""
    position, end = 0, len(content.rstrip(b"\0"))
    while position < end:
        space = content.find(b" ", position, position + 20)
        length = parse_count(content[position:space].decode("ascii", "replace")) if space > 0 else None
        if length is None:
            raise CorruptArchive(
                f"{source} is damaged: {quote(content[position : position + 20])} is no size of a record in an "
                "extended header of the tar archive."
            )
        stop = position + length
        equals = content.find(b"=", space + 1, max(stop - 1, 0))
        if equals < 0 or content[stop - 1 : stop] != b"\n":
            raise CorruptArchive(f"{source} is damaged: an extended header of the tar archive is broken.")
        key = content[space + 1 : min(equals, space + 100)].decode("utf-8", "surrogateescape")
        yield key, content[equals + 1 : stop - 1]
        position = stop


def _size(text: str, source: str) -> int:
    size = parse_count(text)
    if size is None:
        raise CorruptArchive(f"{source} is damaged: {quote(text, 40)} is no size of a tar archive's member.")
    return size
