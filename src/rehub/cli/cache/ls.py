"""`rehub cache ls`: lists the models in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub import config
from rehub.cache import list_entries
from rehub.cli import output
from rehub.cli.cache.entries import all_entries, name_of, record_of
from rehub.cli.exit_codes import DONE
from rehub.formatting import format_size, format_time
from rehub.redaction import redact_location

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Lists the models in each directory of the cache. USED is the day of the last use, about. A damaged\n"
        "model lacks files, and is fetched again when it is next used."
    )
    parser.add_json("a list of models")


def run(arguments: Namespace) -> int:
    """Prints a table for each directory of the cache."""
    if arguments.json:
        output.as_json([record_of(entry) for entry in all_entries()])
        return DONE
    for root in config.cache_dirs():
        found = list_entries(root)
        if found:
            output.table(
                ("SIZE", "FILES", "USED", "STATE", "HANDLE"),
                [
                    (
                        format_size(entry.size),
                        str(entry.files),
                        "not noted" if entry.used is None else format_time(entry.used)[:10],
                        "whole" if entry.damage is None else "damaged",
                        name_of(entry),
                    )
                    for entry in found
                ],
            )
        models = "1 model" if len(found) == 1 else f"{len(found)} models"
        output.line(f"{models}, {format_size(sum(entry.size for entry in found))} in {redact_location(str(root))}")
    return DONE
