"""`rehub cache path`: prints where the cache is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub import config
from rehub.cli import output
from rehub.cli.exit_codes import DONE
from rehub.redaction import redact_location

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Prints the directories of the cache, each on a line of its own, in the order in which they are\n"
        "searched; what is fetched goes into the first that can be written. REHUB_CACHE_DIR sets them."
    )
    parser.add_json("a list of them")


def run(arguments: Namespace) -> int:
    """Prints what the settings say, whether the directories exist or not."""
    if arguments.json:
        output.as_json([str(root) for root in config.cache_dirs()])
        return DONE
    for root in config.cache_dirs():
        output.line(redact_location(str(root)))
    return DONE
