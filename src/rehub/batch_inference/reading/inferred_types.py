"""The types of columns whose files do not say them: from the first rows."""

from __future__ import annotations

import itertools
from typing import Any, Iterable, Iterator, Mapping

from rehub.batch_inference.arrow import import_pyarrow
from rehub.batch_inference.reading.chunk import UnreadableRow
from rehub.errors import InputUnreadable

_ROWS = 1000
_ELEMENT = "list of "


def infer_types(rows: Iterable[Mapping[str, Any] | UnreadableRow]) -> dict[str, Any]:
    """Return the Arrow type of each key of the first rows; of nested values, the type of their JSON text.

    >>> infer_types([{"id": 1, "text": "a"}, {"id": 2.5}])
    {'id': DataType(double), 'text': DataType(string)}

    Raises:
        InputUnreadable: none of the rows can be read.
    """
    found: dict[str, set[str]] = {}
    problems: list[UnreadableRow] = []
    for row in itertools.islice(_skip_unreadable(rows, problems), _ROWS):
        for name, value in row.items():
            kinds = found.setdefault(name, set())
            kinds.update(_find_kinds(value))
    if problems and not found:
        raise InputUnreadable(f"None of the rows can be read. The first: {problems[0]}.")
    return {name: _merge_kinds(kinds) for name, kinds in found.items()}


def _skip_unreadable(
    rows: Iterable[Mapping[str, Any] | UnreadableRow], problems: list[UnreadableRow]
) -> Iterator[Mapping[str, Any]]:
    """Yield the rows that can be read; the first that cannot goes to `problems`."""
    for row in rows:
        if not isinstance(row, UnreadableRow):
            yield row
        elif not problems:
            problems.append(row)


def _find_kinds(value: Any) -> set[str]:
    """Return the kind of a value, and of the elements of a list."""
    if value is None:
        return set()
    if isinstance(value, list):
        return {"list", *(f"{_ELEMENT}{_name_kind(each)}" for each in value)}
    return {_name_kind(value)}


def _name_kind(value: Any) -> str:
    kind = type(value).__name__
    if kind == "bytes":
        return "str" if _is_text(value) else kind
    if kind == "int" and not -(1 << 63) <= value < 1 << 63:
        return "uint" if 0 < value < 1 << 64 else "big"
    return kind


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _merge_kinds(kinds: set[str]) -> Any:
    pa = import_pyarrow()
    if kinds == {"list"}:  # An empty list has no type of its own.
        return pa.list_(pa.int64())
    if "list" in kinds:
        item = _merge_scalars(
            {kind[len(_ELEMENT) :] if kind.startswith(_ELEMENT) else kind for kind in kinds - {"list"}}
        )
        return pa.string() if item is None else pa.list_(item)
    return _merge_scalars(kinds) or pa.string()


def _merge_scalars(kinds: set[str]) -> Any:
    """Return the Arrow type that holds values of some kinds; None if there is none."""
    pa = import_pyarrow()
    scalars = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bytes": pa.binary()}
    if len(kinds) == 1:
        return scalars.get(next(iter(kinds)), pa.uint64() if "uint" in kinds else None)
    if kinds == {"int", "uint"}:
        return pa.uint64()
    if kinds and kinds <= {"int", "uint", "float"}:
        return pa.float64()
    return pa.binary() if kinds == {"str", "bytes"} else None
