"""Batches: how many rows a call of the model gets, which rows, and what happens when a call fails."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator, Sequence

from rehub.batch_inference.row_errors import RowErrors, RowFailed

_STRINGS = (512, 1024, 2048)
_IMAGES = (16, 32)
_BYTES_OF_BATCH = 4 << 20
_MOST_ROWS = 1024
_MEASUREMENTS = 3  # of each size; the first is not counted: it allocates memory and compiles kernels


def choose_sizes(kind: str, row_bytes: int) -> tuple[int, ...]:
    """Return the batch sizes to choose from, ascending.

    Args:
        kind: "string", "image" or "number".
        row_bytes: the size of a row's tensors, for numbers.

    >>> choose_sizes("number", 43844 * 4), choose_sizes("number", 40)
    ((4, 8, 16), (256, 512, 1024))
    """
    if kind == "string":
        return _STRINGS
    if kind == "image":
        return _IMAGES
    largest = 1
    while largest < _MOST_ROWS and largest * 2 * row_bytes <= _BYTES_OF_BATCH:
        largest *= 2
    return tuple(sorted({max(1, largest // 4), max(1, largest // 2), largest}))


class BatchSizer:
    """The number of rows of the next batch. With several sizes to choose from, it measures them, and takes the fastest.

    Args:
        sizes: the sizes to choose from, ascending.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = list(sizes)
        self._times: dict[int, list[float]] = {size: [] for size in sizes}

    @property
    def size(self) -> int:
        """The number of rows of the next batch."""
        return self._sizes[0]

    @property
    def largest(self) -> int:
        """The largest number of rows that a batch can have."""
        return max(self._sizes)

    def record(self, rows: int, seconds: float) -> None:
        """Note how long a batch took; only whole ones count."""
        if len(self._sizes) == 1 or rows != self.size:
            return
        self._times[rows].append(seconds / rows)
        if len(self._times[rows]) == _MEASUREMENTS:
            self._sizes.append(self._sizes.pop(0))
            if all(len(times) == _MEASUREMENTS for times in self._times.values()):
                self._sizes = [min(self._sizes, key=lambda size: min(self._times[size][1:]))]

    def reduce(self, rows: int) -> None:
        """Use batches of at most half of `rows`, which did not fit into memory."""
        limit = max(1, rows // 2)
        self._sizes = [size for size in self._sizes if size <= limit] or [limit]
        self._times = {size: [] for size in self._sizes}


def iter_batches(rows: Sequence[int], lengths: Callable[[int], Any] | None, sizer: BatchSizer) -> Iterator[list[int]]:
    """Yield the rows of each batch.

    Args:
        rows: the indices of the rows that have no error.
        lengths: returns the shape of a row, if rows differ in it: a batch has rows of one shape only.
        sizer: says how many rows a batch has.
    """
    if lengths is not None:
        rows = sorted(rows, key=lambda row: (lengths(row), row))
    start = 0
    while start < len(rows):
        stop = min(start + sizer.size, len(rows))
        if lengths is not None:
            shape = lengths(rows[start])
            stop = next((each for each in range(start + 1, stop) if lengths(rows[each]) != shape), stop)
        yield list(rows[start:stop])
        start = stop


def run_batch(rows: list[int], call: Callable[[list[int]], None], sizer: BatchSizer, errors: RowErrors) -> None:
    """Call the model with rows; after an error with halves of them, until the rows that fail are alone.

    Args:
        rows: the indices of the rows, at least one.
        call: computes the rows and keeps the results.
        sizer: gets the time, and smaller batches if memory runs out.
        errors: gets the rows that fail alone.
    """
    pending = [rows]
    while pending:
        batch = pending.pop()
        start = time.perf_counter()
        try:
            call(batch)
        except MemoryError as error:
            sizer.reduce(len(batch))
            if len(batch) == 1:
                errors.add(batch[0], "memory", f"A batch of this row alone does not fit into memory: {error}")
                continue
        except RowFailed as error:
            if len(batch) == 1:
                errors.add(batch[0], "model", str(error))
                continue
        else:
            sizer.record(len(batch), time.perf_counter() - start)
            continue
        middle = len(batch) // 2
        pending += [batch[middle:], batch[:middle]]
