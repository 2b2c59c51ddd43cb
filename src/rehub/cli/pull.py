"""`rehub pull HANDLE...`: fetch models into the cache."""

from __future__ import annotations

from argparse import Namespace

from rehub.cli import output
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.handle_files import add_handle_arguments, read_handles
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.errors import HubError
from rehub.escaping import escape_url
from rehub.redaction import redact_location
from rehub.resolvers import resolve


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Fetches models that are not in the cache yet, and prints the directory of each on a separate line. If a\n"
        "model cannot be fetched, it continues with the others. `rehub lock` writes a file for -r with pinned\n"
        "handles: a handle that ends with #sha256= accepts only exactly that archive."
    )
    add_handle_arguments(parser)
    parser.add_json_option("handle and directory of each")
    parser.add_examples(
        f"pull {EXAMPLE_URL}",
        "pull hf://owner/repo kaggle://google/nnlm/tensorFlow2/en-dim128/1",
        "pull -r models.txt",
    )


def run_command(arguments: Namespace) -> int:
    code = OK
    records = []
    for handle in read_handles(arguments):
        directory = None
        problem = None
        try:
            directory = redact_location(resolve(handle))
        except HubError as error:
            output.print_error(error)
            code = FAILED
            problem = str(error)
        records.append({"handle": escape_url(handle), "directory": directory, "error": problem})
        if directory is not None and not arguments.json:
            output.print_line(directory)
    if arguments.json:
        output.print_json(records)
    return code
