"""`rehub prepare HANDLE...`: makes the prepared form of models, from which their weights are mapped instead of read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DONE, FAILED
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import HubError, UnsupportedFormat
from rehub.escaping import escape_url, quote_url
from rehub.loading import load
from rehub.resolvers import resolve
from rehub.restore import load_report
from rehub.transfer.progress import track_steps

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Makes the prepared form of TF2 SavedModels, and prints the directory of each on a line of its own.\n"
        "It is as large as the weights. hub.load maps it from then on; it can be deleted at any time."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="+", help="a URL or any other handle that rehub takes")
    parser.add_json("handle and directory of each")


def run(arguments: Namespace) -> int:
    """Prepares one model after the other."""
    code = DONE
    records = []
    for handle in track_steps("Preparing", arguments.handles, len(arguments.handles), "model"):
        try:
            records.append({"handle": escape_url(handle), "directory": _prepare(handle)})
        except HubError as error:
            output.complain(error)
            code = FAILED
        else:
            if not arguments.json:
                output.line(records[-1]["directory"])
    if arguments.json:
        output.as_json(records)
    return code


def _prepare(handle: str) -> str:
    resolve(handle)  # First, so that a mistyped handle does not wait for TensorFlow.
    start_tensorflow()
    load(handle, prepare="make")
    report = load_report(load(handle, prepare="use"))
    if not report.prepared:
        reason = report.reason or (
            "its variables are not plain ones, or the cache is on a network file system or in an object store"
        )
        raise UnsupportedFormat(f"{quote_url(handle)} has no prepared form: {reason}. It is loaded without.")
    return report.prepared
