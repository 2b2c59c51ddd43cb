"""Turns a SavedModel in protobuf's text format into the bytes of a `saved_model.pb`.

The format is described in https://protobuf.dev/reference/protobuf/textformat-spec.
"""

from __future__ import annotations

import re
import struct
from typing import Callable

from rehub.errors import CorruptModel
from rehub.savedmodel.encodings.schema import Field, enums, messages
from rehub.savedmodel.encodings.text_tokens import END, MARK, NAME, TextError, Tokens
from rehub.savedmodel.wire import BYTES, FIXED32, FIXED64, VARINT
from rehub.savedmodel.wire_writing import key, sized_key, varint

_DEEPEST = 100  # As deep as protobuf reads from bytes.
_ANY = "google.protobuf.Any"
_TYPE_URL, _VALUE = 1, 2
_PACKAGE = "tensorflow."
_URL = re.compile(r"\s*[A-Za-z0-9_.-]+/([A-Za-z0-9_.]+)\s*")
_CLOSING = {"{": "}", "<": ">"}


def wire_of_text(path: str, text: str, message: str = "SavedModel") -> bytes:
    """Turns the text form of a message into its bytes.

    >>> list(wire_of_text("saved_model.pbtxt", "saved_model_schema_version: 1"))
    [8, 1]

    Args:
        path: the file, for messages.
        text: what it holds.
        message: what kind of message it is, by its name in the package `tensorflow`.

    Raises:
        CorruptModel: the text is no such message; names the file, the line and the column.
    """
    try:
        return _wire(Tokens(text), message)
    except TextError as error:
        raise CorruptModel(f"{path!r} cannot be read as {message} in text form, {error}") from error


class _Open:
    """A message of which not all has been read.

    Attributes:
        close: the mark that ends it.
        field: the field of the message around it that it is a value of.
        url: of its type, if it is the content of an Any.
        in_list: it is one of several in brackets.
    """

    def __init__(self, message: str, close: str, field: Field, in_list: bool = False, url: str = "") -> None:
        self.message, self.close, self.field, self.in_list, self.url = message, close, field, in_list, url
        self.fields = messages()[message]
        self._content = bytearray()
        self._packed: dict[int, bytearray] = {}
        self._given: set[str] = set()

    def content(self) -> bytes:
        """The bytes of what has been read."""
        for number, values in self._packed.items():
            self._content += sized_key(number, len(values)) + values
        self._packed = {}
        return bytes(self._content)

    def begin(self, tokens: Tokens, field: Field, start: int) -> None:
        """Notes that a value follows for a field; refuses a second one where there is one at most."""
        if field.is_repeated:
            return
        for name in (field.name, field.group):
            if name and name in self._given:
                raise tokens.error(f"{self.message} has one {name!r} at most, and here is another", start)
            self._given.add(name)

    def add_scalar(self, tokens: Tokens, field: Field) -> None:
        """Reads a value that is no message."""
        kind, read = _SCALARS.get(field.type) or (VARINT, _enum(field.type))
        value = read(tokens)
        if kind == BYTES:
            self._content += sized_key(field.number, len(value)) + value
        elif field.is_repeated:
            self._packed.setdefault(field.number, bytearray()).extend(value)
        else:
            self._content += key(field.number, kind) + value

    def add_message(self, closed: _Open) -> None:
        """Adds a message that has been read to its end."""
        content = closed.content()
        if closed.url:
            url = closed.url.encode()
            self._content += sized_key(_TYPE_URL, len(url)) + url + sized_key(_VALUE, len(content)) + content
        else:
            self._content += sized_key(closed.field.number, len(content)) + content


def _wire(tokens: Tokens, message: str) -> bytes:
    # Messages that are open, the outermost first: a list, so that no depth of the text is a depth of calls.
    opened = [_Open(message, "", Field("", 0, message))]
    while True:
        current = opened[-1]
        if tokens.now.kind == END and len(opened) == 1:
            return current.content()
        if current.close and tokens.takes(current.close):
            opened.pop()
            opened[-1].add_message(current)
            if current.in_list and not tokens.takes("]"):
                if not tokens.takes(","):
                    raise tokens.error("',' or ']' is expected in the list")
                opened.append(_open(tokens, current.field, in_list=True))
            else:
                _ = tokens.takes(",") or tokens.takes(";")
            continue
        inner = _read_field(tokens, current)
        if inner is None:
            _ = tokens.takes(",") or tokens.takes(";")
        elif len(opened) >= _DEEPEST:
            raise tokens.error(f"messages are nested more than {_DEEPEST} deep")
        else:
            opened.append(inner)


