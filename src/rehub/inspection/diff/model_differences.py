"""What differs between two models: versions of one, or one before and after a conversion."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Mapping

from rehub.errors import PackageMissing, UnsupportedFormat
from rehub.inspection.diff.descriptions import facts
from rehub.inspection.diff.value_differences import ValueDifference, compare_values
from rehub.inspection.diff.variable_pairs import Weights, find_pairs
from rehub.inspection.model_info import ModelInfo, VariableInfo
from rehub.savedmodel.checkpoint import Checkpoint, read_checkpoint


@dataclass(frozen=True)
class Change:
    """A fact that is another one in the other model; None where a model has no such thing."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class VariableDifference:
    """Two variables that belong together, or one without a partner.

    Attributes:
        before: that of the first model; None if it has none.
        after: that of the second.
        values: how their values differ; None where they were not compared.
        not_compared: why they were not; "" where they were, or there is no pair.
    """

    before: VariableInfo | None
    after: VariableInfo | None
    values: ValueDifference | None = None
    not_compared: str = ""

    def __bool__(self) -> bool:
        if self.before is None or self.after is None or self.values is None:
            return True
        return self.values.changed > 0 or self.before.dtype != self.after.dtype


@dataclass(frozen=True)
class ModelDifference:
    """What differs between two models.

    Attributes:
        facts: what differs in all but the weights, in the order of the first model.
        variables: those that are not equal in type, shape and values, or have no partner.
        equal_variables: how many pairs are equal.
        equal_parameters: how many numbers are in these.
        matched: how many pairs were found by what: "checkpoint key", "name" or "path".
    """

    facts: tuple[Change, ...]
    variables: tuple[VariableDifference, ...]
    equal_variables: int
    equal_parameters: int
    matched: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.facts or self.variables)


def compare_models(before: ModelInfo, after: ModelInfo) -> ModelDifference:
    """Compares two models in all that `hub.inspect` tells, in their assets, and in the values of their variables.

    Graphs are compared by how often they use each op, not node by node.

    Raises:
        CorruptModel: a file of one of them is damaged.
    """
    old, new = facts(before), facts(after)
    changed = (Change(what, old.get(what), new.get(what)) for what in {**old, **new})
    weights = _weights(before), _weights(after)
    joined = weights[0].joined(weights[1].variables), weights[1].joined(weights[0].variables)
    pairs = find_pairs(joined[0].variables, joined[1].variables)
    compared = [_compare(*pair, joined[0].checkpoint, joined[1].checkpoint) for pair in pairs.found]
    equal = [each.values.elements for each in compared if not each and each.values is not None]
    return ModelDifference(
        facts=tuple(fact for fact in changed if fact.before != fact.after),
        variables=tuple(each for each in compared if each),
        equal_variables=len(equal),
        equal_parameters=sum(equal),
        matched=pairs.matched,
    )


def _weights(info: ModelInfo) -> Weights:
    try:
        checkpoint = read_checkpoint(os.path.join(info.path, "variables", "variables"))
    except FileNotFoundError:
        checkpoint = Checkpoint("", {}, 0)  # of a model without variables
    return Weights.of(info.variables, checkpoint)


def _compare(
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
