"""Jupyter notebooks: the code cells as one program, and a changed program back in the cells.

Only the `source` values whose code changed are written; every other byte of the file stays as it was.
"""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Sequence

from rehub.migrate.code.magics import MagicLines

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_BOUNDARY = "__rehub_cell_{}__"
_BOUNDARY_LINE = re.compile(r"^__rehub_cell_(\d+)__$", re.MULTILINE)


class NotebookError(ValueError):
    """A file that is not a notebook of Python, or a program in which the ends of the cells are missing."""


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Attributes:
        number: its position among all cells of the notebook, from 1.
        source: its code.
        start, end: where the value of `source` is in the notebook's text.
        item_starts: where each string of that value starts.
    """

    number: int
    source: str
    start: int
    end: int
    item_starts: tuple[int, ...]


@dataclass(frozen=True)
class Location:
    """A line of a notebook: for people by cell, for tools that know only lines by the line of the JSON file."""

    cell: int
    line: int
    file_line: int


class Notebook:
    """A notebook of Python.

    Attributes:
        cells: its code cells.
        program: their code, one cell after the other, with what is not Python replaced line for line.
    """

    def __init__(self, text: str) -> None:
        """Read a notebook.

        Args:
            text: the JSON.

        Raises:
            NotebookError: it is not JSON, not a notebook of format 4, or its language is not Python.
        """
        if "__rehub_" in text:
            raise NotebookError("it has names that start with __rehub_, which rehub needs for itself")
        self._text = text
        try:
            self.cells = list(_iter_code_cells(text))
        except NotebookError:
            raise
        except (ValueError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise NotebookError(f"not a notebook of nbformat 4: {error}") from error
        self._magics: dict[int, MagicLines] = {}
        lines: list[str] = []
        self._first_lines: list[int] = []
        for cell in self.cells:
            magics = MagicLines(cell.source)
            self._magics[cell.number] = magics
            self._first_lines.append(len(lines) + 1)
            lines += [*magics.python.split("\n"), _BOUNDARY.format(cell.number)]
        self.program = "".join(f"{line}\n" for line in lines)

    def locate_line(self, line: int) -> Location:
        """Return the place of a line of the program."""
        index = max(bisect.bisect_right(self._first_lines, line) - 1, 0)
        cell = self.cells[index]
        cell_line = min(line - self._first_lines[index] + 1, cell.source.count("\n") + 1)
        # Only a list with a string for each line, as Jupyter writes it, has lines of its own in the file.
        is_by_line = len(cell.item_starts) == len(_split_lines(cell.source))
        offset = cell.item_starts[cell_line - 1] if is_by_line and cell_line <= len(cell.item_starts) else cell.start
        return Location(cell.number, cell_line, self._text.count("\n", 0, offset) + 1)

    def iter_shell_lines(self) -> Iterator[tuple[Location, str]]:
        """Yield the magics and shell commands, each with its place."""
        for cell, first in zip(self.cells, self._first_lines):
            for line, text in self._magics[cell.number].texts():
                yield self.locate_line(first + line - 1), text

    def replace_program(self, program: str, edit_magic: Callable[[str], str | None] = lambda text: text) -> str:
        """Return the notebook's text with a changed program.

        Args:
            program: what became of `program`, in which the lines that stand for cells and magics have stayed.
            edit_magic: returns the new text of a magic or shell command, or None to take its line out.

        Raises:
            NotebookError: a line that ends a cell, or a magic, is missing or has moved.
        """
        parts = _BOUNDARY_LINE.split(program)
        numbers = [int(number) for number in parts[1::2]]
        if numbers != [cell.number for cell in self.cells] or parts[-1].strip():
            raise NotebookError("the ends of the cells are missing in the rewritten program")
        pieces, position = [], 0
        for cell, python in zip(self.cells, parts[0::2]):
            source = self._restore_cell(cell, python, edit_magic)
            if source != cell.source:
                pieces += [self._text[position : cell.start], self._encode_source(cell, source)]
                position = cell.end
        return "".join([*pieces, self._text[position:]])

    def _restore_cell(self, cell: Cell, python: str, edit_magic: Callable[[str], str | None]) -> str:
        magics = self._magics[cell.number]
        # Before it are the end of the line of the cell before, and after it the one that the boundary started on.
        python = python[1:] if cell is not self.cells[0] else python
        python = python[:-1] if python.endswith("\n") else python
        if python != magics.python and not magics.python[-1:].isspace():
            python = python.rstrip()
        try:
            return magics.restore(python, edit_magic)
        except ValueError as error:
            raise NotebookError(f"cell {cell.number}: {error}") from error

    def _encode_source(self, cell: Cell, source: str) -> str:
        """A `source` value as JSON, a string or a list as it was, with the escapes and spaces of the old one."""
        old = self._text[cell.start : cell.end]
        if old.startswith('"'):
            return _encode_string(source, self._text)
        spans = list(_iter_items(self._text, cell.start))
        before = _SPACE.match(old, 1).group()  # type: ignore[union-attr]  # It matches the empty string, too.
        between = self._text[spans[0][1] : spans[1][0]] if len(spans) > 1 else f",{before or ' '}"
        after = self._text[spans[-1][1] : cell.end - 1] if spans else before
        as_written = {_DECODER.raw_decode(self._text, start)[0]: self._text[start:end] for start, end in spans}
        items = [as_written.get(line) or _encode_string(line, self._text) for line in _split_lines(source)]
        return f"[{before}{between.join(items)}{after}]" if items else "[]"


def _split_lines(source: str) -> list[str]:
    """The lines with their ends. `str.splitlines` also ends lines where neither Jupyter nor Python does."""
    return re.findall(r"[^\n]*\n|[^\n]+", source)


def _encode_string(value: str, text: str) -> str:
    encoded = json.dumps(value, ensure_ascii=text.isascii())
    # Colab escapes what HTML gives a meaning.
    if "\\u003c" in text or "\\u003e" in text:
        for character in "<>&":
            encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return encoded


def _iter_code_cells(text: str) -> Iterator[Cell]:
    notebook = dict(_iter_members(text, _SPACE.match(text).end()))  # type: ignore[union-attr]
    metadata = _decode_value(text, notebook.get("metadata")) or {}
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name", "python")
    if "python" not in str(language).lower():
        raise NotebookError(f"its language is {language}")
    if "cells" not in notebook:
        raise NotebookError("it has no cells")
    for number, (start, _) in enumerate(_iter_items(text, notebook["cells"][0]), 1):
        cell = dict(_iter_members(text, start))
        if _decode_value(text, cell.get("cell_type")) != "code" or "source" not in cell:
            continue
        start, end = cell["source"]
        value = _decode_value(text, cell["source"])
        items = [value] if isinstance(value, str) else value
        starts = [start] if isinstance(value, str) else [each for each, _ in _iter_items(text, start)]
        yield Cell(number, "".join(items), start, end, tuple(starts))


def _decode_value(text: str, span: Sequence[int] | None) -> Any:
    return None if span is None else _DECODER.raw_decode(text, span[0])[0]


def _iter_members(text: str, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """The names of a JSON object, each with where its value starts and ends."""
    for position in _iter_positions(text, start, "{}"):
        name, end = _DECODER.raw_decode(text, position)
        value = _skip_space(text, _skip_space(text, end, ":"))
        value_end = _DECODER.raw_decode(text, value)[1]
        yield name, (value, value_end)


def _iter_items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where each item of a JSON array starts and ends."""
    for position in _iter_positions(text, start, "[]"):
        yield position, _DECODER.raw_decode(text, position)[1]


def _iter_positions(text: str, start: int, brackets: str) -> Iterator[int]:
    position = _skip_space(text, _skip_space(text, start, brackets[0]))
    while text[position] != brackets[1]:
        yield position
        end = _DECODER.raw_decode(text, position)[1]
        if brackets == "{}":
            end = _DECODER.raw_decode(text, _skip_space(text, _skip_space(text, end, ":")))[1]
        position = _skip_space(text, end)
        if text[position] != brackets[1]:
            position = _skip_space(text, _skip_space(text, position, ","))


def _skip_space(text: str, position: int, expected: str = "") -> int:
    """The position after white space, and after what is expected there."""
    position = _SPACE.match(text, position).end()  # type: ignore[union-attr]
    if not text.startswith(expected, position):
        raise ValueError(f"expected {expected!r} at character {position}")
    return position + len(expected)
