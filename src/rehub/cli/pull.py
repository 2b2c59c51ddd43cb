"""`rehub pull HANDLE...`: fetches models into the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DONE, FAILED
from rehub.errors import HubError
from rehub.redaction import redact_place
from rehub.resolvers import resolve

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Fetches models that are not in the cache yet, and prints the directory of each on a line of its own.\n"
        "One that fails does not keep the others from being fetched."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help="a URL or any other handle that rehub takes")


def run(arguments: Namespace) -> int:
    """Resolves one handle after the other."""
    code = DONE
    for handle in arguments.handles:
        try:
            output.line(redact_place(resolve(handle)))
        except HubError as error:
            output.complain(error)
            code = FAILED
    return code
