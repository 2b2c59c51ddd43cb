"""`rehub optimize HANDLE [DIR]`: measures what makes a model faster for inference here, and writes it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rehub.cli import output
from rehub.cli.exit_codes import DONE
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.errors import InvalidSetting
from rehub.loading import load
from rehub.resolvers import resolve
from rehub.restore import load_report
from rehub.restore.export_target import check_target, stage_export

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser
    from rehub.restore import Form, OptimizedFunction


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Tries each signature and function of a model with its variables as constants, and in bfloat16 where the CPU\n"
        "has it; prints what a call takes, how far the results are from the model's, and which form is chosen. With\n"
        "DIR, writes these as a TF2 SavedModel for inference, which plain TensorFlow loads. A form that was chosen\n"
        "here need not be the fastest on another machine."
    )
    parser.add_argument("handle", metavar="HANDLE", help="a URL or any other handle that rehub takes")
    parser.add_argument("directory", metavar="DIR", nargs="?", help="where to write")
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        dest="inputs",
        help="the sizes of an input to measure with, such as images=1,224,224,3; can be repeated",
    )
    parser.add_argument(
        "--tags", metavar="TAGS", help="of the graph variant to load, with commas between them; '' for no tags"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is in DIR")
    parser.add_json("what was measured")


def run(arguments: Namespace) -> int:
    """Measures, prints what was found, and writes the model if that was asked for."""
    resolve(arguments.handle)  # First, so that a mistyped handle does not wait for TensorFlow.
    tf = start_tensorflow()
    target = None if arguments.directory is None else check_target(arguments.directory, arguments.overwrite)
    shapes = dict(_shape(tf, text) for text in arguments.inputs)
    tags = None if arguments.tags is None else [tag for tag in arguments.tags.split(",") if tag]
    model = load(arguments.handle, tags, optimize="inference", measure_with=shapes)
    found = load_report(model).optimized
    if target is not None:
        with stage_export(target, arguments.overwrite) as aside:
            tf.saved_model.save(model, aside, signatures=dict(model.signatures))
    if arguments.json:
        output.as_json([{**dataclasses.asdict(each), "speedup": each.speedup} for each in found])
    else:
        _print(found, target)
    return DONE


def _shape(tf: Any, text: str) -> tuple[str, Any]:
    name, equals, sizes = text.partition("=")
    numbers = [size for size in sizes.split(",") if size]
    if not equals or not all(number.isdigit() for number in numbers):
        raise InvalidSetting(f"--input takes a name and sizes, such as images=1,224,224,3. Received: {text!r}")
    return name, tf.TensorShape([int(number) for number in numbers])


def _print(found: tuple[OptimizedFunction, ...], target: str | None) -> None:
    rows = []
    for each in found:
        forms = [_cells(form, form.name == each.chosen) for form in each.forms]
        rows += [[each.name if i == 0 else "", *cells] for i, cells in enumerate(forms)]
        if each.reason:
            rows.append([each.name, "plain *", "", "", f"left as it is: {each.reason}"])
    output.table(["FUNCTION", "FORM", "MS", "DIFFERENCE", ""], rows)
    chosen = sum(each.chosen != "plain" for each in found)
    output.line(f"* is chosen: another form than the plain one for {chosen} of {len(found)}")
    if target is not None:
        output.line(f"{target}: a TF2 SavedModel for inference")


def _cells(form: Form, chosen: bool) -> list[str]:
    time = "" if form.seconds is None else f"{1000 * form.seconds:.3f}"
    difference = "" if form.name == "plain" else f"{form.difference:.1e}"
    return [f"{form.name} *" if chosen else form.name, time, difference, form.refused]
