"""`rehub cache rm HANDLE...`: deletes models from the cache."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rehub.cache import remove
from rehub.cli import output
from rehub.cli.cache.entries import HELP, entries_of, name_of, record_of
from rehub.cli.exit_codes import DONE, FAILED
from rehub.transfer.sizes import readable

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cache import Entry
    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Deletes models from the cache. When one of them is not there, none is deleted. On a terminal it asks before\n"
        "it deletes, unless --yes is given; in a script it does not ask."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help=HELP)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_json("a list of the deleted models")


def run(arguments: Namespace) -> int:
    """Finds all, and deletes one after the other."""
    found = entries_of(arguments.handles)
    if not (arguments.yes or _is_confirmed(found)):
        output.complain("nothing is deleted")
        return FAILED
    for entry in found:
        remove(entry)
        if not arguments.json:
            output.line(f"deleted {name_of(entry)} ({readable(entry.size)})")
    if arguments.json:
        output.as_json([record_of(entry) for entry in found])
    return DONE


def _is_confirmed(found: list[Entry]) -> bool:
    """Asks a person; where nobody sits at a terminal, the command line is the answer."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    for entry in found:
        output.note(f"{name_of(entry)} ({readable(entry.size)})")
    output.ask(f"Delete {'it' if len(found) == 1 else f'these {len(found)} models'}? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
