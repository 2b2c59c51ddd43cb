"""`rehub index build DIR`: build an index of the vectors in a directory of Parquet files."""

from __future__ import annotations

import time
from argparse import Namespace

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import Parser
from rehub.formatting import format_count
from rehub.vector_index import build_index


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Builds an index of the vectors in DIR, a directory of Parquet files as `rehub batch` writes it. The index is\n"
        "written to DIR/_rehub/index, and replaces an existing one. `rehub index query` searches it.\n\n"
        "Up to a million rows, a query is compared with each vector. Above that, a graph finds almost all of the\n"
        "nearest vectors in a fraction of the time; for a million vectors, it takes about 20 minutes to build."
    )
    parser.add_argument("directory", metavar="DIR", help="the directory with the Parquet files")
    parser.add_argument("--column", metavar="NAME", help="the column with the vectors (default: the only one)")
    parser.add_argument(
        "--metric", choices=("cos", "ip", "l2"), default="cos", help="the kind of distance (default: %(default)s)"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--exact", action="store_true", default=None, help="compare a query with each vector")
    kind.add_argument(
        "--approximate", dest="exact", action="store_false", default=None, help="build a graph, even for few vectors"
    )
    parser.add_argument(
        "--project",
        metavar="N",
        type=int,
        help="project the vectors randomly to N dimensions: smaller and faster, less accurate",
    )
    parser.add_argument("--seed", type=int, default=1, help="the seed of the projection (default: %(default)s)")
    parser.add_json_option("what was built")
    parser.add_examples(
        "index build ./embeddings",
        "index build ./embeddings --column sentence --metric ip --project 64 --seed 1",
    )


def run_command(arguments: Namespace) -> int:
    started = time.perf_counter()
    index = build_index(
        arguments.directory,
        arguments.column,
        metric=arguments.metric,
        exact=arguments.exact,
        project=arguments.project,
        seed=arguments.seed,
    )
    seconds = time.perf_counter() - started
    if arguments.json:
        output.print_json(
            {
                "path": index.path,
                "column": index.column,
                "metric": index.metric,
                "exact": index.is_exact,
                "vectors": index.size,
                "dimensions": index.dimensions,
                "projection": index.projection,
                "left_out": index.left_out,
                "seconds": round(seconds, 3),
            }
        )
        return OK
    kind = "exact" if index.is_exact else "approximate"
    projected = f", projected to {index.projection.dimensions}" if index.projection else ""
    output.print_line(
        f"{index.path}: {format_count(index.size, 'vector')} of {index.dimensions} dimensions{projected}, "
        f"{index.metric}, {kind}, in {seconds:.1f} s"
    )
    if index.left_out.total:
        output.print_line(f"Left out: {index.left_out.describe()}")
    return OK
