"""Which variables of two models belong together."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass
from typing import Callable, Iterable

from rehub.inspection.model_info import VariableInfo
from rehub.savedmodel.checkpoint import OBJECT_GRAPH, Checkpoint, CheckpointEntry, Part


@dataclass(frozen=True)
class Weights:
    """A model's variables, and the checkpoint that has their values."""

    variables: tuple[VariableInfo, ...]
    checkpoint: Checkpoint

    @classmethod
    def of(cls, variables: Iterable[VariableInfo], checkpoint: Checkpoint) -> Weights:
        """Takes also what lies in the checkpoint and belongs to no variable, such as the content of a table."""
        by_key = {variable.key or f"\0{number}": variable for number, variable in enumerate(variables)}
        others = [
            VariableInfo("", "", key, entry.dtype, entry.shape, trainable=False, bytes=entry.bytes)
            for key, entry in checkpoint.entries.items()
            if key not in by_key and key != OBJECT_GRAPH
        ]
        return cls((*by_key.values(), *others), checkpoint)

    def joined(self, whole: Iterable[VariableInfo]) -> Weights:
        """Takes variables named "w/part_0", "w/part_1" and so on as one where the other model has a variable "w".

        TensorFlow 1 has partitioned variables; in a model that was made of such a one, each part is on its own.
        """
        parts: dict[str, dict[int, VariableInfo]] = {}
        for variable in self.variables:
            found = re.fullmatch(r"(.+)/part_(\d{1,9})", variable.name)
            if found and variable.key in self.checkpoint.entries:
                parts.setdefault(found.group(1), {})[int(found.group(2))] = variable
        entries = dict(self.checkpoint.entries)
        in_place: dict[VariableInfo, VariableInfo | None] = {}  # of the first part the whole, of the others nothing
        for other in whole:
            numbered = parts.pop(other.name, {})
            members = [numbered[number] for number in sorted(numbered)]
            entry = _joined([entries[member.key] for member in members], other) if members else None
            if entry is not None:
                entries[entry.key] = entry
                in_place.update(dict.fromkeys(members))
                in_place[members[0]] = dataclasses.replace(
                    members[0], name=other.name, path="", key=entry.key, shape=entry.shape, bytes=entry.bytes
                )
        variables = (in_place.get(variable, variable) for variable in self.variables)
        return Weights(
            tuple(variable for variable in variables if variable is not None),
            dataclasses.replace(self.checkpoint, entries=entries),
        )


def _joined(entries: list[CheckpointEntry], whole: VariableInfo) -> CheckpointEntry | None:
    """A tensor of the shape of `whole` that is made of others one after the other; None if they do not make it up."""
    shape = whole.shape or ()
    if len({entry.dtype for entry in entries}) > 1 or any(len(entry.parts) != 1 for entry in entries):
        return None
    for axis in range(len(shape)):
        sizes = [entry.shape[axis] if len(entry.shape) == len(shape) else -1 for entry in entries]
        along = tuple(entry.shape[:axis] + entry.shape[axis + 1 :] for entry in entries)
        if sum(sizes) == shape[axis] and set(along) == {shape[:axis] + shape[axis + 1 :]}:
            key = f"{entries[0].key} and {len(entries) - 1} more"
            ends = itertools.accumulate(sizes)
            parts = tuple(_moved(entry.parts[0], axis, end - size) for entry, end, size in zip(entries, ends, sizes))
            return CheckpointEntry(key, entries[0].dtype, tuple(size or 0 for size in shape), parts)
    return None


def _moved(part: Part, axis: int, start: int) -> Part:
    return dataclasses.replace(part, starts=(*part.starts[:axis], start, *part.starts[axis + 1 :]))


@dataclass(frozen=True)
class Pairs:
    """The variables of two models.

    Attributes:
        found: each variable of the one model with its partner in the other, then those that the other has alone.
        matched: how many pairs were found by what: "checkpoint key", "name" or "path".
    """

    found: tuple[tuple[VariableInfo | None, VariableInfo | None], ...]
    matched: dict[str, int]


def find_pairs(before: tuple[VariableInfo, ...], after: tuple[VariableInfo, ...]) -> Pairs:
    """Finds pairs by their keys in the checkpoints, of the rest by their names, of the rest of these by their paths.

    A name that several variables of a model have tells nothing.
    """
    ways: tuple[tuple[str, Callable[[VariableInfo], str]], ...] = (
        ("checkpoint key", lambda variable: variable.key),
        ("name", lambda variable: variable.name),
        ("path", lambda variable: variable.path),
    )
    left, right = list(before), list(after)
    partners: dict[VariableInfo, VariableInfo] = {}
    matched = {}
    for way, of in ways:
        named, wanted = _unique(left, of), _unique(right, of)
        new = {variable: wanted[name] for name, variable in named.items() if name in wanted}
        if new:
            matched[way] = len(new)
        partners.update(new)
        taken = set(new.values())
        left = [variable for variable in left if variable not in new]
        right = [variable for variable in right if variable not in taken]
    pairs = [(variable, partners.get(variable)) for variable in before]
    return Pairs((*pairs, *((None, variable) for variable in right)), matched)


def _unique(variables: Iterable[VariableInfo], of: Callable[[VariableInfo], str]) -> dict[str, VariableInfo]:
    """The variables by a name that no other has."""
    found: dict[str, list[VariableInfo]] = {}
    for variable in variables:
        if of(variable):
            found.setdefault(of(variable), []).append(variable)
    return {name: named[0] for name, named in found.items() if len(named) == 1}
