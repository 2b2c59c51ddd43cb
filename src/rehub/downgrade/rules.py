"""The rules by which ops that an older TensorFlow lacks become ops that it has.

A rule is a function of a body and one of its nodes. It changes the node, or adds others and replaces its outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterable

if TYPE_CHECKING:
    from rehub.downgrade.bodies import Body
    from rehub.downgrade.library import Library


class Inexpressible(Exception):
    """A rule cannot say a node in the ops of the older TensorFlow; says why."""


@dataclass(frozen=True)
class Rule:
    """How one op is said by others.

    Attributes:
        name: in a few words.
        ops: the ops that it replaces.
        apply: changes a body; returns False if it changed nothing. Raises Inexpressible.
        before: the version before which the op is replaced even where a TensorFlow has it.
        since: the version from which it is, as newer ones have no kernel.
    """

    name: str
    ops: tuple[str, ...]
    apply: Callable[[Body, Any, Library], bool | None]
    before: tuple[int, ...] = (0, 0)
    since: tuple[int, ...] = (1000,)

    def replaces_known_op(self, version: tuple[int, ...]) -> bool:
        """Whether it replaces ops that a TensorFlow of this version has."""
        return version < self.before or version >= self.since


_RULES: dict[str, Rule] = {}


def rule(
    name: str, *ops: str, before: tuple[int, ...] = (0, 0), since: tuple[int, ...] = (1000,)
) -> Callable[[Any], Any]:
    """Register a function as the rule for some ops.

    Args:
        name: the rule's.
        *ops: what it replaces where the older TensorFlow lacks it.
        before: replaces it in any TensorFlow older than this, even if that has the op.
        since: replaces it in this TensorFlow and all newer ones, too.
    """

    def register(
        function: Callable[[Body, Any, Library], bool | None],
    ) -> Callable[[Body, Any, Library], bool | None]:
        made = Rule(name, ops, function, before, since)
        _RULES.update(dict.fromkeys(ops, made))
        return function

    return register


def find_rule(op: str) -> Rule | None:
    """Return the rule for an op; None if there is none."""
    return _RULES.get(op)


def all_rules() -> Iterable[Rule]:
    """Return every rule, sorted by name."""
    return sorted({rule.name: rule for rule in _RULES.values()}.values(), key=lambda rule: rule.name)
