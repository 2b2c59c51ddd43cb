"""RH502: requirements that pin tensorflow-hub, in files and in the pip lines of notebooks."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Iterator

from rehub.migrate.code.findings import Finding

_RULE = "RH502"
_FILES = re.compile(
    r"(.*requirements.*\.(txt|in)|constraints.*\.txt|setup\.cfg|pyproject\.toml|environment.*\.ya?ml|Pipfile)$"
)
# A requirement: the name, extras, and the versions up to a quote, a comma of a list, a space or a comment.
_HUB = re.compile(r"(?<![\w./-])tensorflow[-_]hub(?![\w-])((?:\[[\w,]*\])?\s*[=<>!~]=?[^\s'\"#;]*)?", re.IGNORECASE)
_TENSORFLOW_1 = re.compile(
    r"(?<![\w./-])tensorflow(-gpu)?\s*(={1,2}\s*1[.\w*]*|~=\s*1[.\w]*|<\s*2[.\w]*)", re.IGNORECASE
)
_INSTALLS = re.compile(r"\b(pip\d?|conda|mamba|uv)\b.*\binstall\b")
_VERSION_MAGIC = re.compile(r"%tensorflow_version\b")


def is_requirements_file(name: str) -> bool:
    """Return whether a file of this name lists requirements."""
    return _FILES.match(PurePath(name).name) is not None


def find_pins(text: str) -> list[Finding]:
    """Return what there is to say of the requirements in a text; nothing unless tensorflow-hub is among them."""
    if not _HUB.search(text):
        return []
    return [finding for number, line in enumerate(text.split("\n"), 1) for finding in _find_in_line(line, number)]


def _find_in_line(line: str, number: int) -> Iterator[Finding]:
    code = line.partition("#")[0]
    for match in _HUB.finditer(code):
        message = f"{match.group().strip()}: rehub takes its place."
        yield Finding(_RULE, "note", number, match.start() + 1, message)
    for match in _TENSORFLOW_1.finditer(code):
        message = f"{match.group().strip()}: rewritten programs need TensorFlow 2. rehub runs on TensorFlow 1.15, too."
        yield Finding(_RULE, "note", number, match.start() + 1, message)


def find_shell_pins(text: str, line: int) -> list[Finding]:
    """Return what there is to say of a magic or a shell command of a notebook."""
    if edit_shell_line(text) != text:
        what = "%tensorflow_version goes" if _VERSION_MAGIC.match(text) else "Install rehub in place of tensorflow-hub"
        return [Finding(_RULE, "a", line, 1, f"{what}.", is_applied=True)]
    return []


def edit_shell_line(text: str) -> str | None:
    """Return a magic or a shell command with rehub in place of tensorflow-hub; None for one that goes."""
    if _VERSION_MAGIC.match(text):
        return None
    if not _INSTALLS.search(text):
        return text
    return _HUB.sub("rehub", text)
