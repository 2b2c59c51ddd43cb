"""Ops through which no gradient can flow although their outputs look like any other: queues, stacks and the like."""

from __future__ import annotations

import re

_UNTRAINABLE = re.compile(
    r".*Queue(V2)?$|Queue(Dequeue|Enqueue).*|Stack(V2|Push|PushV2|Pop|PopV2)?$|TensorArrayGrad.*|Barrier.*|"
    r".*Reader(V2)?$|Reader(Read|Restore|Serialize).*|Iterator.*|(OneShot|Make)Iterator|.*Dataset(V\d)?$|"
    r"(Eager)?PyFunc(Stateless)?|(Map|OrderedMap)?(Stage|Unstage|Peek)|.*Accumulator.*|GetSessionHandle.*|TemporaryVariable"
)


def stops_gradients(op: str) -> bool:
    """Whether an op keeps what passes through it out of reach of gradients.

    >>> stops_gradients("QueueDequeueV2"), stops_gradients("MatMul")
    (True, False)
    """
    return _UNTRAINABLE.fullmatch(op) is not None
