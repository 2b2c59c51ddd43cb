"""`rehub export HANDLE ARCHIVE`: pack a model for a machine without network."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import EXAMPLE_URL, Parser, parse_new_path
from rehub.errors import ArchiveNotWritten
from rehub.escaping import escape_url, quote_url
from rehub.formatting import format_size
from rehub.resolvers import resolve
from rehub.savedmodel import detect_layout
from rehub.transfer.archives import pack_directory


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Packs a model as a .tar.gz archive. If the model is not in the cache, it is fetched first. On a machine\n"
        "without a network, `rehub import HANDLE ARCHIVE` puts the model into the cache. A server that follows the\n"
        "hosting protocol can send the archive too. Packing the same model again on one machine gives the same\n"
        "bytes."
    )
    parser.add_handle_argument(help="a handle, or the directory of your own model")
    parser.add_argument(
        "archive", metavar="ARCHIVE", type=parse_new_path(".tar.gz", ".tgz"), help="the file to write: NAME.tar.gz"
    )
    parser.add_json_option("handle, archive and size")
    parser.add_argument("--force", action="store_true", help="replace ARCHIVE if it exists")
    parser.add_examples(f"export {EXAMPLE_URL} nnlm.tar.gz", "export ./my_model my_model.tar.gz --force")


def run_command(arguments: Namespace) -> int:
    archive: Path = arguments.archive
    if os.path.lexists(str(archive)) and not arguments.force:
        raise ArchiveNotWritten(f"{quote_url(str(archive))} exists already. Remove it, or replace it with --force.")
    directory = resolve(arguments.handle)
    if "://" in directory:
        raise ArchiveNotWritten(
            f"{quote_url(arguments.handle)} cannot be packed: it is read from {escape_url(directory)}, not copied to "
            "this machine. Unset TFHUB_MODEL_LOAD_FORMAT if it is UNCOMPRESSED; for gs:// pip install 'rehub[gcs]'; if "
            "the cache is in an object store, set REHUB_CACHE_DIR to a directory of this machine."
        )
    detect_layout(directory, arguments.handle)
    try:
        pack_directory(Path(directory), archive)
    except OSError as error:
        raise ArchiveNotWritten(
            f"{quote_url(arguments.handle)} cannot be packed as {quote_url(str(archive))}: {error}"
        ) from error
    size = archive.stat().st_size
    if arguments.json:
        output.print_json({"handle": escape_url(arguments.handle), "archive": str(archive), "size": size})
    else:
        output.print_line(f"{archive}  {format_size(size)}")
    return OK
