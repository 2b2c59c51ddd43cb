"""Finds the conditionals and loops in a graph of TF1, where they are not told from other ops.

`tf.cond` of TF1 lets tensors into a branch by Switch and out by Merge. `tf.while_loop` lets them in by Enter; a Merge
takes the value from there or from NextIteration, a Switch on LoopCond sends it into the body or to Exit. (Yu et al.,
Dynamic Control Flow in Large-Scale Machine Learning, 2018.) The collections of contexts, which would name all of them,
need not be there; they tell some options of loops where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping

from rehub.errors import InvalidModule
from rehub.retrain.nodes import NEXT_ITERATIONS, Node, NodeGraph, Output, control_of

SWITCHES = frozenset(["Switch", "RefSwitch"])
MERGES = frozenset(["Merge", "RefMerge"])
ENTERS = frozenset(["Enter", "RefEnter"])
EXITS = frozenset(["Exit", "RefExit"])


@dataclass(frozen=True)
class Branch:
    """One side of a conditional: where `predicate` is `taken`."""

    predicate: Output
    taken: bool

    def other(self) -> Branch:
        """The other side."""
        return Branch(self.predicate, not self.taken)


@dataclass(frozen=True)
class LoopVariable:
    """A tensor that changes from turn to turn.

    Attributes:
        initial: its value before the first turn, outside of the loop.
        before_first: the names of the nodes that have to run before it is let in, outside of the loop.
        merge: the node that has its value at the beginning of a turn.
        next: its value at the end of a turn.
        before_next: the names of the nodes that have to run before a turn ends.
        switches: the nodes that let its value into the body.
        exits: the nodes that have its value after the last turn, outside of the loop.
    """

    initial: Output
    before_first: tuple[str, ...]
    merge: str
    next: Output
    before_next: tuple[str, ...]
    switches: tuple[str, ...]
    exits: tuple[str, ...]


@dataclass(frozen=True)
class LoopOptions:
    """Arguments of `tf.while_loop` that only the collection of contexts tells.

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
        frame: its name, which its Enters have.
        condition: whether there is one more turn, from the variables at its beginning.
        variables: what changes.
        parallel_iterations: how many turns may run at once.
        options: what the graph's nodes do not tell.
    """

    frame: str
    condition: Output
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
            graph: the graph.
            options: of loops by their frames, as far as they are known.
        """
        self._graph = graph
        self._loop_conditions = {node.name for node in graph.nodes.values() if node.op == "LoopCond"}
        self.loop_of_exit: dict[str, Loop] = {}
        self.branches_of_merge: dict[str, dict[Branch, Output]] = {}
        loops = self._find_loops(options)
        self._initial_of = {variable.merge: variable.initial for loop in loops for variable in loop.variables}
        self._branches_of: dict[Output | str, tuple[Branch, ...]] = {}
        self._find_branches()

    def is_switch(self, node: Node) -> bool:
        """Whether a node lets a tensor into the branches of a conditional."""
        return node.op in SWITCHES and node.inputs[1].node not in self._loop_conditions

    def predicate_of(self, switch: Node) -> Output:
        """The predicate of a conditional, past the copies of it that its Switches take."""
        predicate = switch.inputs[1]
        while self._graph.nodes[predicate.node].op == "Identity":
            predicate = self._graph.nodes[predicate.node].inputs[0]
        return predicate

    def branches_of(self, output: Output) -> tuple[Branch, ...]:
        """The branches in which a tensor is, outermost first; those of loops around it are not told apart."""
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
            frame = enter.attr["frame_name"].s.decode()
            key = (frame, self._condition_of(node, switches))
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
            and user.inputs[0] == Output(merge.name, 0)
            and user.inputs[1].node in self._loop_conditions
        )

    def _condition_of(self, merge: Node, switches: Iterable[Node]) -> str:
        """The name of the LoopCond that a variable's Switches look at."""
        for switch in switches:
            return switch.inputs[1].node
        raise InvalidModule(f"The loop variable {merge.name!r} leads nowhere: no Switch takes it into the loop's body.")

    # Conditionals

    def _find_branches(self) -> None:
        for node in self._graph.in_order():
            if node.op in NEXT_ITERATIONS:
                branches: tuple[Branch, ...] = ()
            elif node.name in self._initial_of:
                branches = self.branches_of(self._initial_of[node.name])
            elif node.op in MERGES:
                branches = self._behind_merge(node)
            else:
                branches = _joined([self.branches_of(source) for source in _all_inputs(node)])
            self._branches_of[node.name] = branches
            if self.is_switch(node):
                predicate = self.predicate_of(node)
                outside = tuple(branch for branch in branches if branch.predicate != predicate)
                for taken in (False, True):
                    inside = (*outside, Branch(predicate, taken))
                    self._branches_of[Output(node.name, int(taken))] = inside

    def _behind_merge(self, merge: Node) -> tuple[Branch, ...]:
        """Notes from which branch each input of a conditional's Merge comes; returns the branches around it."""
        if len(merge.inputs) != 2:
            raise InvalidModule(f"Merge {merge.name!r} has {len(merge.inputs)} inputs; those of tf.cond have two.")
        first, second = (self.branches_of(source) for source in merge.inputs)
        for branch in reversed(first):
            if branch.other() in second:
                self.branches_of_merge[merge.name] = {branch: merge.inputs[0], branch.other(): merge.inputs[1]}
                before = first[: first.index(branch)]
                return _joined([before, [other for other in second if other in before]])
        raise InvalidModule(
            f"Merge {merge.name!r} joins {merge.inputs[0]} and {merge.inputs[1]}, which are not the two branches of "
            "one conditional."
        )


def _all_inputs(node: Node) -> list[Output]:
    return [*node.inputs, *map(control_of, node.controls)]


def _joined(lists: Iterable[Iterable[Branch]]) -> tuple[Branch, ...]:
    return tuple(dict.fromkeys(branch for branches in lists for branch in branches))
