"""Files of handles, which `rehub lock` writes and `-r` of `rehub pull` and `rehub lock` reads."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from rehub.cli.parser import Parser
from rehub.errors import InvalidHandle, ModelNotFound


def add_handle_arguments(parser: Parser) -> None:
    """Add HANDLE... and `-r FILE`. A command needs at least one of them."""
    parser.add_handle_argument("handles", nargs="*")
    parser.add_argument(
        "-r",
        "--requirements",
        metavar="FILE",
        action="append",
        default=[],
        dest="files",
        help="also take the handles in FILE, one on each line; - reads stdin; can be repeated",
    )


def read_handles(arguments: Namespace) -> list[str]:
    """Return the handles of the command line and of its files, each once.

    Raises:
        ModelNotFound: a file does not exist or cannot be read.
        InvalidHandle: no handle is given.
    """
    handles = [*arguments.handles, *(handle for file in arguments.files for handle in _read_file(file))]
    if not handles and not arguments.files:
        arguments.parser.error("expected a HANDLE, or -r FILE")
    if not handles:
        raise InvalidHandle(f"{', '.join(map(repr, arguments.files))} has no handle. Write one on each line.")
    return list(dict.fromkeys(handles))


def _read_file(file: str) -> list[str]:
    """Return the handles of a file. A line that starts with `#`, and text after a space and `#`, are comments.

    A `#` without a space before it is part of the handle: `#sha256=` comes after the name of an archive.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelNotFound(f"{file!r}, a file of handles, cannot be read: {error}.") from error
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
