"""Escape text from servers, models and other users, so that a message, log or terminal shows it on one line.

A server's answer, an archive member's name, a lock holder's host and a handle may hold control characters that change
what a terminal shows. Every message that holds such a text gets it through `escape`, `quote` or one of their kin.
"""

from __future__ import annotations

import re

from rehub.redaction import redact_text, redact_url

MAX_CHARACTERS = 200
MAX_URL_CHARACTERS = 600
# Longer than any message of rehub, and too short to fill a terminal or a log.
_MAX_MESSAGE_CHARACTERS = 20_000


def escape(text: object, limit: int = MAX_CHARACTERS) -> str:
    r"""Return a text with its unprintable characters escaped and cut to `limit` characters.

    Unprintable are control characters, line ends, marks that change the direction of writing, spaces other than the
    usual one, and halves of surrogate pairs; see `str.isprintable`.

    >>> escape("two\nlines \x1b[1m")
    'two\\nlines \\x1b[1m'
    """
    return _escape_unprintable(truncate(str(text), limit))


def truncate(text: str, limit: int) -> str:
    """Return the first `limit` characters of a text; if it is longer, with its length."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text):,} characters)"


def quote(text: object, limit: int = MAX_CHARACTERS) -> str:
    r"""Return an escaped text in quotes.

    >>> quote("it's")
    '"it\'s"'
    """
    text = str(text)
    quoted = repr(text[:limit])
    return quoted if len(text) <= limit else f"{quoted}... ({len(text):,} characters)"


def escape_url(url: str, limit: int = MAX_URL_CHARACTERS) -> str:
    """Return a URL, path or handle without its secrets, escaped and cut."""
    return escape(redact_url(url), limit)


def quote_url(url: str, limit: int = MAX_URL_CHARACTERS) -> str:
    """Return a URL, path or handle without its secrets, escaped and in quotes."""
    return quote(redact_url(url), limit)


def escape_message(text: str, limit: int) -> str:
    """Return a message of several lines with every unprintable character but the line ends escaped."""
    text = truncate(text, limit)
    return "\n".join(line if line.isprintable() else _escape_unprintable(line) for line in text.split("\n"))


def sanitize_arguments(arguments: tuple[object, ...]) -> list[object]:
    """Return the arguments of an error; texts among them are escaped, cut and without secrets."""
    return [_sanitize_text(each) if isinstance(each, str) else each for each in arguments]


# Keras raises an error of a layer again, with its message in bold (keras/src/utils/traceback_utils.py).
_TERMINAL_STYLE = re.compile("\x1b\\[[0-9;]*m")


def _sanitize_text(text: str) -> str:
    text = _TERMINAL_STYLE.sub("", truncate(text, 10 * _MAX_MESSAGE_CHARACTERS))
    return escape_message(redact_text(text), _MAX_MESSAGE_CHARACTERS)


class SanitizedArguments(type):
    """The metaclass of an error that must keep the `__init__` of Exception: sanitizes its arguments."""

    def __call__(cls, *args: object) -> object:  # noqa: D102
        return super().__call__(*sanitize_arguments(args))


def _escape_unprintable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape_character(each) for each in text)


def _escape_character(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
