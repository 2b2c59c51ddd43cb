"""`rehub import HANDLE ARCHIVE_OR_DIR`: put a model into the cache without a network."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from rehub import config
from rehub.cache import Fetched, find_cached, get_or_fetch
from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.errors import CacheError, InvalidHandle, ModelNotFound
from rehub.escaping import escape_url, quote_url
from rehub.handles import Handle, Scheme, parse_handle
from rehub.savedmodel import detect_layout
from rehub.transfer.archives import copy_directory, unpack_verified


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Puts a model into the cache as if it had been fetched from HANDLE, and prints its directory. From then on\n"
        "HANDLE resolves to this model, without a network. The same rules apply as for downloads: an unsafe archive,\n"
        "or an archive without a SavedModel, is refused."
    )
    parser.add_handle_argument(help="the handle that programs will use: a URL, kaggle://, hf://, ...")
    parser.add_argument("source", metavar="ARCHIVE_OR_DIR", type=Path, help="the model")
    parser.add_json_option("handle and directory")
    parser.add_examples(f"import {EXAMPLE_URL} nnlm.tar.gz")


def run_command(arguments: Namespace) -> int:
    handle, source = parse_handle(arguments.handle), Path(os.path.expanduser(str(arguments.source)))
    if handle.scheme is Scheme.PATH:
        raise InvalidHandle(
            f"{handle.quoted} is a path, and is loaded from there. Only handles that are fetched can be imported."
        )
    if not os.path.exists(str(source)):
        raise ModelNotFound(f"{quote_url(str(source))} does not exist, so it cannot be imported as {handle.quoted}.")
    if handle.sha256 is not None and source.is_dir():
        raise InvalidHandle(f"{handle.quoted} has the sha256 of an archive; {quote_url(str(source))} is a directory.")
    roots = config.cache_dirs()
    found = find_cached(roots, *handle.cache_keys)
    if found is not None:
        raise CacheError(
            f"{handle.quoted} is in the cache already, at {quote_url(str(found))}. To replace it, remove it first: "
            f"rehub cache rm {handle}"
        )
    directory = str(get_or_fetch(roots, handle.canonical, lambda directory: _fill_entry(directory, handle, source)))
    if arguments.json:
        output.print_json({"handle": escape_url(handle.text), "directory": directory})
    else:
        output.print_line(directory)
    return OK


def _fill_entry(directory: Path, handle: Handle, source: Path) -> Fetched:
    name = quote_url(str(source))
    if source.is_dir():
        detect_layout(str(source))
        files = copy_directory(source, directory, name=name)
    else:
        files = unpack_verified(source, directory, name=name, sha256=handle.sha256)
        detect_layout(str(directory), str(source))
    return Fetched(str(source.absolute()), files)
