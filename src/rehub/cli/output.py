"""What commands print: results on stdout, errors on stderr; the same text on a terminal and in a pipe.

A terminal shows some of it bold or dim, unless `NO_COLOR` is set (https://no-color.org). Models, servers and other
users of a cache choose names that are printed, so `print_line` prints exactly one line, without control characters but
for our own styles.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
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

# Marks where a style begins or ends in a text. It is random, so that no name in a model can contain it.
_MARK = f"\x00{os.urandom(16).hex()}"
_MARKS = re.compile(f"({_MARK}[012])")
_STYLES = {f"{_MARK}{number}": f"\x1b[{number}m" for number in "012"}


_verbosity = 0


def get_verbosity() -> int:
    """Return how much this process prints: 1 with `-v`, -1 with `-q`, 0 with neither."""
    return _verbosity


@contextlib.contextmanager
def use_verbosity(level: int) -> Iterator[None]:
    """Print more or less within a `with`: level 1 shows what rehub logs, -1 hides warnings and progress."""
    global _verbosity  # noqa: PLW0603  One process has one terminal.
    previous_level, _verbosity = _verbosity, level
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
        _verbosity = previous_level
        log.setLevel(log_level)
        log.removeHandler(handler)


def print_line(text: str) -> None:
    """Print one line of a result; line ends in it are escaped."""
    parts = _MARKS.split(text)
    _write_line(sys.stdout, "".join(_STYLES.get(part) or escape(part, _LONGEST_LINE) for part in parts))


def print_text(text: str) -> None:
    """Print a text that rehub composed, with its line ends."""
    _write_line(sys.stdout, escape_message(text, _LONGEST_TEXT))


def print_error(error: object) -> None:
    """Print an error on stderr."""
    _write_line(sys.stderr, escape_message(f"rehub: {error}", _LONGEST_TEXT))


def print_note(text: str) -> None:
    """Print a line on stderr that is not part of the result; line ends in it are escaped."""
    _write_line(sys.stderr, escape(text, _LONGEST_LINE))


def print_question(question: str) -> None:
    """Print a question on stderr, without a line end."""
    sys.stderr.write(question)
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Print a result for programs: a dataclass as a dict, a set as a sorted list, bytes in base64."""
    _write_line(sys.stdout, json.dumps(value, indent=1, default=_to_json))  # It escapes all that is not ASCII.


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns."""
    rows = [[escape(cell, _WIDEST_CELL) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    for row in (headings, *rows):
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def bold(text: str) -> str:
    """Return a text that `print_line` shows bold on a terminal, and unchanged elsewhere."""
    return f"{_MARK}1{text}{_MARK}0" if _has_styles() else text


def dim(text: str) -> str:
    """Return a text that `print_line` shows dim on a terminal, and unchanged elsewhere."""
    return f"{_MARK}2{text}{_MARK}0" if _has_styles() else text


def _has_styles() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return vars(value)
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else sorted(value)


def _write_line(stream: Any, text: str) -> None:
    # A path or handle may have characters that the terminal's encoding lacks.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
