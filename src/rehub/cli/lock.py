"""`rehub lock HANDLE...`: writes handles with what pins each to its bytes of today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DONE, FAILED
from rehub.cli.handle_files import add_handles, handles_of
from rehub.errors import HubError
from rehub.resolvers.pinning import pin_handle

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Fetches models as their servers have them now, and prints their handles for `rehub pull -r`: an archive\n"
        "with the #sha256= that it must have, a model of Hugging Face with its commit, one of Kaggle with its\n"
        "version. If one fails, nothing is printed."
    )
    add_handles(parser)
    parser.add_json("handle and pinned handle of each")


def run(arguments: Namespace) -> int:
    """Pins all, and prints them."""
    pinned = []
    code = DONE
    for handle in handles_of(arguments):
        try:
            pinned.append({"handle": handle, "pinned": pin_handle(handle)})
        except HubError as error:
            output.complain(error)
            code = FAILED
    if code == DONE and arguments.json:
        output.as_json(pinned)
    elif code == DONE:
        for each in pinned:
            output.line(each["pinned"])
    return code
