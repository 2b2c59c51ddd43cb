"""`rehub cache rm HANDLE...`: deletes models from the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cache import remove
from rehub.cli import output
from rehub.cli.cache.entries import HELP, entries_of, name_of
from rehub.cli.exit_codes import DONE
from rehub.transfer.sizes import readable

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = "Deletes models from the cache. When one of them is not there, none is deleted."
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help=HELP)


def run(arguments: Namespace) -> int:
    """Finds all, and deletes one after the other."""
    for entry in entries_of(arguments.handles):
        remove(entry)
        output.line(f"deleted {name_of(entry)} ({readable(entry.size)})")
    return DONE
