"""What commands print: results on stdout, complaints on stderr; the same text on a terminal and in a pipe.

A terminal may show some of it bold or faint. `NO_COLOR` forbids that (https://no-color.org).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import warnings
from typing import Any, Iterator, Match, Sequence

from rehub.transfer import progress

# What steers a terminal, other than what makes text bold or faint; a model may hold it in a name.
_CONTROL = re.compile("(?!\x1b\\[[012]m)[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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
        with warnings.catch_warnings(), progress.hidden(level < 0):
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
    """Prints one line of a result."""
    _write(sys.stdout, text)


def complain(problem: object) -> None:
    """Tells on stderr what went wrong."""
    _write(sys.stderr, f"rehub: {problem}")


def note(text: str) -> None:
    """Prints a line on stderr that is not part of the result."""
    _write(sys.stderr, text)


def ask(question: str) -> None:
    """Prints a question on stderr; the answer follows on the same line."""
    sys.stderr.write(question)
    sys.stderr.flush()


def as_json(value: Any) -> None:
    """Prints a result for programs."""
    line(json.dumps(value, indent=1))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows in columns, never cut; the last column may be as wide as it likes."""
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    for row in (headings, *rows):
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def bold(text: str) -> str:
    """Returns a text as a terminal shows it bold; for any other reader, as it is."""
    return f"\x1b[1m{text}\x1b[0m" if _is_styled() else text


def faint(text: str) -> str:
    """Returns a text as a terminal shows it faint; for any other reader, as it is."""
    return f"\x1b[2m{text}\x1b[0m" if _is_styled() else text


def _is_styled() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def _write(stream: Any, text: str) -> None:
    text = _CONTROL.sub(_escaped, text)
    # A path or handle may hold what the terminal's encoding does not.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _escaped(control: Match[str]) -> str:
    return f"\\x{ord(control.group()):02x}"
