"""`rehub cache prune --keep-size SIZE`: makes room in the cache."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rehub import config
from rehub.cache import prune_cache
from rehub.cli import output
from rehub.cli.cache.entries import name_of, record_of
from rehub.cli.exit_codes import DONE, FAILED
from rehub.escaping import escape_url
from rehub.formatting import format_size, parse_size

if TYPE_CHECKING:
    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Deletes damaged models, what killed downloads have left, and then the models whose last use is the\n"
        "longest ago, until the rest fits. Where the cache has several directories, it does so in each that\n"
        "can be written; not in object stores, where nobody notes what is used."
    )
    parser.add_argument(
        "--keep-size", metavar="SIZE", type=_size, required=True, help="how much may stay: 20GB, 500 MB, 1.5GiB, 0"
    )
    parser.add_argument("--dry-run", action="store_true", help="delete nothing, and print what would be deleted")
    parser.add_json("a list of the deleted models")


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(arguments: argparse.Namespace) -> int:
    """Deletes, and tells what."""
    roots = []
    code = DONE
    for root in config.cache_dirs():
        if isinstance(root, Path):
            roots += [root] if os.access(str(root), os.W_OK) else []
        else:
            code = FAILED
            output.complain(
                f"the cache {escape_url(root)} stays as it is: nobody notes what is used in an object store. "
                "`rehub cache rm` deletes the models that you name."
            )
    gone = [entry for root in roots for entry in prune_cache(root, arguments.keep_size, dry_run=arguments.dry_run)]
    if arguments.json:
        output.as_json([record_of(entry) for entry in gone])
        return code
    deleted, freed = ("would delete", "would be freed") if arguments.dry_run else ("deleted", "freed")
    for entry in gone:
        output.line(f"{deleted} {name_of(entry)} ({format_size(entry.size)})")
    output.line(f"{format_size(sum(entry.size for entry in gone))} {freed}")
    return code
