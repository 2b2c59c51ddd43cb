"""`rehub cache prune --keep-size SIZE`: delete the least recently used models."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rehub import config
from rehub.cache import prune_cache
from rehub.cli import output
from rehub.cli.cache.entries import display_name, entry_to_json
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import Parser, parse_size_argument
from rehub.escaping import escape_url
from rehub.formatting import format_size


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Deletes damaged models and the files of killed downloads, then the least recently used models until the\n"
        "rest fits into SIZE. If the cache has several directories, every writable directory is pruned. Object\n"
        "stores are not pruned: they do not record when a model was used."
    )
    parser.add_argument(
        "--keep-size",
        metavar="SIZE",
        type=parse_size_argument,
        required=True,
        help="the size that the models may keep: 20GB, 1.5GiB, 0",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be deleted, but delete nothing")
    parser.add_json_option("a list of the deleted models")
    parser.add_examples("cache prune --keep-size 20GB --dry-run", "cache prune --keep-size 20GB")


def run_command(arguments: argparse.Namespace) -> int:
    roots = []
    code = OK
    for root in config.cache_dirs():
        if isinstance(root, Path):
            roots += [root] if os.access(str(root), os.W_OK) else []
        else:
            code = FAILED
            output.print_error(
                f"the cache {escape_url(root)} was not pruned: an object store does not record when a model was used. "
                "`rehub cache rm` deletes models by name."
            )
    deleted = [entry for root in roots for entry in prune_cache(root, arguments.keep_size, dry_run=arguments.dry_run)]
    if arguments.json:
        output.print_json([entry_to_json(entry) for entry in deleted])
        return code
    verb, freed = ("would delete", "would be freed") if arguments.dry_run else ("deleted", "freed")
    for entry in deleted:
        output.print_line(f"{verb} {display_name(entry)} ({format_size(entry.size)})")
    output.print_line(f"{format_size(sum(entry.size for entry in deleted))} {freed}")
    return code
