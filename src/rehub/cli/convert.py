"""`rehub convert HANDLE DIR`: writes a model of TF1 as a TF2 SavedModel."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DONE
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.resolvers import resolve

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser
    from rehub.migrate.models import Conversion
    from rehub.migrate.models.comparison import Comparison


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Writes a legacy module (TF1 Hub format) or a TF1 SavedModel as a TF2 SavedModel that needs nothing of\n"
        "rehub and can be trained: by plain TensorFlow, Keras' TFSMLayer, tensorflow_hub. Its outputs, gradients\n"
        "and updates are compared with those of the original before it is done."
    )
    parser.add_argument("handle", metavar="HANDLE", help="the model of TF1: a URL, a path, ...")
    parser.add_argument("directory", metavar="DIR", help="where to write")
    parser.add_argument("--signature", metavar="NAME", help="the one to be called by default")
    parser.add_argument(
        "--tags", metavar="TAGS", help="of the graph variant to convert, with commas between them; '' for no tags"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is in DIR")
    parser.add_json("the report")


def run(arguments: Namespace) -> int:
    """Converts, and reports what was found, kept and compared."""
    from rehub.migrate.models import convert

    resolve(arguments.handle)  # First, so that a mistyped handle does not wait for TensorFlow.
    start_tensorflow()
    tags = None if arguments.tags is None else [tag for tag in arguments.tags.split(",") if tag]
    report = convert(arguments.handle, arguments.directory, arguments.signature, tags, arguments.overwrite)
    if arguments.json:
        output.as_json(dataclasses.asdict(report))
    else:
        _print(report)
    return DONE


def _print(report: Conversion) -> None:
    output.line(f"{report.directory}: a TF2 SavedModel, from the {report.kind} {report.handle}")
    output.line(f"signatures: {', '.join(report.signatures)} (the first is called by default)")
    output.line(
        f"variables: {report.variables}, {report.trainable_variables} of them trainable; {report.parameters:,} numbers"
    )
    output.line(f"update ops: {report.update_ops}; regularization losses: {report.regularization_losses}")
    for what, names in (
        ("tables", report.tables),
        ("assets", report.assets),
        ("attached messages", report.attached_messages),
    ):
        if names:
            output.line(f"{what}: {', '.join(names)}")
    for left_out in report.left_out:
        output.line(f"left out: {left_out}")
    rows = [[each.signature, each.mode, _found(each)] for each in report.comparisons]
    output.table(["SIGNATURE", "MODE", "COMPARED WITH TF1"], rows)


def _found(comparison: Comparison) -> str:
    difference = comparison.difference
    how = "equal" if difference == 0 else f"equal but for {difference:.1e} of their size"
    found = f"{', '.join(comparison.compared)}: {how}" if comparison.compared else ""
    return "; ".join(filter(None, [found, comparison.not_compared]))
