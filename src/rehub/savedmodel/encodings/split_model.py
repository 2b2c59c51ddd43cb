"""Puts a model together that was split into chunks: a `saved_model.cpb`.

A message that outgrows what protobuf can write has parts of it taken out, each a record of the file. The last record,
a ChunkMetadata, says where they belong. The numbers are those of the fields in chunk.proto of TensorFlow's
proto_splitter.
"""

from __future__ import annotations

from typing import Dict, Iterator, Tuple, Union

from rehub.errors import CorruptModel
from rehub.savedmodel.encodings.riegeli import read_records
from rehub.savedmodel.wire import BYTES, VARINT, Buffer, Message, WireError
from rehub.savedmodel.wire_writing import key, sized_key, varint

# Of several values of a field, which one: that with an index, the entry of a map with a key, or the only one. A key is
# told by the bytes of an entry that has nothing else; there are none if it is 0 or an empty string.
_Which = Union[int, bytes, None]
_Step = Tuple[int, _Which]
_Chunks = Dict[int, Tuple[int, bytes]]

_CHUNKS, _MESSAGE = 2, 3
_TYPE, _SIZE, _OFFSET = 1, 2, 3
_IS_BYTES = 2
_CHUNK_INDEX, _CHUNKED_FIELDS = 1, 2
_FIELD_TAG, _FIELD_MESSAGE = 1, 3
_FIELD, _MAP_KEY, _INDEX = 1, 2, 3
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

_DEEPEST = 100  # As deep as protobuf nests messages.


def merge(path: str, content: Buffer) -> bytes:
    """Returns the bytes of the `saved_model.pb` that a model would have if it had not been split.

    Args:
        path: the `saved_model.cpb`, for messages.
        content: its bytes.

    Raises:
        CorruptModel: the file is damaged; says where.
        UnsupportedFormat: it is stored in a way that is not read here.
        PackageMissing: it is compressed, and the package that undoes that is not installed.
    """
    try:
        return _merge(read_records(path, content))
    except WireError as error:
        raise CorruptModel(
            f"{path!r} cannot be read as a split SavedModel, {error}. It is cut off or damaged: copy or download it "
            "again."
        ) from error


def _merge(records: dict[int, bytes]) -> bytes:
    if not records:
        raise WireError("it holds no records")
    metadata = Message(records.popitem()[1])
    chunks = {index: _chunk(records, info) for index, info in enumerate(metadata.messages(_CHUNKS))}
    root = _Part()
    _place(root, metadata.message(_MESSAGE), chunks, 0)
    return root.merged(b"", 0)


def _chunk(records: dict[int, bytes], info: Message) -> tuple[int, bytes]:
    """What kind of chunk an entry of the metadata describes, and its bytes."""
    offset, size = _last(info, _OFFSET), _last(info, _SIZE)
    record = records.pop(offset, None)  # It is no other chunk: so the model is no larger than the file.
    if record is None:
        raise WireError(f"a chunk is to be at {offset}, where there is no record, or another chunk")
    if len(record) != size:
        raise WireError(f"the chunk at {offset} has {len(record)} bytes where {size} are expected")
    return _last(info, _TYPE), record


def _last(message: Message, number: int) -> int:
    return ([0, *message.integers(number)])[-1]


