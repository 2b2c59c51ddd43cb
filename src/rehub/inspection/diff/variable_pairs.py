"""Find the variables of two models that correspond."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass
from typing import Callable, Iterable

from rehub.inspection.model_info import VariableInfo
from rehub.savedmodel.checkpoint import OBJECT_GRAPH, Checkpoint, CheckpointEntry, TensorPart


@dataclass(frozen=True)
class SavedVariables:
    """A model's variables, and the checkpoint with their values."""

    variables: tuple[VariableInfo, ...]
    checkpoint: Checkpoint

    @classmethod
    def from_checkpoint(cls, variables: Iterable[VariableInfo], checkpoint: Checkpoint) -> SavedVariables:
        """Add the values in the checkpoint that belong to no variable, such as the content of a table."""
        by_key = {variable.key or f"\0{number}": variable for number, variable in enumerate(variables)}
        others = [
            VariableInfo("", "", key, entry.dtype, entry.shape, trainable=False, bytes=entry.bytes)
            for key, entry in checkpoint.entries.items()
            if key not in by_key and key != OBJECT_GRAPH
        ]
        return cls((*by_key.values(), *others), checkpoint)

    def join_parts(self, whole: Iterable[VariableInfo]) -> SavedVariables:
        """Replace variables "w/part_0", "w/part_1" and so on by one variable if the other model has a variable "w".

        A partitioned variable of TensorFlow 1 becomes one variable for each part in a converted model.
        """
        parts: dict[str, dict[int, VariableInfo]] = {}
        for variable in self.variables:
            found = re.fullmatch(r"(.+)/part_(\d{1,9})", variable.name)
            if found and variable.key in self.checkpoint.entries:
                parts.setdefault(found.group(1), {})[int(found.group(2))] = variable
        entries = dict(self.checkpoint.entries)
        replacements: dict[VariableInfo, VariableInfo | None] = {}  # the whole for the first part, None for the others
        for other in whole:
            numbered = parts.pop(other.name, {})
            members = [numbered[number] for number in sorted(numbered)]
            entry = _join_entries([entries[member.key] for member in members], other) if members else None
            if entry is not None:
                entries[entry.key] = entry
                replacements.update(dict.fromkeys(members))
                replacements[members[0]] = dataclasses.replace(
                    members[0], name=other.name, path="", key=entry.key, shape=entry.shape, bytes=entry.bytes
                )
        variables = (replacements.get(variable, variable) for variable in self.variables)
        return SavedVariables(
            tuple(variable for variable in variables if variable is not None),
            dataclasses.replace(self.checkpoint, entries=entries),
        )


def _join_entries(entries: list[CheckpointEntry], whole: VariableInfo) -> CheckpointEntry | None:
    """Return entries as one tensor of the shape of `whole`, joined along an axis; None if they do not fit."""
    shape = whole.shape or ()
    if len({entry.dtype for entry in entries}) > 1 or any(len(entry.parts) != 1 for entry in entries):
        return None
    for axis in range(len(shape)):
        sizes = [entry.shape[axis] if len(entry.shape) == len(shape) else -1 for entry in entries]
        along = tuple(entry.shape[:axis] + entry.shape[axis + 1 :] for entry in entries)
        if sum(sizes) == shape[axis] and set(along) == {shape[:axis] + shape[axis + 1 :]}:
            key = f"{entries[0].key} and {len(entries) - 1} more"
            ends = itertools.accumulate(sizes)
            parts = tuple(
                _shift_part(entry.parts[0], axis, end - size) for entry, end, size in zip(entries, ends, sizes)
            )
            return CheckpointEntry(key, entries[0].dtype, tuple(size or 0 for size in shape), parts)
    return None


def _shift_part(part: TensorPart, axis: int, start: int) -> TensorPart:
    return dataclasses.replace(part, starts=(*part.starts[:axis], start, *part.starts[axis + 1 :]))


@dataclass(frozen=True)
class Pairs:
    """The variables of two models.

    Attributes:
        found: each variable of the first model with the one of the second, then those that only the second has.
        matched: the number of pairs by how they were found: "checkpoint key", "name" or "path".
    """

    found: tuple[tuple[VariableInfo | None, VariableInfo | None], ...]
    matched: dict[str, int]


def find_pairs(before: tuple[VariableInfo, ...], after: tuple[VariableInfo, ...]) -> Pairs:
    """Match variables by their checkpoint keys, the rest by their names, then by their paths.

    A name that several variables of a model share is not used.
    """
    keys: tuple[tuple[str, Callable[[VariableInfo], str]], ...] = (
        ("checkpoint key", lambda variable: variable.key),
        ("name", lambda variable: variable.name),
        ("path", lambda variable: variable.path),
    )
    left, right = list(before), list(after)
    partners: dict[VariableInfo, VariableInfo] = {}
    matched = {}
    for kind, key_of in keys:
        named, wanted = _index_unique(left, key_of), _index_unique(right, key_of)
        new = {variable: wanted[name] for name, variable in named.items() if name in wanted}
        if new:
            matched[kind] = len(new)
        partners.update(new)
        taken = set(new.values())
        left = [variable for variable in left if variable not in new]
        right = [variable for variable in right if variable not in taken]
    pairs = [(variable, partners.get(variable)) for variable in before]
    return Pairs((*pairs, *((None, variable) for variable in right)), matched)


def _index_unique(variables: Iterable[VariableInfo], key_of: Callable[[VariableInfo], str]) -> dict[str, VariableInfo]:
    """Return the variables whose key no other variable has, by that key."""
    found: dict[str, list[VariableInfo]] = {}
    for variable in variables:
        if key_of(variable):
            found.setdefault(key_of(variable), []).append(variable)
    return {name: named[0] for name, named in found.items() if len(named) == 1}
