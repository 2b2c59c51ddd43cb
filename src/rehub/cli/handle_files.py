"""Files of handles, as `rehub pull -r` and `rehub lock -r` read and `rehub lock` writes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rehub.errors import InvalidHandle, ModelNotFound

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def add_handles(parser: Parser) -> None:
    """Adds HANDLE... and `-r FILE`, of which a command needs at least one."""
    parser.add_argument("handles", metavar="HANDLE", nargs="*", help="a URL or any other handle that rehub takes")
    parser.add_argument(
        "-r",
        "--requirements",
        metavar="FILE",
        action="append",
        default=[],
        dest="files",
        help="also those of a file, one on each line; - reads them from stdin; can be repeated",
    )


def handles_of(arguments: Namespace) -> list[str]:
    """The handles of the command line and those of its files, each once.

    Raises:
        ModelNotFound: a file does not exist or cannot be read.
        InvalidHandle: no handle is given.
    """
    handles = [*arguments.handles, *(handle for file in arguments.files for handle in _read(file))]
    if not handles and not arguments.files:
        arguments.parser.error("give a HANDLE, or -r FILE")
    if not handles:
        raise InvalidHandle(f"{', '.join(map(repr, arguments.files))}: no handle is in it. Write one on each line.")
    return list(dict.fromkeys(handles))


def _read(file: str) -> list[str]:
    """The handles of a file. A line that starts with `#`, and what follows a space and `#`, are comments.

    A `#` without a space before it belongs to the handle: `#sha256=` follows the name of an archive.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelNotFound(f"{file!r}, a file of handles, cannot be read: {error}.") from error
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
