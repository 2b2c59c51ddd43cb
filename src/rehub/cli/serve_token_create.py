"""`rehub serve token create DIR`: makes a token for `rehub serve DIR`."""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Creates a token, adds its sha256 to DIR/tokens.toml, and prints the token. The token itself is not stored,\n"
        "so this is the only time that you see it. A running service reads the file again when it changes. To\n"
        "revoke a token, delete its entry."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the directory that is served")
    parser.add_argument("--name", required=True, help="the name of its owner, for the log")
    parser.add_argument(
        "--publisher",
        required=True,
        action="append",
        dest="publishers",
        metavar="PATTERN",
        help='the publishers that it covers, such as acme or "team-*"; can be repeated',
    )
    parser.add_argument(
        "--scope", action="append", choices=("read", "publish"), help="what it allows (default: both); can be repeated"
    )
    parser.add_argument(
        "--days", type=int, metavar="N", help="how many days it is valid (default: until its entry is deleted)"
    )
    parser.add_examples("serve token create ./hub --name ci --publisher acme --scope publish --days 90")


def run_command(arguments: Namespace) -> int:
    from rehub.server.access import SCOPES, add_token

    expires = None if arguments.days is None else datetime.now(timezone.utc) + timedelta(days=arguments.days)
    path = arguments.directory / "tokens.toml"
    output.print_line(add_token(path, arguments.name, arguments.scope or SCOPES, arguments.publishers, expires))
    return OK
