"""Protobuf's text format, cut into names, numbers, strings and marks, and the values that these stand for."""

from __future__ import annotations

import re
from typing import NamedTuple

NAME, NUMBER, STRING, MARK, END = "name", "number", "string", "mark", "end"

# One of the alternatives fits at every place, so that nothing is ever tried twice: the time is linear in the text.
_TOKEN = re.compile(
    r"[ \t\n\r\f\v]*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[:{}<>\[\],;-])|(?P<string>[\"'])|(?P<comment>#[^\n]*)"
    r"|(?P<number>\.?[0-9][A-Za-z0-9_.]*(?:(?<=[eE])[+-][0-9]+[fF]?)?)|(?P<end>\Z)|(?P<other>(?s:.)))"
)
_INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_FLOAT = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?")
_LONGEST_NUMBER = 1000
_INFINITE = ("inf", "inff", "infinity", "infinityf")
_NO_NUMBER = ("nan", "nanf")

# Escapes that Python reads in the same way; others are put in one by one.
_UNUSUAL = re.compile(rb"\\(?![0-3][0-7]{2}|[abfnrtv\\'\"])")
_ESCAPE = re.compile(
    rb"\\(?:(?P<octal>[0-7]{1,3})|[xX](?P<hex>[0-9a-fA-F]{1,2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<one>.|\Z))"
)
_ONE = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"?": b"?",
    b"\\": b"\\",
    b"'": b"'",
    b'"': b'"',
}


class TextError(ValueError):
    """The text is not in the format, or says what cannot be; the message starts with line and column."""


class Token(NamedTuple):
    """A piece of the text: what kind it is of, how it is written, and where it starts."""

    kind: str
    text: str
    start: int


class Tokens:
    """Goes through a text from token to token; `now` is the one that is to be read next."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.now = Token(MARK, "", 0)
        self.take()

    def take(self) -> Token:
        """Returns the token, and goes on to the next."""
        taken = self.now
        while True:
            found = _TOKEN.match(self._text, self._end)
            assert found is not None
            assert found.lastgroup is not None
            kind, start, self._end = found.lastgroup, found.start(found.lastgroup), found.end()
            if kind != "comment":
                break
        if kind == STRING:
            self._end = self._end_of_string(start)
        self.now = Token(kind, self._text[start : self._end], start)
        if kind == "other":
            raise self.error(f"{self.now.text!r} is out of place")
        return taken

    def takes(self, mark: str) -> bool:
        """Whether this mark is next, which is then taken."""
        if self.now.kind == MARK and self.now.text == mark:
            self.take()
            return True
        return False

    def error(self, why: str, start: int | None = None) -> TextError:
        """The error for what is next, or for what starts at a place."""
        start = self.now.start if start is None else start
        line = self._text.count("\n", 0, start) + 1
        return TextError(f"{line}:{start - self._text.rfind(chr(10), 0, start)}: {why}")

    def between(self, start: int, mark: str) -> str:
        """Takes all up to a mark, and the mark, and returns what was before it, from a place in the text on."""
        end = self._text.find(mark, start)
        if end < 0:
            raise self.error(f"{mark!r} is missing", start)
        self._end = end + len(mark)
        self.take()
        return self._text[start:end]

    def integer(self, lowest: int, highest: int) -> int:
        """Takes a whole number.

        Raises:
            TextError: it is none, or is not within the bounds.
        """
        start, sign = self.now.start, -1 if self.takes("-") else 1
        kind, text, _ = self.now
        if kind != NUMBER or len(text) > _LONGEST_NUMBER or not _INTEGER.fullmatch(text):
            raise self.error(f"a whole number is expected, not {self._shown()}")
        value = sign * int(text, 16 if text[:2] in {"0x", "0X"} else 8 if text[0] == "0" else 10)
        if not lowest <= value <= highest:
            raise self.error(f"{value} is not between {lowest} and {highest}", start)
        self.take()
        return value

    def number(self) -> float:
        """Takes a number that need not be whole, nor finite."""
        sign = -1.0 if self.takes("-") else 1.0
        kind, text, _ = self.now
        if kind == NAME and text.lower() in _INFINITE:
            value = float("inf")
        elif kind == NAME and text.lower() in _NO_NUMBER:
            value = float("nan")
        elif kind == NUMBER and len(text) <= _LONGEST_NUMBER and _FLOAT.fullmatch(text):
            value = float(text.rstrip("fF"))
        else:
            raise self.error(f"a number is expected, not {self._shown()}")
        self.take()
        return sign * value

    def string(self) -> bytes:
        """Takes a string, or several that stand side by side and are one."""
        if self.now.kind != STRING:
            raise self.error(f"a string is expected, not {self._shown()}")
        parts = []
        while self.now.kind == STRING:
            parts.append(self._unescaped(self.now))
            self.take()
        return b"".join(parts)

    def _shown(self) -> str:
        text = self.now.text
        return "the end" if self.now.kind == END else repr(text if len(text) < 40 else text[:40] + "...")

    def _end_of_string(self, start: int) -> int:
        text, quote, end = self._text, self._text[start], start
        while True:
            before, end = end, text.find(quote, end + 1)
            if end < 0 or text.find("\n", before, end) >= 0:
                raise self.error("the string does not end on its line", start)
            before = end
            while text[before - 1] == "\\":
                before -= 1
            if (end - before) % 2 == 0:
                return end + 1

    def _unescaped(self, token: Token) -> bytes:
        try:
            written = token.text[1:-1].encode()
        except UnicodeEncodeError as error:
            raise self.error("the string holds what is no character", token.start) from error
        if b"\\" not in written:
            return written
        if not _UNUSUAL.search(written):
            return written.decode("unicode_escape").encode("latin-1")

        def value(escape: re.Match[bytes]) -> bytes:
            if escape.lastgroup == "octal" and int(escape["octal"], 8) < 256:
                return bytes([int(escape["octal"], 8)])
            if escape.lastgroup == "hex":
                return bytes([int(escape["hex"], 16)])
            if escape.lastgroup in {"u", "U"}:
                code = int(escape[escape.lastgroup], 16)
                if code < 0x110000 and not 0xD800 <= code < 0xE000:
                    return chr(code).encode()
            elif escape["one"] in _ONE:
                return _ONE[escape["one"]]
            shown = escape[0].decode("utf-8", "replace")
            raise self.error(f"{shown!r} in the string stands for nothing", token.start)

        return _ESCAPE.sub(value, written)
