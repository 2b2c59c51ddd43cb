"""`rehub cache show HANDLE`: show where a cached model came from, and its files."""

from __future__ import annotations

from argparse import Namespace

from rehub.cache import open_cache
from rehub.cli import output
from rehub.cli.cache.entries import HELP, display_name, entry_to_json, find_entries
from rehub.cli.exit_codes import OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.formatting import format_size, format_time
from rehub.redaction import redact_location


def add_arguments(parser: Parser) -> None:
    parser.description = "Shows a model in the cache: where it came from, when, and its files with their sizes."
    parser.add_handle_argument(help=HELP)
    parser.add_json_option("a list of models with their files, one for each directory of the cache that has it,")
    parser.add_examples(f"cache show {EXAMPLE_URL}")


def run_command(arguments: Namespace) -> int:
    found = find_entries([arguments.handle])
    if arguments.json:
        output.print_json(
            [{**entry_to_json(entry), "contents": open_cache(entry.root).list_file_sizes(entry)} for entry in found]
        )
        return OK
    for entry in found:
        output.print_line(display_name(entry))
        output.print_line(f"  directory  {redact_location(str(entry.directory))}")
        output.print_line(f"  came from  {entry.url or 'unknown'}")
        output.print_line(f"  stored     {'unknown' if entry.stored is None else format_time(entry.stored)}")
        used = "unknown" if entry.used is None else f"about {format_time(entry.used)[:10]}"
        output.print_line(f"  last used  {used}")
        output.print_line(f"  state      {'complete' if entry.problem is None else f'damaged: {entry.problem}'}")
        output.print_line(f"  files      {entry.files}, together {format_size(entry.size)}")
        for name, size in open_cache(entry.root).list_file_sizes(entry).items():
            output.print_line(f"    {format_size(size):>11}  {name}")
    return OK
