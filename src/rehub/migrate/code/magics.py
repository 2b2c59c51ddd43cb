"""What IPython adds to Python in a cell: magics, shell commands and help, replaced line for line and restored."""

from __future__ import annotations

import re
from typing import Callable, Iterator

from rehub.migrate.code.sources import is_parsable

# Cell magics whose cell is Python; the cells of others are of another language, or text.
_PYTHON_CELLS = frozenset(["capture", "debug", "memit", "prun", "python", "python3", "time", "timeit"])

_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
_LINE_MAGIC = re.compile(r"\s*[%!?]")
_ASSIGNED_MAGIC = re.compile(r"[^=#'\"]+=\s*(?=!|%\w)")
# Words that IPython takes for magics without a `%`, where the line is not Python ("automagic").
_AUTOMAGIC = re.compile(r"\s*(?:cat|cd|conda|cp|env|less|ls|mamba|man|mkdir|more|mv|pip|pip3|rm|rmdir)\s+\S")
_HELP = re.compile(r"\s*[\w.*\[\]]+\?{1,2}\s*$")
_PLACEHOLDER = re.compile(r"\(__rehub_magic_(\d+)__\s*\)|__rehub_magic_(\d+)__")

# What decides whether the next line starts a statement: comments, strings, brackets, continued lines.
_LEXEME = re.compile(
    r"""\#[^\n]*|\"{3}|'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[()\[\]{}]|\\\n?""",
    re.DOTALL,
)


class MagicLines:
    """A cell's code, with what is not Python replaced.

    A name replaces each magic, on as many lines as the magic has, so that the lines keep their numbers.

    Attributes:
        python: the code with the names.
    """

    def __init__(self, source: str) -> None:
        self._magics: list[tuple[int, str]] = []
        self._has_cell_magic = False
        self.python = "\n".join(self._replace_magics(source.split("\n")))

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield each magic, with the line of the cell that it is on."""
        yield from self._magics

    def restore(self, python: str, edit_magic: Callable[[str], str | None] = lambda text: text) -> str:
        """Return code with the magics in their places.

        Args:
            python: the code with the names, as it is now.
            edit_magic: returns the new text of a magic, or None to take its line out.

        Raises:
            ValueError: a magic is missing, or there twice.
        """
        found = [int(first or second) for first, second in _PLACEHOLDER.findall(python)]
        if sorted(found) != list(range(len(self._magics))):
            raise ValueError("a magic or a shell command is missing in the rewritten program")
        first = _PLACEHOLDER.search(python)
        if self._has_cell_magic and first is not None and python[: first.start()].strip():
            # IPython knows a cell magic only in the first line.
            start, end = python.rfind("\n", 0, first.start()) + 1, first.end() + 1
            python = python[start:end].lstrip() + python[:start] + python[end:]
        for index, (_, text) in enumerate(self._magics):
            python = _restore_magic(python, index, edit_magic(text))
        return python

    def _replace_magics(self, lines: list[str]) -> Iterator[str]:
        state = _Lexer()
        number = 0
        while number < len(lines):
            line = lines[number]
            cell_magic = _CELL_MAGIC.match(line) if not any(map(str.strip, lines[:number])) else None
            prefix = "" if state.is_inside_statement else _find_magic_prefix(line)
            if prefix is None or state.is_inside_statement:
                state.feed(f"{line}\n")
                yield line
                number += 1
                continue
            end = number + 1
            if cell_magic:
                self._has_cell_magic = True
                end = len(lines) if cell_magic.group(1) not in _PYTHON_CELLS else end
            else:
                while lines[end - 1].endswith("\\") and end < len(lines):
                    end += 1
            name = f"__rehub_magic_{len(self._magics)}__"
            self._magics.append((number + 1, "\n".join([line[len(prefix) :], *lines[number + 1 : end]])))
            yield f"{prefix}{name}" if end == number + 1 else f"{prefix}({name}" + "\n" * (end - number - 1) + ")"
            number = end


def _find_magic_prefix(line: str) -> str | None:
    """What is before the magic of a line that starts a statement: spaces, or `files = `; None without a magic."""
    if _LINE_MAGIC.match(line) or _HELP.match(line) or (_AUTOMAGIC.match(line) and not is_parsable(line.strip())):
        return line[: len(line) - len(line.lstrip())]
    assigned = _ASSIGNED_MAGIC.match(line)
    return assigned.group() if assigned else None


def _restore_magic(python: str, index: int, text: str | None) -> str:
    name = f"__rehub_magic_{index}__"
    if text is not None:
        return re.sub(rf"\({name}\s*\)|{name}", lambda _: text, python, count=1)
    if re.search(rf"^[ \t]+\(?{name}", python, re.MULTILINE):
        return _restore_magic(python, index, "pass")  # A block needs a statement.
    return re.sub(rf"(\({name}\s*\)|{name})\n|\n?(\({name}\s*\)|{name})", "", python, count=1)


class _Lexer:
    """Follows code line by line, and knows whether the next line goes on with the statement before."""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0
        self._is_continued = False

    @property
    def is_inside_statement(self) -> bool:
        return bool(self._quote) or self._depth > 0 or self._is_continued

    def feed(self, line: str) -> None:
        self._is_continued = False
        position = 0
        while position < len(line):
            if self._quote:
                position = self._skip_string(line, position)
                continue
            match = _LEXEME.search(line, position)
            if match is None:
                return
            lexeme, position = match.group(), match.end()
            if lexeme in ('"""', "'''"):
                self._quote = lexeme
            elif lexeme in "([{":
                self._depth += 1
            elif lexeme in ")]}":
                self._depth = max(self._depth - 1, 0)
            elif lexeme == "\\\n":
                self._is_continued = True

    def _skip_string(self, line: str, position: int) -> int:
        while position < len(line):
            if line.startswith(self._quote, position):
                position += len(self._quote)
                self._quote = ""
                return position
            position += 2 if line[position] == "\\" else 1
        return position
