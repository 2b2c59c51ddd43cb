"""`rehub cache path`: print the directories of the cache."""

from __future__ import annotations

from argparse import Namespace

from rehub import config
from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.redaction import redact_location


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Prints the directories of the cache, each on a separate line, in search order. Models are fetched into the\n"
        "first writable directory. REHUB_CACHE_DIR sets them."
    )
    parser.add_json_option("a list of them")
    parser.add_examples("cache path")


def run_command(arguments: Namespace) -> int:
    if arguments.json:
        output.print_json([str(root) for root in config.cache_dirs()])
        return OK
    for root in config.cache_dirs():
        output.print_line(redact_location(str(root)))
    return OK
