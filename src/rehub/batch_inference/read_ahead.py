"""Iterate ahead of the caller, in threads: what comes next is read while the model computes."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Iterable, Iterator, TypeVar

T = TypeVar("T")
U = TypeVar("U")


def iter_ahead(values: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator yields, and have a thread compute the value after it.

    >>> list(iter_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming: Future[T | object] = thread.submit(next, values, end)
        while True:
            value = coming.result()
            if value is end:
                return
            coming = thread.submit(next, values, end)
            yield value  # type: ignore[misc]


def map_ahead(function: Callable[[T], U], values: Iterable[T], threads: int) -> Iterator[U]:
    """Yield the result of a function for each value, in order; as many are computed ahead as there are threads.

    >>> list(map_ahead(len, ["a", "bb"], 2))
    [1, 2]
    """
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[U]] = deque()
        for value in values:
            if len(coming) == threads:
                yield coming.popleft().result()
            coming.append(pool.submit(function, value))
        while coming:
            yield coming.popleft().result()
