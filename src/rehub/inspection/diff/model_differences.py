"""How two models differ, such as two versions, or a model before and after a conversion."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from typing import Mapping

from rehub.array_diff import ArrayDifference
from rehub.errors import PackageMissing, UnsupportedFormat
from rehub.formatting import format_tensor
from rehub.inspection.diff.descriptions import describe_model
from rehub.inspection.diff.value_differences import compare_values
from rehub.inspection.diff.variable_pairs import SavedVariables, find_pairs
from rehub.inspection.html_table import format_row, format_table
from rehub.inspection.model_info import ModelInfo, VariableInfo
from rehub.savedmodel.checkpoint import Checkpoint, read_checkpoint

_MAX_ROWS = 200


@dataclass(frozen=True)
class Change:
    """A fact that differs between two models; `before` or `after` is None if a model lacks it."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class VariableDifference:
    """Two corresponding variables, or a variable of only one model.

    Attributes:
        before: the variable of the first model; None if it lacks it.
        after: the variable of the second model.
        values: how their values differ; None if they were not compared.
        not_compared: why they were not compared; "" if they were, or if only one model has the variable.
    """

    before: VariableInfo | None
    after: VariableInfo | None
    values: ArrayDifference | None = None
    not_compared: str = ""

    def __bool__(self) -> bool:
        if self.before is None or self.after is None or self.values is None:
            return True
        return self.values.changed > 0 or self.before.dtype != self.after.dtype


@dataclass(frozen=True)
class ModelDifference:
    """How two models differ.

    Attributes:
        facts: the differences apart from the weights, in the order of the first model.
        variables: the variables that differ in type, shape or values, or that only one model has.
        equal_variables: the number of pairs that are equal.
        equal_parameters: the number of their elements.
        matched: the number of pairs by how they were found: "checkpoint key", "name" or "path".
    """

    facts: tuple[Change, ...]
    variables: tuple[VariableDifference, ...]
    equal_variables: int
    equal_parameters: int
    matched: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.facts or self.variables)

    def _repr_html_(self) -> str:
        """Return a table, which notebooks show."""
        rows = [(change.what, change.before or "-", change.after or "-") for change in self.facts]
        for each in self.variables:
            variable = each.before or each.after
            name = "" if variable is None else variable.path or variable.name or variable.key
            rows.append((f"variable {name}", _describe_variable(each.before), _describe_variable(each.after)))
            if each.before is not None and each.after is not None:
                rows.append(("", describe_values(each), ""))
        more = len(rows) - _MAX_ROWS
        shown = [*rows[:_MAX_ROWS], *([("", f"and {more:,} more rows", "")] if more > 0 else [])]
        return format_table(
            f"{len(self.facts) + len(self.variables):,} differences; {self.equal_variables:,} equal variables with "
            f"{self.equal_parameters:,} parameters",
            (format_row(name, escape(before), escape(after)) for name, before, after in shown),
        )


def describe_values(difference: VariableDifference) -> str:
    """Return how the values of two variables differ, in a few words."""
    values = difference.values
    if values is None:
        return f"values not compared: {difference.not_compared}"
    if not values.changed:
        return "equal values"
    text = f"{values.changed:,} of {values.elements:,} values differ"
    if values.max_absolute is None:
        return text
    return f"{text}, by {values.max_absolute:.3g} at most, and {values.max_relative:.3g} of their size"


def _describe_variable(variable: VariableInfo | None) -> str:
    return "-" if variable is None else format_tensor(variable.dtype, variable.shape)


def compare_models(before: ModelInfo, after: ModelInfo) -> ModelDifference:
    """Compare two models: what `hub.inspect` returns, their assets, and the values of their variables.

    Graphs are compared by how often each op occurs, not node by node.

    Raises:
        CorruptModel: a file of one of them is damaged.
    """
    old, new = describe_model(before), describe_model(after)
    changes = (Change(what, old.get(what), new.get(what)) for what in {**old, **new})
    saved = _read_variables(before), _read_variables(after)
    joined = saved[0].join_parts(saved[1].variables), saved[1].join_parts(saved[0].variables)
    pairs = find_pairs(joined[0].variables, joined[1].variables)
    compared = [_compare_pair(*pair, joined[0].checkpoint, joined[1].checkpoint) for pair in pairs.found]
    equal = [each.values.elements for each in compared if not each and each.values is not None]
    return ModelDifference(
        facts=tuple(change for change in changes if change.before != change.after),
        variables=tuple(each for each in compared if each),
        equal_variables=len(equal),
        equal_parameters=sum(equal),
        matched=pairs.matched,
    )


def _read_variables(info: ModelInfo) -> SavedVariables:
    try:
        checkpoint = read_checkpoint(os.path.join(info.path, "variables", "variables"))
    except FileNotFoundError:
        checkpoint = Checkpoint("", {}, 0)  # The model has no variables.
    return SavedVariables.from_checkpoint(info.variables, checkpoint)


def _compare_pair(
    before: VariableInfo | None, after: VariableInfo | None, old: Checkpoint, new: Checkpoint
) -> VariableDifference:
    if before is None or after is None:
        return VariableDifference(before, after)
    if before.shape != after.shape:
        return VariableDifference(before, after, None, "their shapes differ")
    if (before.dtype == "string") != (after.dtype == "string"):
        return VariableDifference(before, after, None, "one holds strings, the other numbers")
    if not before.key or not after.key:
        return VariableDifference(before, after, None, "a checkpoint does not have them")
    try:
        return VariableDifference(before, after, compare_values(old, before.key, new, after.key))
    except (UnsupportedFormat, PackageMissing) as error:
        return VariableDifference(before, after, None, str(error))
