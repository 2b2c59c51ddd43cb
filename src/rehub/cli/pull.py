"""`rehub pull HANDLE...`: fetches models into the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DONE, FAILED
from rehub.cli.handle_files import add_handles, handles_of
from rehub.errors import HubError
from rehub.escaping import escape_url
from rehub.redaction import redact_location
from rehub.resolvers import resolve

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Fetches models that are not in the cache yet, and prints the directory of each on a line of its own.\n"
        "One that fails does not keep the others from being fetched. `rehub lock` writes a file for -r in which\n"
        "each handle ends with #sha256=: then only that very archive is taken."
    )
    add_handles(parser)
    parser.add_json("handle and directory of each")


def run(arguments: Namespace) -> int:
    """Resolves one handle after the other."""
    code = DONE
    records = []
    for handle in handles_of(arguments):
        directory = None
        problem = None
        try:
            directory = redact_location(resolve(handle))
        except HubError as error:
            output.complain(error)
            code = FAILED
            problem = str(error)
        records.append({"handle": escape_url(handle), "directory": directory, "error": problem})
        if directory is not None and not arguments.json:
            output.line(directory)
    if arguments.json:
        output.as_json(records)
    return code
