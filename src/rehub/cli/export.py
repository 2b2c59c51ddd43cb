"""`rehub export HANDLE ARCHIVE`: packs a model for a machine without network."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DONE
from rehub.errors import ArchiveNotWritten
from rehub.escaping import escape_url, quote_url
from rehub.formatting import format_size
from rehub.resolvers import resolve
from rehub.savedmodel import look
from rehub.transfer import pack_directory

if TYPE_CHECKING:
    from rehub.cli.parser import Parser

_ENDINGS = (".tar.gz", ".tgz")


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Packs a model as a .tar.gz archive; fetches it first if it is not in the cache. On a machine without\n"
        "network, `rehub import HANDLE ARCHIVE` puts it into the cache there. The archive is also what a server\n"
        "sends that speaks the hosting protocol. One model gives one archive, byte for byte, on one machine."
    )
    parser.add_argument("handle", metavar="HANDLE", help="a handle, or the directory of a model of your own")
    parser.add_argument("archive", metavar="ARCHIVE", type=_archive, help="what to write: a name ending in .tar.gz")
    parser.add_json("handle, archive and size")
    parser.add_argument("--force", action="store_true", help="replace ARCHIVE if it exists")


def _archive(text: str) -> Path:
    if not text.endswith(_ENDINGS):
        raise argparse.ArgumentTypeError(f"{text!r} must end in {' or '.join(_ENDINGS)}, which is what is written")
    return Path(text)


def run(arguments: argparse.Namespace) -> int:
    """Resolves the handle, and packs what is there."""
    archive: Path = arguments.archive
    if os.path.lexists(str(archive)) and not arguments.force:
        raise ArchiveNotWritten(f"{quote_url(str(archive))} exists already. Remove it, or replace it with --force.")
    directory = resolve(arguments.handle)
    if "://" in directory:
        raise ArchiveNotWritten(
            f"{quote_url(arguments.handle)} cannot be packed: it is not copied to this machine, but read at "
            f"{escape_url(directory)}. "
            'Unset TFHUB_MODEL_LOAD_FORMAT if it is UNCOMPRESSED; for gs:// pip install "rehub[gcs]"; where the '
            "cache is in an object store, set REHUB_CACHE_DIR to a directory of this machine."
        )
    look(directory, arguments.handle)
    try:
        pack_directory(Path(directory), archive)
    except OSError as error:
        raise ArchiveNotWritten(
            f"{quote_url(arguments.handle)} cannot be packed as {quote_url(str(archive))}: {error}"
        ) from error
    size = archive.stat().st_size
    if arguments.json:
        output.as_json({"handle": escape_url(arguments.handle), "archive": str(archive), "size": size})
    else:
        output.line(f"{archive}  {format_size(size)}")
    return DONE
