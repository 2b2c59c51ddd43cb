"""Which Merges, and which ops with an effect, belong to one conditional.

A `tf.cond` of TF1 has a Merge for each tensor that it returns. They have to become one `tf.cond` again: a branch that
is computed twice would draw other random numbers and change its variables twice. So Merges on the same predicate
belong together where their branches share nodes. That the predicate is the same does not suffice: all batch
normalizations of a network can share theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Union

from rehub.retrain.control_flow import MERGES, Branch, ControlFlow
from rehub.retrain.nodes import NEXT_ITERATIONS, NodeGraph, Output, control_of


@dataclass(eq=False)
class Conditional:
    """What becomes one `tf.cond`.

    Attributes:
        predicate: what decides.
        merges: the nodes that it gives values to.
        effects: what else runs in it, by side.
        region: the nodes inside of it, its Switches included.
    """

    predicate: Output
    merges: list[str] = field(default_factory=list)
    effects: list[tuple[bool, Effect]] = field(default_factory=list)
    region: set[str] = field(default_factory=set)


# A node that runs for its effect, or a conditional with such nodes in it.
Effect = Union[str, Conditional]


class Conditionals:
    """The conditionals among the nodes that a computation needs.

    Attributes:
        of_merge: the conditional of each Merge.
        effects: what runs for its effect outside of all conditionals.
    """

    def __init__(self, graph: NodeGraph, flow: ControlFlow, needed: set[str], effects: Iterable[str]) -> None:
        self._graph = graph
        self._flow = flow
        self._found: list[Conditional] = []
        self.of_merge: dict[str, Conditional] = {}
        self.effects: list[Effect] = []
        for merge, sources in flow.branches_of_merge.items():
            if merge in needed:
                predicate = next(iter(sources)).predicate
                self.of_merge[merge] = self._place(predicate, (source.node for source in sources.values()), merge)
        for effect in dict.fromkeys(effects):
            self._place_effect(effect)

    def entries_of(self, conditional: Conditional) -> list[Output]:
        """The tensors outside of a conditional that its branches take."""
        switches = (self._graph.nodes[name] for name in sorted(conditional.region))
        return [
            node.inputs[0]
            for node in switches
            if self._flow.is_switch(node) and self._flow.predicate_of(node) == conditional.predicate
        ]

    def _place(self, predicate: Output, inside: Iterable[str], merge: str | None) -> Conditional:
        """Finds or makes the conditional on a predicate that some nodes are inside of."""
        placed = Conditional(predicate, [] if merge is None else [merge], [], self._region(predicate, inside))
        for other in list(self._found):
            if other.predicate == predicate and other.region & placed.region and self._can_be_one(placed, other):
                placed = self._join(other, placed)
        if placed not in self._found:
            self._found.append(placed)
        return placed

    def _join(self, kept: Conditional, gone: Conditional) -> Conditional:
        kept.merges += gone.merges
        kept.effects += gone.effects
        kept.region |= gone.region
        self.of_merge.update((name, kept) for name in gone.merges)
        if gone in self._found:
            self._found.remove(gone)
            for conditional in self._found:
                conditional.effects = [(taken, kept if it is gone else it) for taken, it in conditional.effects]
            self.effects = [kept if effect is gone else effect for effect in self.effects]
        return kept

    def _region(self, predicate: Output, names: Iterable[str]) -> set[str]:
        """The nodes on either side of a predicate that some nodes there need, with the Switches that lead there."""
        region: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            node = self._graph.nodes[name]
            if name in region:
                continue
            if self._flow.is_switch(node) and self._flow.predicate_of(node) == predicate:
                region.add(name)
            elif self._is_within(predicate, name) or node.op in MERGES or node.op in NEXT_ITERATIONS:
                region.add(name)
                pending += [source.node for source in node.inputs]
                pending += node.controls
        return region

    def _is_within(self, predicate: Output, name: str) -> bool:
        return any(branch.predicate == predicate for branch in self._flow.branches_of(control_of(name)))

    def _can_be_one(self, one: Conditional, other: Conditional) -> bool:
        """Whether neither needs what comes out of the other, as the gradient of a conditional does."""
        return not (self._needs(one, other) or self._needs(other, one))

    def _needs(self, one: Conditional, other: Conditional) -> bool:
        before = self._graph.ancestors(entry.node for entry in self.entries_of(one))
        return any(merge in before for merge in other.merges)

    def _place_effect(self, name: str) -> None:
        """Puts a node that runs for its effect into the conditional of its branch, and that into the one around it."""
        branches = self._flow.branches_of(control_of(name))
        if _is_dead(branches):
            return
        effect: Effect = name
        inside = [name]
        for branch in reversed(branches):
            conditional = self._place(branch.predicate, inside, None)
            if (branch.taken, effect) not in conditional.effects:
                conditional.effects.append((branch.taken, effect))
            effect, inside = conditional, sorted(conditional.region)
        if effect not in self.effects:
            self.effects.append(effect)


def _is_dead(branches: tuple[Branch, ...]) -> bool:
    """Whether a node would have to be on both sides of a predicate: TF1 never runs it."""
    return any(branch.other() in branches for branch in branches)
