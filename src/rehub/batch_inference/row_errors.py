"""Errors of single rows: why a row has no result."""

from __future__ import annotations

# The column of the output that says why a row has no result; null in good rows.
ERROR_COLUMN = "error"


class RowFailed(Exception):
    """A row, or one row of several, has no result."""


class RowErrors:
    """The errors of a chunk's rows: by the row's index, a kind and a message; a row keeps its first error."""

    def __init__(self) -> None:
        self._by_row: dict[int, tuple[str, str]] = {}

    def add(self, row: int, kind: str, message: str) -> None:
        """Note the error of a row.

        Args:
            row: its index in the chunk.
            kind: "null", "type", "range", "shape", "encoding", "image", "row", "file", "model", "memory" or "output".
            message: a sentence for people.
        """
        self._by_row.setdefault(row, (kind, message))

    def __contains__(self, row: int) -> bool:
        return row in self._by_row

    def __len__(self) -> int:
        return len(self._by_row)

    def slice(self, start: int, stop: int) -> RowErrors:
        """Return the errors of a range of rows, counted from its start."""
        found = RowErrors()
        found._by_row = {row - start: error for row, error in self._by_row.items() if start <= row < stop}
        return found

    def merge(self, other: RowErrors, start: int) -> None:
        """Add the errors of a range of rows that starts at `start`."""
        for row, error in other._by_row.items():
            self._by_row.setdefault(row + start, error)

    def first_message(self) -> str:
        """Return the text of the first row that has an error; "" if none has."""
        return self.text(min(self._by_row)) if self._by_row else ""

    def text(self, row: int) -> str:
        """Return the kind and the message of a row's error."""
        return ": ".join(self._by_row[row])

    def to_column(self, rows: int) -> list[str | None]:
        """Return the text of each row; None for rows without an error."""
        return [self.text(row) if row in self._by_row else None for row in range(rows)]

    def count_kinds(self) -> dict[str, int]:
        """Return the number of rows by kind."""
        counts: dict[str, int] = {}
        for kind, _ in self._by_row.values():
            counts[kind] = counts.get(kind, 0) + 1
        return counts
