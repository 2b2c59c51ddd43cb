"""`rehub prepare HANDLE...`: write the prepared form of models, whose weights are mapped instead of read."""

from __future__ import annotations

from argparse import Namespace

from rehub.cli import output
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import HubError, UnsupportedFormat
from rehub.escaping import escape_url, quote_url
from rehub.loading import load
from rehub.resolvers import resolve
from rehub.restore import load_report
from rehub.transfer.progress import track_steps


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Writes the prepared form of TF2 SavedModels, and prints the directory of each on a separate line. A prepared\n"
        "form is as large as the weights. From then on hub.load maps it. You can delete it at any time."
    )
    parser.add_handle_argument("handles", nargs="+")
    parser.add_json_option("handle and directory of each")
    parser.add_examples(f"prepare {EXAMPLE_URL}")


def run_command(arguments: Namespace) -> int:
    code = OK
    records = []
    for handle in track_steps("Preparing", arguments.handles, len(arguments.handles), "model"):
        try:
            records.append({"handle": escape_url(handle), "directory": _prepare_model(handle)})
        except HubError as error:
            output.print_error(error)
            code = FAILED
        else:
            if not arguments.json:
                output.print_line(records[-1]["directory"])
    if arguments.json:
        output.print_json(records)
    return code


def _prepare_model(handle: str) -> str:
    resolve(handle)  # A mistyped handle fails before TensorFlow is imported.
    start_tensorflow()
    load(handle, prepare="make")
    report = load_report(load(handle, prepare="use"))
    if not report.prepared:
        reason = report.reason or (
            "its variables are not plain ones, or the cache is on a network file system or in an object store"
        )
        raise UnsupportedFormat(f"{quote_url(handle)} cannot have a prepared form: {reason}. It is loaded without one.")
    return report.prepared
