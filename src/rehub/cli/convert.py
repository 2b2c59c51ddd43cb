"""`rehub convert HANDLE DIR`: write a TF1 model as a TF2 SavedModel."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.resolvers import resolve

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser
    from rehub.migrate.models import Conversion
    from rehub.migrate.models.comparison import Comparison


def add_arguments(parser: Parser) -> None:
    """Describe the arguments."""
    parser.description = (
        "Writes a legacy module (TF1 Hub format) or a TF1 SavedModel as a TF2 SavedModel that can be trained and\n"
        "works without rehub: in plain TensorFlow, Keras' TFSMLayer, tensorflow_hub. Its outputs, gradients and\n"
        "updates are compared with those of the original before it is written to DIR."
    )
    parser.add_handle_argument(help="the TF1 model: a URL, a path, ...")
    parser.add_argument("directory", metavar="DIR", help="where to write")
    parser.add_argument("--signature", metavar="NAME", help="the signature to call by default")
    parser.add_tags_option("convert")
    parser.add_argument("--overwrite", action="store_true", help="replace what is in DIR")
    parser.add_json_option("the report")
    parser.add_examples(
        "convert ./old_module ./new_model", "convert ./old_module ./new_model --signature images --overwrite"
    )


def run_command(arguments: Namespace) -> int:
    """Convert, and print the report."""
    from rehub.migrate.models import convert

    resolve(arguments.handle)  # A mistyped handle fails before TensorFlow is imported.
    start_tensorflow()
    report = convert(arguments.handle, arguments.directory, arguments.signature, arguments.tags, arguments.overwrite)
    if arguments.json:
        output.print_json(dataclasses.asdict(report))
    else:
        _print_report(report)
    return OK


def _print_report(report: Conversion) -> None:
    output.print_line(f"{report.directory}: a TF2 SavedModel, from the {report.kind} {report.handle}")
    output.print_line(f"signatures: {', '.join(report.signatures)} (the first is called by default)")
    output.print_line(
        f"variables: {report.variables}, {report.trainable_variables} of them trainable; {report.parameters:,} numbers"
    )
    output.print_line(f"update ops: {report.update_ops}; regularization losses: {report.regularization_losses}")
    for what, names in (
        ("tables", report.tables),
        ("assets", report.assets),
        ("attached messages", report.attached_messages),
    ):
        if names:
            output.print_line(f"{what}: {', '.join(names)}")
    for left_out in report.left_out:
        output.print_line(f"left out: {left_out}")
    rows = [[each.signature, each.mode, _describe_comparison(each)] for each in report.comparisons]
    output.print_table(["SIGNATURE", "MODE", "COMPARED WITH TF1"], rows)


def _describe_comparison(comparison: Comparison) -> str:
    difference = comparison.difference
    how = "equal" if difference == 0 else f"equal but for {difference:.1e} of their size"
    found = f"{', '.join(comparison.compared)}: {how}" if comparison.compared else ""
    return "; ".join(filter(None, [found, comparison.not_compared]))
