"""What commands print: results on stdout, complaints on stderr; the same text on a terminal and in a pipe.

A terminal may show some of it bold or faint. `NO_COLOR` forbids that (https://no-color.org).
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Match, Sequence

# What steers a terminal, other than what makes text bold or faint; a model may hold it in a name.
_CONTROL = re.compile("(?!\x1b\\[[012]m)[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def line(text: str) -> None:
    """Prints one line of a result."""
    _write(sys.stdout, text)


def complain(problem: object) -> None:
    """Tells on stderr what went wrong."""
    _write(sys.stderr, f"rehub: {problem}")


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
