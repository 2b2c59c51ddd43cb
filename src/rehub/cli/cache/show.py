"""`rehub cache show HANDLE`: where a cached model came from, and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cache import list_file_sizes
from rehub.cli import output
from rehub.cli.cache.entries import HELP, entries_of, name_of, record_of
from rehub.cli.exit_codes import DONE
from rehub.formatting import format_size, format_time
from rehub.redaction import redact_location

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = "Shows a model in the cache: where it came from, when, and its files with their sizes."
    parser.add_argument("handle", metavar="HANDLE", help=HELP)
    parser.add_json("a list of models with their files (of one, where the cache is one directory)")


def run(arguments: Namespace) -> int:
    """Prints what is known."""
    found = entries_of([arguments.handle])
    if arguments.json:
        output.as_json([{**record_of(entry), "contents": list_file_sizes(entry)} for entry in found])
        return DONE
    for entry in found:
        output.line(name_of(entry))
        output.line(f"  directory  {redact_location(str(entry.directory))}")
        output.line(f"  came from  {entry.url or 'not noted'}")
        output.line(f"  stored     {'not noted' if entry.stored is None else format_time(entry.stored)}")
        used = "not noted" if entry.used is None else f"{format_time(entry.used)[:10]}, about"
        output.line(f"  last used  {used}")
        output.line(f"  state      {'whole' if entry.damage is None else f'damaged: {entry.damage}'}")
        output.line(f"  files      {entry.files}, together {format_size(entry.size)}")
        for name, size in list_file_sizes(entry).items():
            output.line(f"    {format_size(size):>11}  {name}")
    return DONE
