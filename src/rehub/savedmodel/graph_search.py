"""Search in graphs of any kind, without recursion: TensorFlow's graphs are deeper than Python's stack."""

from __future__ import annotations

from typing import Callable, Iterable, TypeVar

_T = TypeVar("_T")


def find_reachable(start: Iterable[_T], neighbors: Callable[[_T], Iterable[_T]]) -> set[_T]:
    """Return what can be reached from `start` by following `neighbors`, `start` included.

    >>> sorted(find_reachable([6], lambda n: [n // 2, n - 3] if n > 2 else []))
    [0, 1, 3, 6]
    """
    pending, found = list(start), set()
    while pending:
        item = pending.pop()
        if item not in found:
            found.add(item)
            pending.extend(neighbors(item))
    return found
