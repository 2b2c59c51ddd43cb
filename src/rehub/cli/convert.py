"""`rehub convert HANDLE DIR`: write a TF1 model as a TF2 SavedModel, or any model for an older TensorFlow."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import InvalidSetting
from rehub.resolvers import resolve

if TYPE_CHECKING:
    from rehub.migrate.models import Conversion, RewrittenModel
    from rehub.migrate.models.comparison import Comparison


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Writes a legacy module (TF1 Hub format) or a TF1 SavedModel as a TF2 SavedModel that can be trained and\n"
        "works without rehub: in plain TensorFlow, Keras' TFSMLayer, tensorflow_hub. Before it writes to DIR, rehub\n"
        "compares the outputs, gradients and updates with those of the original.\n"
        "With --for-tensorflow, rewrites any SavedModel so that an older TensorFlow loads it, without rehub."
    )
    parser.add_handle_argument(help="the model: a URL, a path, ...")
    parser.add_argument("directory", metavar="DIR", help="where to write")
    parser.add_argument("--signature", metavar="NAME", help="the signature to call by default")
    parser.add_tags_option("convert")
    parser.add_argument(
        "--for-tensorflow", metavar="VERSION", help="rewrite the model for this older version: 1.15, ..."
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is in DIR")
    parser.add_json_option("the report")
    parser.add_examples(
        "convert ./old_module ./new_model",
        "convert ./old_module ./new_model --signature images --overwrite",
        "convert ./new_model ./served_model --for-tensorflow 1.15",
    )


def run_command(arguments: Namespace) -> int:
    from rehub.migrate.models import convert, convert_for_tensorflow

    resolve(arguments.handle)  # A mistyped handle fails before TensorFlow is imported.
    start_tensorflow()
    if arguments.for_tensorflow is not None:
        if arguments.signature is not None or arguments.tags is not None:
            raise InvalidSetting("--for-tensorflow keeps all signatures and tags: leave --signature and --tags out.")
        rewritten = convert_for_tensorflow(
            arguments.handle, arguments.directory, arguments.for_tensorflow, arguments.overwrite
        )
        if arguments.json:
            output.print_json(rewritten)
        else:
            _print_rewritten(rewritten)
        return OK
    report = convert(arguments.handle, arguments.directory, arguments.signature, arguments.tags, arguments.overwrite)
    if arguments.json:
        output.print_json(report)
    else:
        _print_report(report)
    return OK


def _print_rewritten(report: RewrittenModel) -> None:
    written_by = f", which TensorFlow {report.written_by} wrote" if report.written_by else ""
    output.print_line(f"{report.directory}: {report.handle}{written_by}, for TensorFlow {report.for_tensorflow}")
    for change in report.rewritten or ("nothing: it has only what that TensorFlow knows",):
        output.print_line(f"rewritten: {change}")
    for left_out in report.left_out:
        output.print_line(f"left out: {left_out}")


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
