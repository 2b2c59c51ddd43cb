"""`rehub scan HANDLE...`: find what models could do to the machine that runs them."""

from __future__ import annotations

from argparse import Namespace

from rehub.cli import output
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.errors import HubError
from rehub.scanning import scan


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Reads models without running them, and lists the ops that use files, the network, Python or the process,\n"
        "with their nodes and the reason why they matter. The exit code is 1 if there is a danger, else 0; notes do\n"
        "not count."
    )
    parser.add_handle_argument("handles", nargs="+")
    parser.add_json_option("the findings")
    parser.add_examples(f"scan {EXAMPLE_URL}", "scan ./downloaded --json")


def run_command(arguments: Namespace) -> int:
    code = OK
    reports = []
    for handle in arguments.handles:
        try:
            report = scan(handle)
        except HubError as error:
            output.print_error(error)
            code = FAILED
            continue
        if not report.is_clean:
            code = FAILED
        if arguments.json:
            reports.append({**vars(report), "clean": report.is_clean})
        else:
            output.print_text(str(report))
    if arguments.json:
        output.print_json(reports)
    return code
