"""What commands print: results on stdout, complaints on stderr; the same text on a terminal and in a pipe.

A terminal may show some of it bold or faint. `NO_COLOR` forbids that (https://no-color.org). A model, a server or
another user of a cache may have chosen any name that is printed: `line` prints one line whatever is in it, and nothing
that steers a terminal but our own styles.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import warnings
from typing import Any, Iterator, Sequence

from rehub.escaping import escape, escape_message
from rehub.transfer import progress

_WIDEST_CELL = 1000
_LONGEST_LINE = 20_000
_LONGEST_TEXT = 50_000_000

# Stands in a text where a style begins or ends. No name in a model can be one, as nobody knows this process's.
_MARK = f"\x00{os.urandom(16).hex()}"
_MARKS = re.compile(f"({_MARK}[012])")
_STYLES = {f"{_MARK}{number}": f"\x1b[{number}m" for number in "012"}


_verbosity = 0


def verbosity() -> int:
    """Return how much this process prints: 1 with `-v`, -1 with `-q`, 0 with neither."""
    return _verbosity


@contextlib.contextmanager
def at_verbosity(level: int) -> Iterator[None]:
    """Print more or less within a `with`: 1 shows what rehub logs, -1 hides warnings and progress.

    Args:
        level: 1, 0 or -1.
    """
    global _verbosity  # noqa: PLW0603  One process has one terminal.
    before, _verbosity = _verbosity, level
    log = logging.getLogger("rehub")
    log_level, handler = log.level, logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    try:
        with warnings.catch_warnings(), progress.hide_progress(level < 0):
            if level < 0:
                warnings.simplefilter("ignore")
                log.setLevel(logging.ERROR)
            elif level > 0:
                log.addHandler(handler)
                log.setLevel(logging.INFO)
            yield
    finally:
        _verbosity = before
        log.setLevel(log_level)
        log.removeHandler(handler)


def line(text: str) -> None:
    """Prints one line of a result; line ends in it are escaped."""
    parts = _MARKS.split(text)
    _write(sys.stdout, "".join(_STYLES.get(part) or escape(part, _LONGEST_LINE) for part in parts))


def lines(text: str) -> None:
    """Prints a text of our own making, with its line ends."""
    _write(sys.stdout, escape_message(text, _LONGEST_TEXT))


def complain(problem: object) -> None:
    """Tells on stderr what went wrong."""
    _write(sys.stderr, escape_message(f"rehub: {problem}", _LONGEST_TEXT))


def note(text: str) -> None:
    """Prints a line on stderr that is not part of the result; line ends in it are escaped."""
    _write(sys.stderr, escape(text, _LONGEST_LINE))


def ask(question: str) -> None:
    """Prints a question on stderr; the answer follows on the same line."""
    sys.stderr.write(question)
    sys.stderr.flush()


def as_json(value: Any) -> None:
    """Prints a result for programs."""
    _write(sys.stdout, json.dumps(value, indent=1))  # Which escapes all that is not ASCII.


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns; the last column may be as wide as it likes."""
    rows = [[escape(cell, _WIDEST_CELL) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    for row in (headings, *rows):
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def bold(text: str) -> str:
    """Returns a text that `line` shows bold on a terminal; for any other reader, as it is."""
    return f"{_MARK}1{text}{_MARK}0" if _is_styled() else text


def faint(text: str) -> str:
    """Returns a text that `line` shows faint on a terminal; for any other reader, as it is."""
    return f"{_MARK}2{text}{_MARK}0" if _is_styled() else text


def _is_styled() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def _write(stream: Any, text: str) -> None:
    # A path or handle may hold what the terminal's encoding does not.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