class _Part:
    """A part of the model that chunks belong to, or parts of which do.

    Attributes:
        pieces: what is to be merged into it, one after the other.
        replaced: it is no message, and its only piece takes the place of what is there.
        parts: those that it has, by where they are in it.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.replaced = False
        self.parts: dict[int, dict[_Which, _Part]] = {}

    def part(self, step: _Step) -> _Part:
        """The part of it that is at a place."""
        number, which = step
        parts = self.parts.setdefault(number, {})
        if (which is None) != (None in parts) and parts:
            raise WireError(f"field {number} is taken for one that is repeated, and for one that is not")
        return parts.setdefault(which, _Part())

    def merged(self, original: bytes, depth: int) -> bytes:
        """Its bytes, when these are those that it has without chunks."""
        if depth > _DEEPEST:
            raise WireError(f"chunks belong more than {_DEEPEST} levels deep")
        if self.replaced:
            return self.pieces[-1]
        content = b"".join([original, *self.pieces])
        if not self.parts:
            return content
        rest, found = _without(content, self.parts)
        for number, parts in self.parts.items():
            values = found[number]
            for which, place in _places(values, parts):
                values[place] = parts[which].merged(values[place], depth + 1)
            for value in values:
                rest += [sized_key(number, len(value)), value]
        return b"".join(rest)


def _without(content: bytes, numbers: dict[int, dict[_Which, _Part]]) -> tuple[list[bytes], dict[int, list[bytes]]]:
    """What a message holds beside fields of these numbers, and the values of those; one value if it is not repeated."""
    rest, end = [], 0
    found: dict[int, list[bytes]] = {number: [] for number in numbers}
    for number, kind, value in Message(content).fields():
        if number in found:
            if kind != BYTES:
                raise WireError(f"a chunk belongs into field {number}, which has wire type {kind}")
            value_start, value_end = value  # type: ignore[misc]
            before = sized_key(number, value_end - value_start)
            start = value_start - len(before)
            if content[start:value_start] != before:
                raise WireError(f"field {number} is written in an unusual way")
            rest.append(content[end:start])
            found[number].append(content[value_start:value_end])
            end = value_end
    rest.append(content[end:])
    for number, parts in numbers.items():
        if None in parts:
            found[number] = [b"".join(found[number])]
    return rest, found


def _places(values: list[bytes], parts: dict[_Which, _Part]) -> Iterator[tuple[_Which, int]]:
    """Yields where among the values of a field each part is; what is not there yet is added."""
    keys: dict[bytes, int] | None = None
    for which in sorted(parts, key=lambda which: which if isinstance(which, int) else -1):
        if which is None:
            yield which, 0
        elif isinstance(which, int):
            if which > len(values):
                raise WireError(f"a chunk is to be number {which} where there are {len(values)}")
            values += [b""] * (which == len(values))
            yield which, which
        else:
            if keys is None:
                keys = {_entry_key(Message(entry), _ENTRY_KEY): place for place, entry in enumerate(values)}
            if which not in keys:
                keys[which] = len(values)
                values.append(which)
            yield which, keys[which]


def _entry_key(message: Message, *numbers: int) -> bytes:
    """The key in the entry of a map, or in a MapKey, which has a field for each type that it can be of."""
    encoded = b""
    for number, kind, value in message.fields():
        if number in numbers or not numbers:
            if kind == VARINT:
                encoded = key(_ENTRY_KEY, VARINT) + varint(value) if value else b""  # type: ignore[arg-type]
            elif kind == BYTES:
                name = message.bytes_at(value)
                encoded = sized_key(_ENTRY_KEY, len(name)) + name if name else b""
    return encoded


def _place(part: _Part, chunked: Message, chunks: _Chunks, depth: int) -> None:
    """Notes where the chunks of a ChunkedMessage belong, and takes them out of `chunks`: each belongs to one place."""
    if depth > _DEEPEST:
        raise WireError(f"chunks belong more than {_DEEPEST} levels deep")
    for index in chunked.integers(_CHUNK_INDEX):
        if index not in chunks:
            raise WireError(f"chunk {index} is missing, or belongs to several places")
        kind, content = chunks.pop(index)
        part.pieces.append(content)
        part.replaced = kind == _IS_BYTES
    fields = [
        (_steps(field), _last(field.message(_FIELD_MESSAGE), _CHUNK_INDEX), field.message(_FIELD_MESSAGE))
        for field in chunked.messages(_CHUNKED_FIELDS)
    ]
    # What belongs to the same part is merged in the order of the chunks.
    for steps, _, message in sorted(fields, key=lambda field: field[1]):
        inner = part
        for step in steps:
            inner = inner.part(step)
        _place(inner, message, chunks, depth + 1)


def _steps(field: Message) -> list[_Step]:
    """The way from a message to a part of it. The value of a map's entry is a part of the entry."""
    steps: list[_Step] = []
    number = 0
    for tag in field.messages(_FIELD_TAG):
        given = {number for number, _, _ in tag.fields()}
        if given == {_FIELD}:
            if number:
                steps.append((number, None))
            number = _last(tag, _FIELD)
            if 0 < number < 1 << 29:
                continue
        elif given == {_INDEX} and number:
            steps.append((number, _last(tag, _INDEX)))
            number = 0
            continue
        elif given == {_MAP_KEY} and number:
            steps.append((number, _entry_key(tag.message(_MAP_KEY))))
            number = _ENTRY_VALUE
            continue
        raise WireError("the way to a chunk is not one of fields, indexes and keys")
    return [*steps, (number, None)] if number else steps
