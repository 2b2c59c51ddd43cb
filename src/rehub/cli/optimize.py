"""`rehub optimize HANDLE [DIR]`: find the form of a model that is fastest on this machine, and write it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import InvalidSetting
from rehub.loading import load
from rehub.resolvers import resolve
from rehub.restore import Form, OptimizedFunction, load_report
from rehub.restore.export_target import check_target, stage_export


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Tries each signature and function of a model with its variables as constants, and in bfloat16 if the CPU\n"
        "supports it. Prints the time of a call, the difference from the model's own results, and the chosen form.\n"
        "With DIR, writes the chosen forms as a TF2 SavedModel for inference, which plain TensorFlow loads. On\n"
        "another machine, another form may be the fastest."
    )
    parser.add_handle_argument()
    parser.add_argument("directory", metavar="DIR", nargs="?", help="where to write")
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        dest="inputs",
        help="the sizes of an input to measure with, such as images=1,224,224,3; can be repeated",
    )
    parser.add_tags_option("load")
    parser.add_argument("--overwrite", action="store_true", help="replace what is in DIR")
    parser.add_json_option("the measurements")
    parser.add_examples("optimize ./photos", "optimize ./photos ./photos_fast --input images=8,224,224,3")


def run_command(arguments: Namespace) -> int:
    resolve(arguments.handle)  # A mistyped handle fails before TensorFlow is imported.
    tf = start_tensorflow()
    target = None if arguments.directory is None else check_target(arguments.directory, arguments.overwrite)
    shapes = dict(_parse_input_shape(tf, text) for text in arguments.inputs)
    model = load(arguments.handle, arguments.tags, optimize="inference", measure_with=shapes)
    found = load_report(model).optimized
    if target is not None:
        with stage_export(target, arguments.overwrite) as staging:
            tf.saved_model.save(model, staging, signatures=dict(model.signatures))
    if arguments.json:
        output.print_json([{**vars(each), "speedup": each.speedup} for each in found])
    else:
        _print_measurements(found, target)
    return OK


def _parse_input_shape(tf: Any, text: str) -> tuple[str, Any]:
    name, equals, sizes = text.partition("=")
    numbers = [size for size in sizes.split(",") if size]
    if not equals or not all(number.isdigit() for number in numbers):
        raise InvalidSetting(f"--input takes a name and sizes, such as images=1,224,224,3. Received: {text!r}")
    return name, tf.TensorShape([int(number) for number in numbers])


def _print_measurements(found: tuple[OptimizedFunction, ...], target: str | None) -> None:
    rows = []
    for each in found:
        forms = [_format_form(form, form.name == each.chosen) for form in each.forms]
        rows += [[each.name if i == 0 else "", *cells] for i, cells in enumerate(forms)]
        if each.reason:
            rows.append([each.name, "plain *", "", "", f"not optimized: {each.reason}"])
    output.print_table(["FUNCTION", "FORM", "MS", "DIFFERENCE", ""], rows)
    chosen = sum(each.chosen != "plain" for each in found)
    output.print_line(f"* marks the chosen form: for {chosen} of {len(found)} functions another one than plain")
    if target is not None:
        output.print_line(f"{target}: a TF2 SavedModel for inference")


def _format_form(form: Form, chosen: bool) -> list[str]:
    time = "" if form.seconds is None else f"{1000 * form.seconds:.3f}"
    difference = "" if form.name == "plain" else f"{form.difference:.1e}"
    return [f"{form.name} *" if chosen else form.name, time, difference, form.refused]
