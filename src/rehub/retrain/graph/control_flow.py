"""Find the conditionals and loops of a TF1 graph, in which they are ordinary ops.

A `tf.cond` of TF1 passes tensors into a branch by Switch and out of it by Merge. A `tf.while_loop` passes them in by
Enter. A Merge takes the value from Enter or from NextIteration, and a Switch on LoopCond sends it into the body or to
Exit (Yu et al., "Dynamic Control Flow in Large-Scale Machine Learning", https://arxiv.org/abs/1805.01772). The
collections of control flow contexts, which would name all of these nodes, can be missing from a graph. Where they are
present, they add the options of loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping

from rehub.errors import InvalidModule
from rehub.retrain.graph.nodes import NEXT_ITERATIONS, Node, NodeGraph, NodeOutput, control_output

SWITCHES = frozenset(["Switch", "RefSwitch"])
MERGES = frozenset(["Merge", "RefMerge"])
ENTERS = frozenset(["Enter", "RefEnter"])
EXITS = frozenset(["Exit", "RefExit"])


@dataclass(frozen=True)
class Branch:
    """One side of a conditional: where `predicate` is `taken`."""

    predicate: NodeOutput
    taken: bool

    def opposite(self) -> Branch:
        """Return the other side."""
        return Branch(self.predicate, not self.taken)


@dataclass(frozen=True)
class LoopVariable:
    """A tensor that changes with each iteration.

    Attributes:
        initial: its value before the first iteration, outside of the loop.
        before_first: the names of the nodes outside of the loop that have to run before the first iteration.
        merge: the node that has its value at the beginning of an iteration.
        next: its value at the end of an iteration.
        before_next: the names of the nodes that have to run before an iteration ends.
        switches: the nodes that pass its value into the body.
        exits: the nodes outside of the loop that have its value after the last iteration.
    """

    initial: NodeOutput
    before_first: tuple[str, ...]
    merge: str
    next: NodeOutput
    before_next: tuple[str, ...]
    switches: tuple[str, ...]
    exits: tuple[str, ...]


@dataclass(frozen=True)
class LoopOptions:
    """Arguments of `tf.while_loop` that are found in the collection of contexts only.

    Attributes:
        back_prop: whether gradients flow through it.
        swap_memory: whether what gradients need is kept in the host's memory.
    """

    back_prop: bool = True
    swap_memory: bool = False


@dataclass(frozen=True)
class Loop:
    """A `tf.while_loop`.

    Attributes:
        frame: its name, which its Enters have as an attribute.
        condition: whether there is one more iteration, computed from the variables at its beginning.
        parallel_iterations: how many iterations may run at once.
        options: those that the graph's nodes do not have.
    """

    frame: str
    condition: NodeOutput
    variables: tuple[LoopVariable, ...]
    parallel_iterations: int
    options: LoopOptions


class ControlFlow:
    """The conditionals and loops of one graph.

    Attributes:
        loop_of_exit: the loop that each Exit leaves.
        branches_of_merge: for each Merge of a conditional, its inputs by the branch that they come from.
    """

    def __init__(self, graph: NodeGraph, options: Mapping[str, LoopOptions]) -> None:
        """
        Args:
            options: those of loops by their frames, as far as they are known.
        """
        self._graph = graph
        self._loop_conditions = {node.name for node in graph.nodes.values() if node.op == "LoopCond"}
        self.loop_of_exit: dict[str, Loop] = {}
        self.branches_of_merge: dict[str, dict[Branch, NodeOutput]] = {}
        loops = self._find_loops(options)
        self._initial_of = {variable.merge: variable.initial for loop in loops for variable in loop.variables}
        self._branches_of: dict[NodeOutput | str, tuple[Branch, ...]] = {}
        self._find_branches()

    def is_switch(self, node: Node) -> bool:
        """Whether a node passes a tensor into the branches of a conditional."""
        return node.op in SWITCHES and node.inputs[1].node not in self._loop_conditions

    def predicate_of(self, switch: Node) -> NodeOutput:
        """Return the predicate of a conditional itself, not the copy of it that a Switch takes."""
        predicate = switch.inputs[1]
        while self._graph.nodes[predicate.node].op == "Identity":
            predicate = self._graph.nodes[predicate.node].inputs[0]
        return predicate

    def branches_of(self, output: NodeOutput) -> tuple[Branch, ...]:
        """Return the branches that a tensor is in, outermost first.

        For a tensor inside of a loop, they include the branches that the loop is in.
        """
        return self._branches_of.get(output, self._branches_of[output.node])

    # Loops

    def _find_loops(self, options: Mapping[str, LoopOptions]) -> list[Loop]:
        nodes = self._graph.nodes
        variables_of: dict[tuple[str, str], list[LoopVariable]] = {}
        enter_of: dict[tuple[str, str], Node] = {}
        for node in nodes.values():
            following = [source for source in node.inputs if nodes[source.node].op in NEXT_ITERATIONS]
            if node.op not in MERGES or not following:
                continue
            enter = next(nodes[source.node] for source in node.inputs if nodes[source.node].op in ENTERS)
            switches = [user for user in self._graph.consumers[node.name] if self._leads_into_body(user, node)]
            exits = [user for switch in switches for user in self._graph.consumers[switch.name] if user.op in EXITS]
            if not switches:
                raise InvalidModule(f"No Switch passes the loop variable {node.name!r} into the body of its loop.")
            loop_condition = switches[0].inputs[1].node
            key = (enter.attr["frame_name"].s.decode(), loop_condition)
            enter_of[key] = enter
            variables_of.setdefault(key, []).append(
                LoopVariable(
                    initial=enter.inputs[0],
                    before_first=enter.controls,
                    merge=node.name,
                    next=nodes[following[0].node].inputs[0],
                    before_next=nodes[following[0].node].controls,
                    switches=tuple(switch.name for switch in switches),
                    exits=tuple(sorted({node.name for node in exits})),
                )
            )
        loops = []
        for (frame, condition), variables in variables_of.items():
            parallel = enter_of[frame, condition].attr["parallel_iterations"].i or 10
            loop = Loop(
                frame, nodes[condition].inputs[0], tuple(variables), parallel, options.get(frame, LoopOptions())
            )
            loops.append(loop)
            self.loop_of_exit.update((name, loop) for variable in variables for name in variable.exits)
        return loops

    def _leads_into_body(self, user: Node, merge: Node) -> bool:
        return (
            user.op in SWITCHES
            and user.inputs[0] == NodeOutput(merge.name, 0)
            and user.inputs[1].node in self._loop_conditions
        )

    # Conditionals

    def _find_branches(self) -> None:
        for node in self._graph.in_topological_order():
            if node.op in NEXT_ITERATIONS:
                branches: tuple[Branch, ...] = ()
            elif node.name in self._initial_of:
                branches = self.branches_of(self._initial_of[node.name])
            elif node.op in MERGES:
                branches = self._record_merge(node)
            else:
                sources = [*node.inputs, *map(control_output, node.controls)]
                branches = _join_without_repeats(self.branches_of(source) for source in sources)
            self._branches_of[node.name] = branches
            if self.is_switch(node):
                predicate = self.predicate_of(node)
                outside = tuple(branch for branch in branches if branch.predicate != predicate)
                for taken in (False, True):
                    inside = (*outside, Branch(predicate, taken))
                    self._branches_of[NodeOutput(node.name, int(taken))] = inside

    def _record_merge(self, merge: Node) -> tuple[Branch, ...]:
        """Record which branch each input of a conditional's Merge comes from. Return the branches around it."""
        if len(merge.inputs) != 2:
            raise InvalidModule(f"Merge {merge.name!r} has {len(merge.inputs)} inputs; those of tf.cond have two.")
        first, second = (self.branches_of(source) for source in merge.inputs)
        for branch in reversed(first):
            if branch.opposite() in second:
                self.branches_of_merge[merge.name] = {branch: merge.inputs[0], branch.opposite(): merge.inputs[1]}
                before = first[: first.index(branch)]
                return _join_without_repeats([before, [other for other in second if other in before]])
        raise InvalidModule(
            f"Merge {merge.name!r} joins {merge.inputs[0]} and {merge.inputs[1]}, which are not the two branches of "
            "one conditional."
        )


def _join_without_repeats(lists: Iterable[Iterable[Branch]]) -> tuple[Branch, ...]:
    return tuple(dict.fromkeys(branch for branches in lists for branch in branches))
