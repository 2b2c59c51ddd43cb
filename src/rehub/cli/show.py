"""`rehub show HANDLE`: what a model holds, and how it is used."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING, Any

from rehub.cli import output
from rehub.cli.exit_codes import DONE
from rehub.errors import SignatureNotFound
from rehub.formatting import did_you_mean, format_size, list_names
from rehub.inspection import inspect, overview
from rehub.inspection.report import report_lines

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser
    from rehub.inspection.model_info import ModelInfo, TensorInfo


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Shows what a model holds, without TensorFlow: its signatures, functions and variables, what can be done with\n"
        "it, and the lines of Python that load and call it. A model that is not in the cache is fetched."
    )
    parser.add_argument("handle", metavar="HANDLE", help="a URL, a path or any other handle that rehub takes")
    parser.add_argument("--signature", metavar="NAME", help="shows this one alone, with all its tensors")
    parser.add_argument("--variables", action="store_true", help="lists the variables instead")
    parser.add_argument("--ops", action="store_true", help="lists the ops instead, with how often each occurs")
    parser.add_argument(
        "--tags", metavar="TAGS", help="of the graph variant to show, with commas between them; '' for no tags"
    )
    parser.add_json("everything")


def run(arguments: Namespace) -> int:
    """Prints what is found."""
    tags = None if arguments.tags is None else [tag for tag in arguments.tags.split(",") if tag]
    info = inspect(arguments.handle, tags=tags)
    if arguments.json:
        output.as_json(_for_json(info))
    elif arguments.signature is not None:
        _show_signature(info, arguments.signature)
    elif arguments.variables or arguments.ops:
        if arguments.variables:
            _list_variables(info)
        if arguments.ops:
            _list_ops(info)
    else:
        _show(info)
    return DONE


def _show(info: ModelInfo) -> None:
    for line in report_lines(info, bold=output.bold, faint=output.faint):
        output.line(line)


def _show_signature(info: ModelInfo, name: str) -> None:
    found = [(note, signature) for note, signature in overview.signatures(info) if signature.name == name]
    if not found:
        names = sorted({signature.name for _, signature in overview.signatures(info)})
        hint = did_you_mean(name, names)
        raise SignatureNotFound(
            f"{info.handle!r} has no signature {name!r}; it has: {list_names(names) or 'none'}.{hint}"
        )
    for note, signature in found:
        method = f"  {output.faint(signature.method_name)}" if signature.method_name else ""
        output.line(f"{output.bold(signature.name)}{method}{f'  {note}' if note else ''}")
        rows = [_tensor_row("takes", tensor) for tensor in signature.inputs]
        rows += [_tensor_row("returns", tensor) for tensor in signature.outputs]
        output.table(["", "NAME", "TYPE", "IN THE GRAPH"], rows)


def _tensor_row(word: str, tensor: TensorInfo) -> list[str]:
    return [word, tensor.name, overview.type_text(tensor), tensor.tensor]


def _list_variables(info: ModelInfo) -> None:
    rows = [
        [
            variable.path or variable.name or variable.key,
            variable.dtype
            + overview.shape_text(variable.shape)
            + (f" in {variable.parts}" if variable.parts > 1 else ""),
            format_size(variable.bytes),
            "trainable" if variable.trainable else "",
        ]
        for variable in info.variables
    ]
    output.table(["VARIABLE", "TYPE", "SIZE", ""], rows)


def _list_ops(info: ModelInfo) -> None:
    for graph in info.graphs:
        if len(info.graphs) > 1:
            output.line(output.bold(overview.tags_text(graph.tags)))
        packages = {op: package.package for package in info.missing_packages for op in package.ops}
        ranked = sorted(graph.ops, key=lambda op: (-op[1], op[0]))
        output.table(["COUNT", "OP", ""], [[f"{count:,}", op, packages.get(op, "")] for op, count in ranked])


def _for_json(value: Any) -> Any:
    """A value for JSON: what has a name by it, a set as a sorted list, bytes in base64."""
    if dataclasses.is_dataclass(value):
        return {field.name: _for_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [_for_json(member) for member in value]
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
