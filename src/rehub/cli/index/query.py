"""`rehub index query DIR HANDLE --input TEXT`: find the rows that are the most similar to an input."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.cli.tensorflow_start import start_tensorflow
from rehub.cli.tensors import read_input
from rehub.errors import InputMismatch
from rehub.escaping import quote
from rehub.strict_parsing import parse_count
from rehub.vector_index import VectorIndex, open_index
from rehub.vector_index.query_model import QueryModel, open_query_model

_WIDEST_VALUE = 80


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Computes the vector of an input with the model HANDLE, and finds the rows in DIR with the nearest vectors.\n"
        "`rehub batch` writes this directory, and `rehub index build` builds its index.\n\n"
        "An input is a text, the path of a picture for a model that takes pictures, or else JSON, or @ and a file as\n"
        "for `rehub run`."
    )
    parser.add_argument("directory", metavar="DIR", help="the directory with the Parquet files")
    parser.add_handle_argument(help="the model that computed the vectors")
    parser.add_argument(
        "--input", metavar="INPUT", dest="inputs", action="append", default=[], help="the query; can be repeated"
    )
    parser.add_argument("--input-file", metavar="FILE", type=Path, help="a file with an input on each line, in UTF-8")
    parser.add_argument("-k", metavar="N", type=_parse_count, default=10, help="how many rows (default: %(default)s)")
    parser.add_argument("--column", metavar="NAME", help="the column with the vectors (default: the only one indexed)")
    parser.add_argument(
        "--signature", metavar="NAME", help="the signature to call (default: the one that computed the vectors)"
    )
    parser.add_argument(
        "--output", metavar="NAME", help="the output that is the vector (default: the one that is in the column)"
    )
    parser.add_json_option("the rows")
    parser.add_examples(
        "index query ./embeddings ./sentences --input 'a fine film'",
        "index query ./photos ./mobilenet --input cat.jpg -k 3 --json",
    )


def _parse_count(text: str) -> int:
    count = parse_count(text)
    if not count:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return count


def run_command(arguments: argparse.Namespace) -> int:
    inputs = [*arguments.inputs, *_read_lines(arguments.input_file)]
    if not inputs:
        raise InputMismatch("There is no input. Give one with --input, or several with --input-file.")
    index = open_index(arguments.directory, arguments.column)
    start_tensorflow()
    model = open_query_model(
        arguments.directory, index.column, arguments.handle, signature=arguments.signature, output=arguments.output
    )
    matches = index.search(model.compute_vectors([_read_value(text, model) for text in inputs]), arguments.k)
    found = [_list_matches(index, *each) for each in zip(matches.rows, matches.distances)]
    if arguments.json:
        output.print_json([{"input": text, "matches": rows} for text, rows in zip(inputs, found)])
    else:
        _print_matches(inputs, found)
    return OK


def _read_lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputMismatch(f"{quote(path)} cannot be read: {error}") from error
    return lines if lines[-1] else lines[:-1]


def _read_value(text: str, model: QueryModel) -> Any:
    """Return the value of an input that a user typed."""
    if model.reads_files:
        try:
            return Path(text).expanduser().read_bytes()
        except OSError as error:
            raise InputMismatch(f"{quote(text)} is not the path of a readable picture: {error}") from error
    return text if model.input.dtype == "string" else read_input(text)


def _list_matches(index: VectorIndex, rows: Any, distances: Any) -> list[dict[str, Any]]:
    pairs = [(int(row), float(distance)) for row, distance in zip(rows, distances) if row >= 0]
    columns = index.read_rows([row for row, _ in pairs])
    return [
        {"distance": distance, "row": row, "columns": {name: _to_json(value) for name, value in kept.items()}}
        for (row, distance), kept in zip(pairs, columns)
    ]


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN.
    return value if value is None or isinstance(value, (bool, int, float, str, bytes)) else str(value)


def _print_matches(inputs: list[str], found: list[list[dict[str, Any]]]) -> None:
    names = list(dict.fromkeys(name for rows in found for match in rows for name in match["columns"]))
    is_one = len(inputs) == 1
    table = [
        [
            *([] if is_one else [_shorten_text(text)]),
            f"{match['distance']:.4f}",
            *([] if names else [str(match["row"])]),
            *(_shorten_text(match["columns"].get(name)) for name in names),
        ]
        for text, rows in zip(inputs, found)
        for match in rows
    ]
    output.print_table([*([] if is_one else ["INPUT"]), "DISTANCE", *(map(str.upper, names or ["row"]))], table)


def _shorten_text(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDEST_VALUE else text[: _WIDEST_VALUE - 3] + "..."
