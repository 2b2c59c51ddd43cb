"""`rehub diff A B`: what differs between two models."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rehub.cli import output
from rehub.cli.exit_codes import DIFFERENT, DONE, TROUBLE
from rehub.errors import HubError
from rehub.savedmodel.inspection import inspect
from rehub.savedmodel.model_differences import FactDifference, ModelDifference, VariablePair, compare_models

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Compares two models, such as two versions, or one before and after a conversion: format, signatures,\n"
        "functions, ops, assets, and the values of variables. TensorFlow is not needed for it.\n"
        "Ends with 0 if they are equal, with 1 if they differ, with 2 if one cannot be read, as diff does."
    )
    parser.add_argument("before", metavar="A", help="a URL or any other handle that rehub takes")
    parser.add_argument("after", metavar="B", help="another")
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
        _print(difference)
    return DIFFERENT if difference else DONE


def _print(difference: ModelDifference) -> None:
    for fact in difference.facts:
        output.line(_fact(fact))
    for pair in difference.variables:
        output.line(_variable(pair))
    matched = "; ".join(f"{count:,} by {way}" for way, count in difference.matched.items())
    output.line(
        f"{difference.equal:,} variables are equal, {difference.equal_parameters:,} numbers; "
        f"{len(difference.variables):,} are not. Found to be pairs: {matched or 'none'}."
    )


def _fact(fact: FactDifference) -> str:
    if fact.before is None:
        return f"+ {fact.what}: {fact.after}"
    if fact.after is None:
        return f"- {fact.what}: {fact.before}"
    return f"~ {fact.what}: {fact.before} -> {fact.after}"


def _variable(pair: VariablePair) -> str:
    if pair.before is None:
        return f"+ variable {pair.after}: {pair.type_after}"
    if pair.after is None:
        return f"- variable {pair.before}: {pair.type_before}"
    name = pair.before if pair.before == pair.after else f"{pair.before} -> {pair.after}"
    types = pair.type_before if pair.type_before == pair.type_after else f"{pair.type_before} -> {pair.type_after}"
    return f"~ variable {name}: {types}, {_values(pair)}"


def _values(pair: VariablePair) -> str:
    values = pair.values
    if values is None:
        return f"values not compared: {pair.not_compared}"
    if not values.changed:
        return "equal values"
    how = f"{values.changed:,} of {values.elements:,} values differ"
    if values.max_absolute is None:
        return how
    return f"{how}, by {values.max_absolute:.3g} at most, and {values.max_relative:.3g} of their size"
