"""What differs between two models: versions of one, or one before and after a conversion."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Callable, Iterable

from rehub.errors import PackageMissing, UnsupportedFormat
from rehub.savedmodel.checkpoint import OBJECT_GRAPH, Checkpoint, read_checkpoint
from rehub.savedmodel.model_facts import facts
from rehub.savedmodel.model_info import ModelInfo, VariableInfo
from rehub.savedmodel.overview import shape_text
from rehub.savedmodel.value_differences import ValueDifference, compare_values


@dataclass(frozen=True)
class FactDifference:
    """A fact that is another one in the other model; None where a model has no such thing."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class VariablePair:
    """The variables of the two models that were compared with each other, or one that has no partner.

    Attributes:
        before: the name of the one; None where only the other model has it.
        after: the name of the other; None where the other model has none.
        type_before: its type and shape; "" where there is none.
        type_after: that of the other.
        values: how their values differ; None where they were not compared.
        not_compared: why they were not; "" where they were, or there is no pair.
    """

    before: str | None
    after: str | None
    type_before: str = ""
    type_after: str = ""
    values: ValueDifference | None = None
    not_compared: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether both are there, with the same type, shape and values."""
        values = self.values
        return self.type_before == self.type_after and values is not None and not values.changed


@dataclass(frozen=True)
class ModelDifference:
    """What differs between two models.

    Attributes:
        facts: what differs in all but the weights, in the order of the first model.
        variables: those that are not equal.
        equal: how many pairs of variables are equal.
        equal_parameters: how many numbers are in these.
        matched: how many pairs were found by what: "checkpoint key", "name" or "path".
    """

    facts: tuple[FactDifference, ...]
    variables: tuple[VariablePair, ...]
    equal: int
    equal_parameters: int
    matched: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.facts or self.variables)


def compare_models(before: ModelInfo, after: ModelInfo) -> ModelDifference:
    """Compares two models in all that `hub.inspect` tells, in their assets, and in the values of their variables.

    Variables are pairs if they have the same key in their checkpoints; the rest, if they alone have the same name; the
    rest of these, if they have the same path. Graphs are compared by how often they use each op, not node by node.

    Args:
        before: a model.
        after: another.

    Raises:
        CorruptModel: a file of one of them is damaged.
    """
    tell_apart = len(before.graphs) > 1 or len(after.graphs) > 1
    old, new = facts(before, tell_variants_apart=tell_apart), facts(after, tell_variants_apart=tell_apart)
    changed = [FactDifference(what, old.get(what), new.get(what)) for what in {**old, **new}]
    pairs = _Pairs(_stored(before), _stored(after))
    compared = [pairs.compare(one, other) for one, other in pairs.found]
    equal = [pair for pair in compared if pair.is_equal]
    return ModelDifference(
        facts=tuple(fact for fact in changed if fact.before != fact.after),
        variables=tuple(pair for pair in compared if not pair.is_equal),
        equal=len(equal),
        equal_parameters=sum(pair.values.elements for pair in equal if pair.values is not None),
        matched=pairs.matched,
    )


@dataclass(frozen=True)
class _Stored:
    """A model's variables, and its checkpoint."""

    variables: tuple[VariableInfo, ...]
    checkpoint: Checkpoint


def _stored(info: ModelInfo) -> _Stored:
    """Takes also what lies in the checkpoint and belongs to no variable, such as the content of a table."""
    try:
        checkpoint = read_checkpoint(os.path.join(info.path, "variables", "variables"))
    except FileNotFoundError:
        checkpoint = Checkpoint("", {}, 0)
    by_key = {variable.key or f"\0{number}": variable for number, variable in enumerate(info.variables)}
    others = [
        VariableInfo("", "", key, entry.dtype, entry.shape, trainable=False, bytes=entry.bytes)
        for key, entry in checkpoint.entries.items()
        if key not in by_key and key != OBJECT_GRAPH
    ]
    return _Stored((*by_key.values(), *others), checkpoint)


class _Pairs:
    """Finds which variables of two models belong together."""

    def __init__(self, before: _Stored, after: _Stored) -> None:
        self._before, self._after = before, after
        self.matched: dict[str, int] = {}
        self.found: list[tuple[VariableInfo | None, VariableInfo | None]] = []
        left, right = list(before.variables), list(after.variables)
        partners: dict[VariableInfo, VariableInfo] = {}
        ways: tuple[tuple[str, Callable[[VariableInfo], str]], ...] = (
            ("checkpoint key", lambda variable: variable.key),
            ("name", lambda variable: variable.name),
            ("path", lambda variable: variable.path),
        )
        for way, of in ways:
            candidates, wanted = _unique(left, of), _unique(right, of)
            new = {variable: wanted[name] for name, variable in candidates.items() if name in wanted}
            if new:
                self.matched[way] = len(new)
            partners.update(new)
            taken = set(new.values())
            left = [variable for variable in left if variable not in new]
            right = [variable for variable in right if variable not in taken]
        self.found.extend((variable, partners.get(variable)) for variable in before.variables)
        self.found.extend((None, variable) for variable in right)

    def compare(self, one: VariableInfo | None, other: VariableInfo | None) -> VariablePair:
        if one is None or other is None:
            return VariablePair(_label(one), _label(other), _type(one), _type(other))
        values, why = None, ""
        if one.shape != other.shape:
            why = "their shapes differ"
        elif (one.dtype == "string") != (other.dtype == "string"):
            why = "one holds strings, the other numbers"
        elif not one.key or not other.key:
            why = "" if one.key or other.key else "neither has a value in its checkpoint"
            why = why or "only one has a value in its checkpoint"
        else:
            try:
                values = compare_values(self._before.checkpoint, one.key, self._after.checkpoint, other.key)
            except (UnsupportedFormat, PackageMissing) as error:
                why = str(error)
        return VariablePair(_label(one), _label(other), _type(one), _type(other), values, why)


def _unique(variables: Iterable[VariableInfo], of: Callable[[VariableInfo], str]) -> dict[str, VariableInfo]:
    """The variables by a name that no other has."""
    found: dict[str, list[VariableInfo]] = {}
    for variable in variables:
        if of(variable):
            found.setdefault(of(variable), []).append(variable)
    return {name: named[0] for name, named in found.items() if len(named) == 1}


def _label(variable: VariableInfo | None) -> str | None:
    return None if variable is None else variable.path or variable.name or variable.key


def _type(variable: VariableInfo | None) -> str:
    return "" if variable is None else f"{variable.dtype}{shape_text(variable.shape)}"
