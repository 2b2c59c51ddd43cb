"""`rehub diff A B`: show how two models differ."""

from __future__ import annotations

from argparse import Namespace
from typing import Iterator

from rehub.cli import output
from rehub.cli.exit_codes import DIFFERENT, ERROR, OK
from rehub.cli.parser import Parser
from rehub.errors import HubError
from rehub.formatting import format_tensor
from rehub.inspection import inspect
from rehub.inspection.diff import Change, ModelDifference, VariableDifference, compare_models, describe_values
from rehub.inspection.model_info import VariableInfo

_MAX_LINES = 20  # of each group


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Compares two models, such as two versions, or a model before and after a conversion: format, signatures,\n"
        "functions, ops, assets, and the values of variables. It does not need TensorFlow. It needs NumPy to say by\n"
        "how much values differ. The exit code is 0 if the models are equal, 1 if they differ, and 2 if one cannot be\n"
        "read, as for diff(1)."
    )
    parser.add_handle_argument("before", metavar="A")
    parser.add_handle_argument("after", metavar="B", help="another handle")
    parser.add_argument("--stat", action="store_true", help="print only the summary")
    parser.add_argument(
        "--all", action="store_true", help=f"print all lines of a group, not only the first {_MAX_LINES}"
    )
    parser.add_json_option("the differences")
    parser.add_examples(
        "diff ./model/1 ./model/2", "diff ./model/1 ./model/2 --stat", "diff ./model/1 ./model/2 --json"
    )


def run_command(arguments: Namespace) -> int:
    try:
        difference = compare_models(inspect(arguments.before), inspect(arguments.after))
    except HubError as error:
        output.print_error(error)
        return ERROR
    if arguments.json:
        output.print_json(difference)
    else:
        _print_difference(difference, 0 if arguments.stat else None if arguments.all else _MAX_LINES)
    return DIFFERENT if difference else OK


def _print_difference(difference: ModelDifference, limit: int | None) -> None:
    """Print the summary, then each group of lines up to the limit."""
    groups = _group_lines(difference)
    for text in _summarize_differences(difference, groups):
        output.print_line(text)
    for name, lines in groups.items():
        shown = lines if limit is None else lines[:limit]
        if not shown:
            continue
        output.print_line("")
        output.print_line(output.bold(f"{name}:"))
        for text in shown:
            output.print_line(text)
        if len(lines) > len(shown):
            output.print_line(output.dim(f"and {len(lines) - len(shown):,} more: --all"))


def _summarize_differences(difference: ModelDifference, groups: dict[str, list[str]]) -> Iterator[str]:
    counts = [f"{name} {len(lines):,}" for name, lines in groups.items()]
    yield f"differences: {', '.join(counts)}" if counts else "no differences"
    matched = "; ".join(f"{count:,} by {way}" for way, count in difference.matched.items())
    yield (
        f"variables: {difference.equal_variables:,} equal, with {difference.equal_parameters:,} numbers; "
        f"{len(difference.variables):,} different; pairs found: {matched or 'none'}"
    )


def _group_lines(difference: ModelDifference) -> dict[str, list[str]]:
    """Return the lines of each group; only groups that have lines."""
    groups: dict[str, list[str]] = {"interface": [], "functions": [], "ops": [], "variables": []}
    for what, text in _format_changes(difference.facts):
        kind = "ops" if what.endswith("ops") else "functions" if what.startswith("function ") else "interface"
        groups[kind].append(text)
    groups["variables"] = [_format_variable(variable) for variable in difference.variables]
    return {name: lines for name, lines in groups.items() if lines}


def _format_changes(changes: tuple[Change, ...]) -> Iterator[tuple[str, str]]:
    """Yield the name of each change, with its line.

    All ops share one line. A part of something that only one model has gets no line.
    """
    alone: dict[str, str] = {}
    ops: dict[str, list[str]] = {}
    for change in changes:
        mark = "+" if change.before is None else "-" if change.after is None else "~"
        value = " -> ".join(value for value in (change.before, change.after) if value is not None)
        *above, last = change.what.split(", ")
        if any(alone.get(", ".join(above[:depth])) == mark for depth in range(1, len(above) + 1)):
            continue
        if mark != "~":
            alone[change.what] = mark
        if last.startswith("op "):
            ops.setdefault(f"{mark} {', '.join([*above, 'ops'])}", []).append(f"{last[3:]} {value}")
        else:
            yield change.what, f"{mark} {change.what}: {value}"
    for what, counts in ops.items():
        yield what, f"{what}: {', '.join(counts)}"


def _format_variable(difference: VariableDifference) -> str:
    before, after = difference.before, difference.after
    if before is None or after is None:
        mark, variable = ("-", before) if before is not None else ("+", after)
        return f"{mark} variable {_format_name(variable)}: {_format_type(variable)}"
    names = " -> ".join(dict.fromkeys((_format_name(before), _format_name(after))))
    types = " -> ".join(dict.fromkeys((_format_type(before), _format_type(after))))
    return f"~ variable {names}: {types}, {describe_values(difference)}"


def _format_name(variable: VariableInfo | None) -> str:
    if variable is None:
        return ""
    names = [variable.path or variable.key or variable.name]
    return " ".join(names + [f"({variable.name})"] * (variable.name not in ("", *names)))


def _format_type(variable: VariableInfo | None) -> str:
    return "" if variable is None else format_tensor(variable.dtype, variable.shape)
