"""Group Merges, and nodes that run for their effect, into conditionals.

A `tf.cond` of TF1 has a Merge for each tensor that it returns. They have to become one `tf.cond` again: a branch that
is computed twice would draw other random numbers and change its variables twice. So Merges on the same predicate
belong together where their branches share nodes. The same predicate alone does not suffice: all batch normalizations
of a network can have the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Union

from rehub.retrain.graph.control_flow import MERGES, ControlFlow
from rehub.retrain.graph.nodes import NEXT_ITERATIONS, NodeGraph, NodeOutput, control_output
from rehub.savedmodel.graph_search import find_reachable


@dataclass(eq=False)
class Conditional:
    """What becomes one `tf.cond`.

    Attributes:
        predicate: what decides.
        merges: the nodes that it gives values to.
        effects: what else runs in it, by side.
        region: the nodes inside of it, its Switches included.
    """

    predicate: NodeOutput
    merges: list[str] = field(default_factory=list)
    effects: list[tuple[bool, Effect]] = field(default_factory=list)
    region: set[str] = field(default_factory=set)


# A node that runs for its effect, or a conditional with such nodes in it.
Effect = Union[str, Conditional]


class Conditionals:
    """The conditionals among the nodes that a computation needs.

    Attributes:
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
                inside = (source.node for source in sources.values())
                self.of_merge[merge] = self._find_or_make(predicate, inside, merge)
        for effect in dict.fromkeys(effects):
            self._add_effect(effect)

    def entries_of(self, conditional: Conditional) -> list[NodeOutput]:
        """Return the tensors outside of a conditional that its branches take."""
        switches = (self._graph.nodes[name] for name in sorted(conditional.region))
        return [
            node.inputs[0]
            for node in switches
            if self._flow.is_switch(node) and self._flow.predicate_of(node) == conditional.predicate
        ]

    def _find_or_make(self, predicate: NodeOutput, inside: Iterable[str], merge: str | None) -> Conditional:
        """Return the conditional on a predicate that contains some nodes, joined from those found so far."""
        result = Conditional(predicate, [] if merge is None else [merge], [], self._find_region(predicate, inside))
        for other in list(self._found):
            if other.predicate == predicate and other.region & result.region and self._are_independent(result, other):
                result = self._join_into(other, result)
        if result not in self._found:
            self._found.append(result)
        return result

    def _join_into(self, kept: Conditional, gone: Conditional) -> Conditional:
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

    def _find_region(self, predicate: NodeOutput, names: Iterable[str]) -> set[str]:
        """Return the nodes on either side of a predicate that some nodes there need, with the Switches before them."""

        def is_switch(name: str) -> bool:
            node = self._graph.nodes[name]
            return self._flow.is_switch(node) and self._flow.predicate_of(node) == predicate

        def is_inside(name: str) -> bool:
            if is_switch(name) or self._graph.nodes[name].op in (*MERGES, *NEXT_ITERATIONS):
                return True
            return any(branch.predicate == predicate for branch in self._flow.branches_of(control_output(name)))

        def needed_inside(name: str) -> list[str]:
            return [] if is_switch(name) else list(filter(is_inside, self._graph.nodes[name].predecessors()))

        return find_reachable(filter(is_inside, names), needed_inside)

    def _are_independent(self, one: Conditional, other: Conditional) -> bool:
        """Whether neither needs what comes out of the other, as the gradient of a conditional does."""
        return not (self._depends_on(one, other) or self._depends_on(other, one))

    def _depends_on(self, one: Conditional, other: Conditional) -> bool:
        before = self._graph.ancestors(entry.node for entry in self.entries_of(one))
        return any(merge in before for merge in other.merges)

    def _add_effect(self, name: str) -> None:
        """Put a node that runs for its effect into the conditional of its branch, and that into the one around it."""
        branches = self._flow.branches_of(control_output(name))
        if any(branch.opposite() in branches for branch in branches):
            return  # It would have to be on both sides of a predicate: TF1 never runs it.
        effect: Effect = name
        inside = [name]
        for branch in reversed(branches):
            conditional = self._find_or_make(branch.predicate, inside, None)
            if (branch.taken, effect) not in conditional.effects:
                conditional.effects.append((branch.taken, effect))
            effect, inside = conditional, sorted(conditional.region)
        if effect not in self.effects:
            self.effects.append(effect)