def _read_field(tokens: Tokens, current: _Open) -> _Open | None:
    """Reads a field of a message; of one that holds messages only the beginning, and returns the message."""
    start = tokens.now.start
    if tokens.now.kind == MARK and tokens.now.text == "[":
        return _content_of_any(tokens, current)
    if tokens.now.kind != NAME:
        expected = f"{current.close!r} or the name of a field" if current.close else "the name of a field"
        raise tokens.error(f"{expected} is expected in {current.message}")
    name = tokens.take().text
    field = current.fields.get(name)
    if field is None:
        raise tokens.error(f"{current.message} has no field {name!r}", start)
    current.begin(tokens, field, start)
    is_message = field.type in messages()
    if not tokens.takes(":") and not is_message:
        raise tokens.error(f"':' is expected after {name!r}")
    if not field.is_repeated or not tokens.takes("["):
        if is_message:
            return _open(tokens, field)
        current.add_scalar(tokens, field)
    elif not tokens.takes("]"):
        if is_message:
            return _open(tokens, field, in_list=True)
        current.add_scalar(tokens, field)
        while not tokens.takes("]"):
            if not tokens.takes(","):
                raise tokens.error("',' or ']' is expected in the list")
            current.add_scalar(tokens, field)
    return None


def _open(tokens: Tokens, field: Field, in_list: bool = False, url: str = "") -> _Open:
    for mark, close in _CLOSING.items():
        if tokens.takes(mark):
            return _Open(field.type, close, field, in_list, url)
    raise tokens.error("'{' is expected")


def _content_of_any(tokens: Tokens, current: _Open) -> _Open:
    """Reads the type of what an Any holds, and where it begins."""
    start = tokens.now.start
    url = tokens.between(start + 1, "]")
    found = _URL.fullmatch(url)
    if current.message != _ANY or found is None:
        raise tokens.error(f"[{url[:80]}] is no field of {current.message}", start)
    message = found[1][len(_PACKAGE) :] if found[1].startswith(_PACKAGE) else found[1]
    if message not in messages() or (message == found[1] != _ANY):
        raise tokens.error(f"{found[1]!r} is no message that a SavedModel is known to hold", start)
    for field in current.fields.values():
        current.begin(tokens, field, start)
    tokens.takes(":")
    return _open(tokens, Field("value", _VALUE, message), url=url.strip())


def _integers(lowest: int, highest: int) -> Callable[[Tokens], bytes]:
    return lambda tokens: varint(tokens.integer(lowest, highest) & 0xFFFFFFFFFFFFFFFF)


def _zigzag(tokens: Tokens) -> bytes:
    value = tokens.integer(-(1 << 63), (1 << 63) - 1)
    return varint((value << 1 ^ value >> 63) & 0xFFFFFFFFFFFFFFFF)


def _fixed64(tokens: Tokens) -> bytes:
    return struct.pack("<Q", tokens.integer(0, (1 << 64) - 1))


def _float(tokens: Tokens) -> bytes:
    value = tokens.number()
    try:
        return struct.pack("<f", value)
    except OverflowError:  # It is too large for 32 bits.
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _double(tokens: Tokens) -> bytes:
    return struct.pack("<d", tokens.number())


def _bool(tokens: Tokens) -> bytes:
    if tokens.now.kind == NAME:
        if tokens.now.text in {"true", "True", "t", "false", "False", "f"}:
            return b"\x01" if tokens.take().text[0] in "tT" else b"\x00"
        raise tokens.error("true or false is expected")
    return varint(tokens.integer(0, 1))


def _bytes(tokens: Tokens) -> bytes:
    return tokens.string()


def _string(tokens: Tokens) -> bytes:
    start, value = tokens.now.start, tokens.string()
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise tokens.error(f"the string is not UTF-8 ({error.reason})", start) from error
    return value


def _enum(name: str) -> Callable[[Tokens], bytes]:
    values = enums()[name]

    def read(tokens: Tokens) -> bytes:
        if tokens.now.kind != NAME:
            return varint(tokens.integer(-(1 << 31), (1 << 31) - 1) & 0xFFFFFFFFFFFFFFFF)
        if tokens.now.text not in values:
            raise tokens.error(f"{name} has no value {tokens.now.text!r}")
        return varint(values[tokens.take().text])

    return read


_SCALARS: dict[str, tuple[int, Callable[[Tokens], bytes]]] = {
    "int32": (VARINT, _integers(-(1 << 31), (1 << 31) - 1)),
    "int64": (VARINT, _integers(-(1 << 63), (1 << 63) - 1)),
    "uint32": (VARINT, _integers(0, (1 << 32) - 1)),
    "uint64": (VARINT, _integers(0, (1 << 64) - 1)),
    "sint64": (VARINT, _zigzag),
    "bool": (VARINT, _bool),
    "fixed64": (FIXED64, _fixed64),
    "double": (FIXED64, _double),
    "float": (FIXED32, _float),
    "string": (BYTES, _string),
    "bytes": (BYTES, _bytes),
}
