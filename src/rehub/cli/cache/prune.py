"""`rehub cache prune --keep-size SIZE`: delete the least recently used models."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rehub import config
from rehub.cache import prune
from rehub.cli import output
from rehub.cli.cache.entries import display_name, entry_to_json
from rehub.cli.exit_codes import FAILED, OK
from rehub.foreign_text import show_url
from rehub.transfer.sizes import readable

if TYPE_CHECKING:
    from rehub.cli.parser import Parser

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([kmgt]i?)?b?", re.IGNORECASE)


def add_arguments(parser: Parser) -> None:
    """Describe the arguments."""
    parser.description = (
        "Deletes damaged models and the files of killed downloads, then the least recently used models, until the\n"
        "rest fits into SIZE. If the cache has several directories, each one that is writable is pruned. Object\n"
        "stores are not: they do not record when a model was used."
    )
    parser.add_argument(
        "--keep-size", metavar="SIZE", type=size, required=True, help="the size to prune to: 20GB, 500 MB, 1.5GiB, 0"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be deleted, and delete nothing")
    parser.add_json_option("a list of the deleted models")
    parser.add_examples("cache prune --keep-size 20GB --dry-run", "cache prune --keep-size 20GB")


def size(text: str) -> int:
    """A number of bytes.

    >>> size("20GB"), size("1.5 GiB"), size("0")
    (20000000000, 1610612736, 0)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 20GB, 500 MB, 1.5GiB or 0")
    number, unit = match.groups()
    return int(float(number) * _UNITS[(unit or "").lower()])


def run_command(arguments: argparse.Namespace) -> int:
    """Delete, and print what was deleted."""
    roots = []
    code = OK
    for root in config.cache_dirs():
        if isinstance(root, Path):
            roots += [root] if os.access(str(root), os.W_OK) else []
        else:
            code = FAILED
            output.print_error(
                f"the cache {show_url(root)} was not pruned: an object store does not record when a model was used. "
                "`rehub cache rm` deletes models by name."
            )
    deleted = [entry for root in roots for entry in prune(root, arguments.keep_size, dry_run=arguments.dry_run)]
    if arguments.json:
        output.print_json([entry_to_json(entry) for entry in deleted])
        return code
    verb, freed = ("would delete", "would be freed") if arguments.dry_run else ("deleted", "freed")
    for entry in deleted:
        output.print_line(f"{verb} {display_name(entry)} ({readable(entry.size)})")
    output.print_line(f"{readable(sum(entry.size for entry in deleted))} {freed}")
    return code
