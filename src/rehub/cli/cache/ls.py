"""`rehub cache ls`: list the models in the cache."""

from __future__ import annotations

from argparse import Namespace

from rehub import config
from rehub.cache import list_entries
from rehub.cli import output
from rehub.cli.cache.entries import display_name, entry_to_json, list_all_entries
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.formatting import format_count, format_size, format_time
from rehub.redaction import redact_location


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Lists the models in each directory of the cache. USED is the approximate day of the last use. A damaged\n"
        "model lacks files; the next use fetches it again."
    )
    parser.add_json_option("a list of models")
    parser.add_examples("cache ls", "cache ls --json")


def run_command(arguments: Namespace) -> int:
    if arguments.json:
        output.print_json([entry_to_json(entry) for entry in list_all_entries()])
        return OK
    for root in config.cache_dirs():
        found = list_entries(root)
        if found:
            output.print_table(
                ("SIZE", "FILES", "USED", "STATE", "HANDLE"),
                [
                    (
                        format_size(entry.size),
                        str(entry.files),
                        "unknown" if entry.used is None else format_time(entry.used)[:10],
                        "complete" if entry.problem is None else "damaged",
                        display_name(entry),
                    )
                    for entry in found
                ],
            )
        total = format_size(sum(entry.size for entry in found))
        output.print_line(f"{format_count(len(found), 'model')}, {total} in {redact_location(str(root))}")
    return OK
