"""`rehub batch HANDLE INPUT... --output DIR`: run a model over a large data set."""

from __future__ import annotations

import argparse

from rehub import tf_internals
from rehub.batch_inference import BatchReport, batch
from rehub.batch_inference.engines import ENGINES, EngineOptions, runs_in_this_process
from rehub.batch_inference.plan import SHARD_ROWS
from rehub.cli import output
from rehub.cli.exit_codes import INCOMPLETE, OK
from rehub.cli.parser import Parser, parse_count, parse_image_size
from rehub.cli.tensorflow_start import start_tensorflow

_FORMATS = ("parquet", "csv", "jsonl", "tfrecord", "image", "text")


def add_arguments(parser: Parser) -> None:
    parser.description = """Runs a model over all rows of files, and writes its outputs as Parquet files.
Rows without a result get a text in the column `error`. If a run is interrupted, start it again: it continues.

INPUT is a file, directory, glob or URL of fsspec: Parquet, CSV, JSON lines, TFRecord of tf.train.Example, images or
text files. Each image or text file is a row with the columns `path` and `content`.

Exit codes: 0 all shards were written; 1 nothing was done, or --max-errors was exceeded; 2 wrong usage; 3 some shards
failed: start the run again to retry them."""
    parser.add_handle_argument()
    parser.add_argument("paths", metavar="INPUT", nargs="+", help="a file, directory, glob or URL")
    parser.add_argument("--output", metavar="DIR", required=True, help="the directory or URL to write to")
    parser.add_argument("--format", choices=_FORMATS, help="the format of the files; default: by their names")
    _add_model_options(parser)
    _add_run_options(parser)
    parser.add_json_option("the report")
    parser.add_examples(
        "batch ./sentences reviews.parquet --output vectors --input default=text --outputs default=embedding",
        "batch ./photos pictures/ --output features --resize 224x224 --workers 4",
    )


def _add_model_options(parser: Parser) -> None:
    parser.add_argument("--signature", metavar="NAME", help="the signature to call; default: the default or only one")
    parser.add_tags_option("load")
    _add_pairs_option(
        parser, "--input", "INPUT=COLUMN", "the column for an input; default: the column of its name, or the only one"
    )
    _add_pairs_option(
        parser,
        "--outputs",
        "OUTPUT=COLUMN",
        "the outputs to write, and their columns; default: all",
        may_be_alone=True,
    )
    parser.add_argument(
        "--keep", metavar="COLUMNS", type=_split_names, help="the columns to copy; '' for none; default: all but inputs"
    )
    parser.add_argument("--resize", metavar="HxW", type=parse_image_size, help="resize images to this size")
    parser.add_argument(
        "--pixel-range",
        metavar="LOW,HIGH",
        type=_parse_range,
        help="the values of black and white; default: 0,1 for floats, 0,255 for integers",
    )
    _add_pairs_option(parser, "--ragged", "OUTPUT=COUNTS", "an output with all rows in one list, and each row's count")
    _add_pairs_option(
        parser, "--padded", "OUTPUT=LENGTHS", "an output padded to the longest row, and each row's length"
    )
    parser.add_argument(
        "--pad", metavar="VALUE", type=float, help="pad lists of different lengths; only for models that ignore VALUE"
    )
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=_parse_batch_size,
        default="auto",
        help="rows in a call of the model; default: auto",
    )


def _add_run_options(parser: Parser) -> None:
    parser.add_argument(
        "--workers", metavar="N", type=parse_count, default=1, help="number of processes; default: 1, this one"
    )
    parser.add_argument("--engine", choices=ENGINES, default="local", help="what runs the workers; default: local")
    parser.add_argument(
        "--address",
        default="",
        help="address of a Ray cluster, or options of a Beam runner, such as --address=--runner=FlinkRunner",
    )
    parser.add_argument("--num-gpus", metavar="N", type=float, default=0.0, help="GPUs for each worker of Ray")
    parser.add_argument(
        "--shard-rows",
        metavar="N",
        type=parse_count,
        default=SHARD_ROWS,
        help=f"about how many rows an output file has; default: {SHARD_ROWS}",
    )
    parser.add_argument(
        "--on-error",
        choices=("quarantine", "fail"),
        default="quarantine",
        help="write a row without a result with its error, or stop; default: quarantine",
    )
    parser.add_argument(
        "--max-errors",
        metavar="N|N%",
        type=_parse_max_errors,
        help="stop if more rows have an error, such as 100 or 1%%",
    )
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--resume", action="store_true", help="resume an earlier run; fail if there is none")
    earlier.add_argument("--overwrite", action="store_true", help="delete the results of an earlier run first")


def _add_pairs_option(parser: Parser, name: str, metavar: str, text: str, *, may_be_alone: bool = False) -> None:
    """Add an option whose value is NAME=OTHER,..., and that can be repeated."""
    parser.add_argument(
        name,
        metavar=f"{metavar},...",
        action="append",
        type=lambda value: [_parse_pair(each, metavar, may_be_alone=may_be_alone) for each in value.split(",")],
        help=text,
    )


def _parse_pair(text: str, form: str, *, may_be_alone: bool) -> tuple[str, str]:
    name, found, other = text.partition("=")
    if not name or (found and not other) or not (found or may_be_alone):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form {form}")
    return name, other or name


def _split_names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _parse_range(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form LOW,HIGH, such as -1,1") from None
    return low, high


def _parse_batch_size(text: str) -> int | str:
    if text == "auto":
        return text
    try:
        return parse_count(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, nor 'auto'") from None


def _parse_max_errors(text: str) -> float:
    number, share = text.rstrip("%"), text.endswith("%")
    try:
        value = float(number) / 100 if share else int(number)
    except ValueError:
        value = -1
    if value < 0 or (share and value >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of rows, such as 100, nor a share below 100%")
    return value


def _join_pairs(arguments: argparse.Namespace, option: str) -> dict[str, str] | None:
    given = getattr(arguments, option)
    if given is None:
        return None
    names: dict[str, str] = {}
    for name, other in (pair for pairs in given for pair in pairs):
        if names.setdefault(name, other) != other:
            arguments.parser.error(f"argument --{option}: {name!r} is given as {names[name]!r} and as {other!r}")
    return names


def run_command(arguments: argparse.Namespace) -> int:
    if runs_in_this_process(arguments.engine, EngineOptions(arguments.workers)):
        tf_internals.set_first_import(start_tensorflow)  # It takes seconds, and most mistakes are found before.
    report = batch(
        arguments.handle,
        arguments.paths,
        arguments.output,
        signature=arguments.signature,
        input_columns=_join_pairs(arguments, "input"),
        outputs=_join_pairs(arguments, "outputs"),
        keep=arguments.keep,
        batch_size=arguments.batch_size,
        resize=arguments.resize,
        pixel_range=arguments.pixel_range,
        ragged=_join_pairs(arguments, "ragged"),
        padded=_join_pairs(arguments, "padded"),
        pad=arguments.pad,
        input_format=arguments.format,
        on_error=arguments.on_error,
        max_errors=arguments.max_errors,
        resume=arguments.resume or None,
        overwrite=arguments.overwrite,
        shard_rows=arguments.shard_rows,
        workers=arguments.workers,
        engine=arguments.engine,
        address=arguments.address,
        num_gpus=arguments.num_gpus,
        tags=arguments.tags,
    )
    _print_report(report, as_json=arguments.json)
    return INCOMPLETE if report.failed else OK


def _print_report(report: BatchReport, *, as_json: bool) -> None:
    if as_json:
        output.print_json(report.to_json())
    else:
        output.print_text(str(report))
