"""Texts of others in messages, logs and on terminals: on one line, without what steers a terminal, and cut.

A server's words, a member's name, a lock's host and a handle are written by somebody who may want a message to read
otherwise than it is. Whoever builds a message puts them in by `quote` or `escape`.
"""

from __future__ import annotations

import re
from typing import Iterable

from rehub.redaction import redact_url, without_secrets

# Enough for any name or sentence; a URL may take more.
SHOWN = 200
SHOWN_OF_URL = 600
# Far above what anyone writes, far below what fills a terminal or a log: a message may hold texts of others.
_LONGEST_MESSAGE = 20_000


def escape(text: object, most: int = SHOWN) -> str:
    r"""A text of others for a message: what is not printable is escaped, and what is too long is cut.

    Not printable are control characters, line ends, the marks that change the direction of writing, spaces other than
    the usual one, and halves of surrogate pairs; see `str.isprintable`.

    >>> escape("two\nlines \x1b[1m")
    'two\\nlines \\x1b[1m'
    """
    return _escaped(cut(str(text), most))


def cut(text: str, most: int) -> str:
    """A text of at most so many characters; where it is cut, it says how long it was."""
    if len(text) <= most:
        return text
    return f"{text[:most]}... ({len(text):,} characters)"


def quote(text: object, most: int = SHOWN) -> str:
    r"""As `escape`, in quotes.

    >>> quote("it's")
    '"it\'s"'
    """
    text = str(text)
    quoted = repr(text[:most])
    return quoted if len(text) <= most else f"{quoted}... ({len(text):,} characters)"


def list_names(names: Iterable[object]) -> str:
    r"""Names of others, one after the other, as `escape` shows each.

    >>> list_names(["default", "a\nb"])
    'default, a\\nb'
    """
    return ", ".join(map(escape, names))


def show_url(url: str, most: int = SHOWN_OF_URL) -> str:
    """A URL, path or handle for a message: without secrets, escaped and cut."""
    return escape(redact_url(url), most)


def quote_url(url: str, most: int = SHOWN_OF_URL) -> str:
    """As `show_url`, in quotes."""
    return quote(redact_url(url), most)


def escape_message(text: str, most: int) -> str:
    """The text of a whole message, whose lines are its author's: only what steers a terminal is escaped."""
    text = cut(text, most)
    return "\n".join(line if line.isprintable() else _escaped(line) for line in text.split("\n"))


def harmless_arguments(arguments: tuple[object, ...]) -> list[object]:
    """The arguments of an error: texts among them without secrets and without what steers a terminal, cut."""
    return [_harmless_text(each) if isinstance(each, str) else each for each in arguments]


# Keras raises an error of a layer again, with its message in bold (keras/src/utils/traceback_utils.py).
_STYLE = re.compile("\x1b\\[[0-9;]*m")


def _harmless_text(text: str) -> str:
    text = _STYLE.sub("", cut(text, 10 * _LONGEST_MESSAGE))
    return escape_message(without_secrets(text), _LONGEST_MESSAGE)


class HarmlessArguments(type):
    """The type of an error class that needs the `__init__` of Exception: makes the arguments harmless before it."""

    def __call__(cls, *args: object) -> object:  # noqa: D102
        return super().__call__(*harmless_arguments(args))


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped_character(each) for each in text)


def _escaped_character(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
