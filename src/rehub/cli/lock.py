"""`rehub lock HANDLE...`: write handles, each pinned to the bytes that its server has now."""

from __future__ import annotations

from argparse import Namespace

from rehub.cli import output
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.handle_files import add_handle_arguments, read_handles
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.errors import HubError
from rehub.resolvers.pinning import pin_handle


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Fetches models as their servers have them now, and prints pinned handles for `rehub pull -r`: an archive\n"
        "with its #sha256=, a Hugging Face model with its commit, a Kaggle model with its version. If a model\n"
        "cannot be fetched, nothing is printed."
    )
    add_handle_arguments(parser)
    parser.add_json_option("handle and pinned handle of each")
    parser.add_examples(f"lock {EXAMPLE_URL} > models.txt", "lock -r models.txt")


def run_command(arguments: Namespace) -> int:
    pinned = []
    code = OK
    for handle in read_handles(arguments):
        try:
            pinned.append({"handle": handle, "pinned": pin_handle(handle)})
        except HubError as error:
            output.print_error(error)
            code = FAILED
    if code == OK and arguments.json:
        output.print_json(pinned)
    elif code == OK:
        for each in pinned:
            output.print_line(each["pinned"])
    return code
