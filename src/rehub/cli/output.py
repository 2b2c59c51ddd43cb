"""What commands print: results on stdout, complaints on stderr; the same text on a terminal and in a pipe."""

from __future__ import annotations

import json
import sys
from typing import Any, Sequence


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


def _write(stream: Any, text: str) -> None:
    # A path or handle may hold what the terminal's encoding does not.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
