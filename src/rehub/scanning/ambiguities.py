"""Check that the bytes of a model mean the same to everything that reads them.

Protobuf accepts a field twice, two members of a oneof, or one key of a map twice, and says which of them counts; it
keeps fields that it does not know. No writer of models makes use of that, but a model that is made to deceive can: what
is scanned would not be what is loaded. See "Last One Wins" in https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import NamedTuple

from rehub.savedmodel.protos import ENUMS, MESSAGES, Field
from rehub.savedmodel.wire import BYTES, FIXED32, FIXED64, VARINT, Buffer, Message, WireError, read_varint

_DEEPEST = 100  # As deep as protobuf nests messages.
_SMALL = 64  # Most small messages of a graph, such as attributes, occur again and again: each is checked once.
_MOST_KNOWN = 100_000
_SIZES = {FIXED64: 8, FIXED32: 4}
_KINDS = {"fixed64": FIXED64, "double": FIXED64, "float": FIXED32, "string": BYTES, "bytes": BYTES}
_LIMITS = {"int64": 0, "uint64": 0, "sint64": 0, "uint32": 1 << 32, "bool": 2}
_NARROW = 1 << 31  # Numbers of 32 bits, of which protobuf takes the lower ones; a negative one is written as 64 bits.
_KEY = 1


class _Meaning(NamedTuple):
    """What a tag of a message means.

    Attributes:
        bits: those of the field, and of what excludes it; 0 for a repeated field.
        inner: the message that its values are.
        is_map: they are the entries of a map.
        limit: what a number has to be less than; 0 where any is fine.
    """

    bits: int
    inner: _Table | None
    is_map: bool
    limit: int


class _Table:
    """The fields of a message.

    Attributes:
        name: of the message.
        meanings: by the tags before the values.
        known: small messages that have been met: each is checked once.
    """

    __slots__ = ("known", "meanings", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.meanings: dict[int, _Meaning] = {}
        self.known: set[bytes] = set()

    def is_new(self, small: bytes) -> bool:
        """Whether a small message has not been met before; from now on it has."""
        if small in self.known:
            return False
        if len(self.known) < _MOST_KNOWN:
            self.known.add(small)
        return True


class AmbiguityCheck:
    """Check messages; what it has checked once it recognizes."""

    def __init__(self) -> None:
        self._tables = _build_tables()

    def find(self, content: Buffer, message: str = "SavedModel") -> str | None:
        """Return why a message could mean different things to different readers; None if it cannot.

        >>> AmbiguityCheck().find(bytes([8, 1])), AmbiguityCheck().find(bytes([8, 1, 8, 2]))
        (None, 'field 1 is given twice, or beside one that excludes it, in the SavedModel at byte 0')

        Args:
            content: the bytes.
            message: what kind of message they are, by its name in the package `tensorflow`.

        Raises:
            WireError: they are not a message.
        """
        pending = [(0, len(content), self._tables[message], 0)]
        while pending:
            start, end, table, depth = pending.pop()
            if depth > _DEEPEST:
                raise WireError(f"byte {start}: messages are nested more than {_DEEPEST} deep")
            found = _check_message(content, start, end, table, depth, pending)
            if found is not None:
                return f"{found} in the {table.name} at byte {start}"
        return None


def _check_message(
    buffer: Buffer, position: int, end: int, table: _Table, depth: int, pending: list[tuple[int, int, _Table, int]]
) -> str | None:
    """Check the fields of one message, and adds the messages in them to those that are pending."""
    meanings = table.meanings
    given = 0
    keys: set[tuple[int, bytes]] = set()
    while position < end:
        tag = buffer[position]
        position += 1
        if tag > 0x7F:
            tag, position = read_varint(buffer, position - 1, end)
        meaning = meanings.get(tag)
        if meaning is None:
            return f"field {tag >> 3} of wire type {tag & 7} is unknown"
        bits, inner, is_map, limit = meaning
        if given & bits:
            return f"field {tag >> 3} is given twice, or beside one that excludes it,"
        given |= bits
        kind = tag & 7
        size = _SIZES.get(kind)
        if size is None:  # A number follows: either the value itself, or the size of what is behind it.
            size = buffer[position] if position < end else 0x80
            position += 1
            if size > 0x7F:
                size, position = read_varint(buffer, position - 1, end)
            if kind == VARINT:
                if limit and not _is_in_range(size, limit):
                    return f"field {tag >> 3} has a number that does not fit,"
                continue
        stop = position + size
        if stop > end:
            raise WireError(f"byte {position}: field {tag >> 3} claims {size} bytes where {end - position} are left")
        if inner is not None:
            if is_map and not _add_key(keys, (tag, _read_entry_key(buffer, position, stop))):
                return f"the map in field {tag >> 3} has a key twice,"
            if size > _SMALL or inner.is_new(bytes(buffer[position:stop])):
                pending.append((position, stop, inner, depth + 1))
        position = stop
    return None


def _add_key(keys: set[tuple[int, bytes]], key: tuple[int, bytes]) -> bool:
    count = len(keys)
    keys.add(key)
    return len(keys) > count


def _is_in_range(number: int, limit: int) -> bool:
    return number < limit or (limit == _NARROW and number >= (1 << 64) - _NARROW)


def _read_entry_key(buffer: Buffer, start: int, end: int) -> bytes:
    """Return the key of a map's entry as bytes; none if it is left out or is the default."""
    # Every writer begins with the key, and most keys are short strings.
    if end - start > 1 and buffer[start] == _KEY << 3 | BYTES and buffer[start + 1] < 0x80:
        return bytes(buffer[start + 2 : min(start + 2 + buffer[start + 1], end)])
    entry = Message(buffer, ((start, end),))
    found = b""
    for _, kind, value in entry.fields(_KEY):
        if isinstance(value, int):
            found = value.to_bytes(8, "little") if value else b""
        else:
            found = entry.bytes_at(value) if kind == BYTES or any(entry.bytes_at(value)) else b""
    return found


def _build_tables() -> dict[str, _Table]:
    """Return a table for each message."""
    tables = {name: _Table(name) for name in MESSAGES}
    for name, fields in MESSAGES.items():
        of_groups: dict[str, int] = {}
        for position, field in enumerate(fields.values()):
            bit = of_groups.setdefault(field.group, 1 << position) if field.group else 1 << position
            inner = tables.get(field.type)
            limit = 0 if inner is not None else _LIMITS.get(field.type, _NARROW)
            meaning = _Meaning(0 if field.is_repeated else bit, inner, field.is_map, limit)
            for kind in _find_wire_types(field):
                tables[name].meanings[field.number << 3 | kind] = meaning
    return tables


def _find_wire_types(field: Field) -> set[int]:
    if field.type in MESSAGES:
        return {BYTES}
    kind = _KINDS.get(field.type, VARINT)
    assert kind != VARINT or field.type in ENUMS or field.type in {*_LIMITS, "int32"}, field.type
    return {kind, BYTES} if field.is_repeated else {kind}
