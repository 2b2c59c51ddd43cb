"""Ops through which no gradient can flow although their outputs look like any other: queues, stacks and the like."""

from __future__ import annotations

import re
from typing import Iterable

from rehub.retrain.nodes import Node
from rehub.retrain.program import Program

_UNTRAINABLE = re.compile(
    r".*Queue(V2)?$|Queue(Dequeue|Enqueue).*|Stack(V2|Push|PushV2|Pop|PopV2)?$|TensorArrayGrad.*|Barrier.*|"
    r".*Reader(V2)?$|Reader(Read|Restore|Serialize).*|Iterator.*|(OneShot|Make)Iterator|.*Dataset(V\d)?$|"
    r"(Eager)?PyFunc(Stateless)?|(Map|OrderedMap)?(Stage|Unstage|Peek)|.*Accumulator.*|GetSessionHandle.*|TemporaryVariable"
)


def untrainable_nodes(program: Program, needed: Iterable[str]) -> list[Node]:
    """Returns the nodes among some that keep what passes through them out of reach of gradients, sorted by name."""
    nodes = (program.graph.nodes[name] for name in sorted(needed))
    return [node for node in nodes if _UNTRAINABLE.fullmatch(node.op)]
