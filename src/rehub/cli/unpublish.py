"""`rehub unpublish TARGET --reason TEXT`: withdraws a version from a service, or from a directory that one serves."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Withdraws a version. A request for it gets 410 Gone with the reason. The number is not used again. Caches\n"
        "that have the version keep it."
    )
    parser.add_argument(
        "target", metavar="TARGET", help="https://host/publisher/name/version; with --from, publisher/name/version"
    )
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why, for those who still use the version")
    parser.add_argument(
        "--from", metavar="DIR", type=Path, dest="directory", help="withdraw from this directory, without a service"
    )
    parser.add_examples("unpublish https://hub.example.com/acme/text/1 --reason 'wrong vocabulary'")


def run_command(arguments: Namespace) -> int:
    if arguments.directory is None:
        from rehub.server.client import unpublish_from_url

        unpublish_from_url(arguments.target, arguments.reason)
    else:
        from rehub.server.names import parse_name_to_publish
        from rehub.server.publishing import HubDirectory

        HubDirectory(arguments.directory).unpublish(parse_name_to_publish(arguments.target), arguments.reason)
    output.print_line(f"{arguments.target} is withdrawn")
    return OK
