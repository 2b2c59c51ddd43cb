"""`rehub scan HANDLE...`: what models could do to the machine that runs them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rehub.cli import output
from rehub.cli.exit_codes import DONE, FAILED
from rehub.errors import HubError
from rehub.scanning import scan

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser
    from rehub.scanning import ScanReport


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Reads models without running anything of them, and tells what in them touches files, the network, Python\n"
        "or the process, where it stands and why it matters. The exit code is 1 if there is a danger, 0 if there is\n"
        "none: notes do not count."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help="a URL or any other handle that rehub takes")
    parser.add_json("what was found")


def run(arguments: Namespace) -> int:
    """Scans one model after the other."""
    code = DONE
    reports = []
    for handle in arguments.handles:
        try:
            report = scan(handle)
        except HubError as error:
            output.complain(error)
            code = FAILED
            continue
        if not report.is_clean:
            code = FAILED
        if arguments.json:
            reports.append(_as_json(report))
        else:
            output.lines(str(report))
    if arguments.json:
        output.as_json(reports)
    return code


def _as_json(report: ScanReport) -> dict[str, Any]:
    return {**dataclasses.asdict(report), "clean": report.is_clean}
