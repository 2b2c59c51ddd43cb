"""Extract a tar archive in one pass, and refuse everything that a model's archive does not need.

The reader of the standard library takes unknown types for files, ends silently at a damaged header, reads an extended
header of any size into memory, and has a safe mode only since Python 3.12. A model needs two types of member, and the
three extensions for names longer than a header of 512 bytes.
The format: https://www.gnu.org/software/tar/manual/html_node/Standard.html and pax in POSIX.1-2017.
"""

from __future__ import annotations

import tarfile
from typing import IO, Iterator

from rehub.errors import CorruptArchive
from rehub.escaping import escape, quote
from rehub.formatting import format_size
from rehub.strict_parsing import parse_count
from rehub.transfer.archives.extractor import SafeExtractor

BLOCK = 512
_END = bytes(BLOCK)
# A member has at most one of each kind.
_MAX_HEADERS_PER_MEMBER = 16
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
# Headers about the next member, or about all.
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


def is_tar_start(first_bytes: bytes) -> bool:
    """Return whether a tar archive can start with these 512 bytes."""
    if first_bytes == _END:  # An empty archive.
        return True
    try:
        _parse_header(first_bytes)
    except tarfile.HeaderError:
        return False
    return True


def extract_tar(stream: IO[bytes], extractor: SafeExtractor, source: str) -> None:
    """Extract each member, up to the archive's end mark.

    Raises:
        CorruptArchive: a header is damaged, or the archive ends without its end mark.
        UnsafeArchive: a member is neither a file nor a directory.
    """
    # The fields of extended headers for the next member.
    extended: dict[str, str] = {}
    headers = _ExtendedHeaders(extractor)
    while True:
        block = _read_exactly(stream, BLOCK, source)
        if block == _END:
            return
        try:
            header = _parse_header(block)
        except tarfile.HeaderError as error:
            raise CorruptArchive(
                f"{source} is damaged: a header of the tar archive is broken ({escape(error)})."
            ) from error
        if header.type in _EXTENDED:
            headers.count_header(header)
            content = _read_exactly(stream, header.size, source)
            _read_exactly(stream, -header.size % BLOCK, source)
            extended.update(_parse_extended(header, content, extractor, headers, source))
        else:
            _unpack_member(stream, header, extended, extractor, source)
            extended.clear()
            headers.start_member()


class _ExtendedHeaders:
    """Counts extended headers and their records against the limits, before they are read."""

    def __init__(self, extractor: SafeExtractor) -> None:
        self._extractor = extractor
        self._limits = extractor.limits
        self._in_member = 0
        self._bytes = 0
        self._records = 0

    def start_member(self) -> None:
        """Reset the count of the headers of one member."""
        self._in_member = 0

    def count_header(self, header: tarfile.TarInfo) -> None:
        """Count a header; raise `UnsafeArchive` if it is too large, or one too many."""
        if header.size > self._limits.header:
            raise self._extractor.unsafe(header.name, f"has an extended header of {header.size} bytes")
        self._in_member += 1
        if self._in_member > _MAX_HEADERS_PER_MEMBER:
            raise self._extractor.unsafe(header.name, f"has more than {_MAX_HEADERS_PER_MEMBER} extended headers")
        self._bytes += header.size + BLOCK
        if self._bytes > 2 * BLOCK * self._limits.members + self._limits.headers:
            raise self._extractor.unsafe(header.name, f"comes after {format_size(self._bytes)} of extended headers")

    def count_record(self, name: str) -> None:
        """Count a record of a header; raise `UnsafeArchive` if it is one too many."""
        self._records += 1
        if self._records > self._limits.records:
            raise self._extractor.unsafe(name, f"comes after {self._limits.records:,} records of extended headers")


def _parse_extended(
    header: tarfile.TarInfo, content: bytes, extractor: SafeExtractor, headers: _ExtendedHeaders, source: str
) -> dict[str, str]:
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    if header.type == tarfile.GNUTYPE_LONGLINK:  # The link itself is refused later.
        return {}
    records = {}
    for key, value in _iter_pax_records(content, source):
        headers.count_record(header.name)
        # A model needs no other records, and keeping them would let an archive fill the memory.
        if key in ("path", "size"):
            records[key] = value.decode("utf-8", "surrogateescape")
        elif key.startswith("GNU.sparse"):
            records["GNU.sparse"] = ""
    if header.type != tarfile.XGLTYPE:
        return records
    # `git archive` writes a comment for all members, but no archive of a model renames them all.
    if {"path", "size"} & records.keys():
        raise extractor.unsafe(header.name, "renames or resizes all members")
    return {}


def _unpack_member(
    stream: IO[bytes], header: tarfile.TarInfo, extended: dict[str, str], extractor: SafeExtractor, source: str
) -> None:
    name = extended.get("path", header.name)
    if "GNU.sparse" in extended:
        raise extractor.unsafe(name, "is a sparse file")
    if header.type == tarfile.DIRTYPE:
        extractor.make_directory(name)
    elif header.type in _FILES:
        size = _parse_member_size(extended["size"], source) if "size" in extended else header.size
        extractor.extract_file(name, size, stream)
        _read_exactly(stream, -size % BLOCK, source)
    else:
        raise extractor.unsafe(name, _REFUSED.get(header.type, f"is of the unknown type {header.type!r}"))


def _parse_header(block: bytes) -> tarfile.TarInfo:
    header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    if header.size < 0:
        raise tarfile.HeaderError("negative size")
    return header


def _read_exactly(stream: IO[bytes], size: int, source: str) -> bytes:
    content = stream.read(size) if size else b""
    if len(content) != size:
        raise CorruptArchive(f"{source} ends too early: the tar archive has no end mark.")
    return content


def _iter_pax_records(content: bytes, source: str) -> Iterator[tuple[str, bytes]]:
    """Yield the records of an extended header: `<length> <key>=<value>` and a newline."""
    position, end = 0, len(content.rstrip(b"\0"))
    while position < end:
        space = content.find(b" ", position, position + 20)
        length = parse_count(content[position:space].decode("ascii", "replace")) if space > 0 else None
        if length is None:
            raise CorruptArchive(
                f"{source} is damaged: {quote(content[position : position + 20])} is not the size of a record in an "
                "extended header of the tar archive."
            )
        stop = position + length
        equals = content.find(b"=", space + 1, max(stop - 1, 0))
        if equals < 0 or content[stop - 1 : stop] != b"\n":
            raise CorruptArchive(f"{source} is damaged: an extended header of the tar archive is broken.")
        key = content[space + 1 : min(equals, space + 100)].decode("utf-8", "surrogateescape")
        yield key, content[equals + 1 : stop - 1]
        position = stop


def _parse_member_size(text: str, source: str) -> int:
    size = parse_count(text)
    if size is None:
        raise CorruptArchive(f"{source} is damaged: {quote(text, 40)} is not the size of a tar archive's member.")
    return size
