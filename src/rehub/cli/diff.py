"""`rehub diff A B`: what differs between two models."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Iterator

from rehub.cli import output
from rehub.cli.exit_codes import DIFFERENT, DONE, TROUBLE
from rehub.errors import HubError
from rehub.inspection import inspect
from rehub.inspection.diff import FactDifference, ModelDifference, VariableDifference, compare_models
from rehub.inspection.overview import shape_text

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser
    from rehub.inspection.model_info import VariableInfo

_LINES = 20  # of each group, unless all are asked for


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Compares two models, such as two versions, or one before and after a conversion: format, signatures,\n"
        "functions, ops, assets, and the values of variables. TensorFlow is not needed for it.\n"
        "Ends with 0 if they are equal, with 1 if they differ, with 2 if one cannot be read, as diff does."
    )
    parser.add_argument("before", metavar="A", help="a URL or any other handle that rehub takes")
    parser.add_argument("after", metavar="B", help="another")
    parser.add_argument("--stat", action="store_true", help="print the summary alone")
    parser.add_argument("--all", action="store_true", help=f"print all lines, not the first {_LINES} of each group")
    parser.add_json("what differs")


def run(arguments: Namespace) -> int:
    """Compares, and tells what differs."""
    try:
        difference = compare_models(inspect(arguments.before), inspect(arguments.after))
    except HubError as error:
        output.complain(error)
        return TROUBLE
    if arguments.json:
        output.as_json(dataclasses.asdict(difference))
    else:
        _print(difference, 0 if arguments.stat else None if arguments.all else _LINES)
    return DIFFERENT if difference else DONE


def _print(difference: ModelDifference, limit: int | None) -> None:
    """The summary, and then each group of lines, as far as the limit lets it."""
    groups = _groups(difference)
    for text in _summary(difference, groups):
        output.line(text)
    for name, lines in groups.items():
        shown = lines if limit is None else lines[:limit]
        if not shown:
            continue
        output.line("")
        output.line(output.bold(f"{name}:"))
        for text in shown:
            output.line(text)
        if len(lines) > len(shown):
            output.line(output.faint(f"and {len(lines) - len(shown):,} more: --all"))


def _summary(difference: ModelDifference, groups: dict[str, list[str]]) -> Iterator[str]:
    counts = [f"{name} {len(lines):,}" for name, lines in groups.items()]
    yield f"differences: {', '.join(counts)}" if counts else "no differences"
    matched = "; ".join(f"{count:,} by {way}" for way, count in difference.matched.items())
    yield (
        f"variables: {difference.equal_variables:,} equal, with {difference.equal_parameters:,} numbers; "
        f"{len(difference.variables):,} different; pairs found: {matched or 'none'}"
    )


def _groups(difference: ModelDifference) -> dict[str, list[str]]:
    """The lines by what they are about; only groups that have lines."""
    groups: dict[str, list[str]] = {"interface": [], "functions": [], "ops": [], "variables": []}
    for what, text in _facts(difference.facts):
        kind = "ops" if what.endswith("ops") else "functions" if what.startswith("function ") else "interface"
        groups[kind].append(text)
    groups["variables"] = [_variable(variable) for variable in difference.variables]
    return {name: lines for name, lines in groups.items() if lines}


def _facts(facts: tuple[FactDifference, ...]) -> Iterator[tuple[str, str]]:
    """What each fact is about, with its line.

    All ops have one line, and what belongs to something that only one model has has none.
    """
    alone: dict[str, str] = {}
    ops: dict[str, list[str]] = {}
    for fact in facts:
        mark = "+" if fact.before is None else "-" if fact.after is None else "~"
        value = f"{fact.before} -> {fact.after}" if mark == "~" else str(fact.after if mark == "+" else fact.before)
        *above, last = fact.what.split(", ")
        if any(alone.get(", ".join(above[:depth])) == mark for depth in range(1, len(above) + 1)):
            continue
        if mark != "~":
            alone[fact.what] = mark
        if last.startswith("op "):
            ops.setdefault(f"{mark} {', '.join([*above, 'ops'])}", []).append(f"{last[3:]} {value}")
        else:
            yield fact.what, f"{mark} {fact.what}: {value}"
    for what, counts in ops.items():
        yield what, f"{what}: {', '.join(counts)}"


def _variable(difference: VariableDifference) -> str:
    before, after = difference.before, difference.after
    if before is None or after is None:
        mark, variable = ("-", before) if before is not None else ("+", after)
        return f"{mark} variable {_name(variable)}: {_type(variable)}"
    name, other = _name(before), _name(after)
    types = _type(before) if _type(before) == _type(after) else f"{_type(before)} -> {_type(after)}"
    return f"~ variable {name if name == other else f'{name} -> {other}'}: {types}, {_values(difference)}"


def _values(difference: VariableDifference) -> str:
    values = difference.values
    if values is None:
        return f"values not compared: {difference.not_compared}"
    if not values.changed:
        return "equal values"
    how = f"{values.changed:,} of {values.elements:,} values differ"
    if values.max_absolute is None:
        return how
    return f"{how}, by {values.max_absolute:.3g} at most, and {values.max_relative:.3g} of their size"


def _name(variable: VariableInfo | None) -> str:
    if variable is None:
        return ""
    names = [variable.path or variable.key or variable.name]
    return " ".join(names + [f"({variable.name})"] * (variable.name not in ("", *names)))


def _type(variable: VariableInfo | None) -> str:
    return "" if variable is None else f"{variable.dtype}{shape_text(variable.shape)}"
