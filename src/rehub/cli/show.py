"""`rehub show HANDLE`: show what a model holds, and how to use it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rehub.cli import output
from rehub.cli.exit_codes import OK
from rehub.cli.parser import EXAMPLE_URL, Parser, parse_new_path
from rehub.errors import ArchiveNotWritten, SignatureNotFound
from rehub.formatting import did_you_mean, format_size, format_tensor, list_names
from rehub.inspection import inspect, summary
from rehub.inspection.model_info import ModelInfo, TensorInfo
from rehub.inspection.report import format_report_lines


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Shows what a model contains, without TensorFlow: its signatures, functions and variables, what you can do\n"
        "with it, and the lines of Python that load and call it. If the model is not in the cache, it is fetched."
    )
    parser.add_handle_argument()
    parser.add_argument("--signature", metavar="NAME", help="show only this signature, with all its tensors")
    parser.add_argument("--variables", action="store_true", help="list the variables")
    parser.add_argument("--ops", action="store_true", help="list the ops, and how often each occurs")
    parser.add_argument(
        "--graph",
        metavar="FILE",
        type=parse_new_path(".svg", ".html"),
        help="write a picture of the model to a .svg or .html file",
    )
    parser.add_tags_option("show")
    parser.add_json_option("everything")
    parser.add_examples(
        f"show {EXAMPLE_URL}",
        "show ./my_model --signature serving_default",
        "show ./my_model --variables",
        "show ./my_model --graph my_model.svg",
    )


def run_command(arguments: Namespace) -> int:
    info = inspect(arguments.handle, tags=arguments.tags)
    if arguments.json:
        output.print_json(info)
    elif arguments.graph is not None:
        _write_picture(info, arguments.graph)
    elif arguments.signature is not None:
        _show_signature(info, arguments.signature)
    elif arguments.variables or arguments.ops:
        if arguments.variables:
            _list_variables(info)
        if arguments.ops:
            _list_ops(info)
    else:
        for line in format_report_lines(info, bold=output.bold, dim=output.dim):
            output.print_line(line)
    return OK


def _write_picture(info: ModelInfo, path: Path) -> None:
    from rehub.inspection.picture import draw_model, draw_model_page

    picture = draw_model(info) if path.suffix == ".svg" else draw_model_page(info)
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ArchiveNotWritten(f"{str(path)!r} cannot be written: {error}") from error
    output.print_line(str(path))


def _show_signature(info: ModelInfo, name: str) -> None:
    found = [(note, signature) for note, signature in summary.list_signatures(info) if signature.name == name]
    if not found:
        names = sorted({signature.name for _, signature in summary.list_signatures(info)})
        hint = did_you_mean(name, names)
        raise SignatureNotFound(
            f"{info.handle!r} has no signature {name!r}; it has: {list_names(names) or 'none'}.{hint}"
        )
    for note, signature in found:
        method = f"  {output.dim(signature.method_name)}" if signature.method_name else ""
        output.print_line(f"{output.bold(signature.name)}{method}{f'  {note}' if note else ''}")
        rows = [_format_tensor_row("takes", tensor) for tensor in signature.inputs]
        rows += [_format_tensor_row("returns", tensor) for tensor in signature.outputs]
        output.print_table(["", "NAME", "TYPE", "IN THE GRAPH"], rows)


def _format_tensor_row(word: str, tensor: TensorInfo) -> list[str]:
    return [word, tensor.name, summary.format_type(tensor), tensor.tensor]


def _list_variables(info: ModelInfo) -> None:
    rows = [
        [
            variable.path or variable.name or variable.key,
            format_tensor(variable.dtype, variable.shape) + (f" in {variable.parts}" if variable.parts > 1 else ""),
            format_size(variable.bytes),
            "trainable" if variable.trainable else "",
        ]
        for variable in info.variables
    ]
    output.print_table(["VARIABLE", "TYPE", "SIZE", ""], rows)


def _list_ops(info: ModelInfo) -> None:
    for graph in info.graphs:
        if len(info.graphs) > 1:
            output.print_line(output.bold(summary.format_tags(graph.tags)))
        packages = {op: package.package for package in info.missing_packages for op in package.ops}
        ranked = sorted(graph.ops, key=lambda op: (-op[1], op[0]))
        output.print_table(["COUNT", "OP", ""], [[f"{count:,}", op, packages.get(op, "")] for op, count in ranked])
