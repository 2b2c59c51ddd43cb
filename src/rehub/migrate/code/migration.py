"""One file migrated: read, rewritten, checked, and what is reported of it."""

from __future__ import annotations

import ast
import dataclasses
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from rehub.errors import HubError
from rehub.migrate.code.compat import move_to_compat
from rehub.migrate.code.discovery import FoundFile
from rehub.migrate.code.findings import Finding
from rehub.migrate.code.hand_rules import add_training_advice, find_hand_rules
from rehub.migrate.code.handle_rules import find_handle_rules
from rehub.migrate.code.imported_names import ImportedNames
from rehub.migrate.code.notebooks import Notebook
from rehub.migrate.code.pins import edit_shell_line, find_pins, find_shell_pins
from rehub.migrate.code.python2 import convert_from_python2
from rehub.migrate.code.rules import RULES, is_ignored, matches_any
from rehub.migrate.code.sources import SourceText, is_parsable, parse_program, read_source

_IMPORTS_HUB = ("tensorflow_hub", "rehub")
# A file without any of these has nothing for a rule; most files of a project have none.
_INTERESTING = re.compile(rb"tensorflow[_-]hub|rehub|tfhub\.dev|kaggle\.com/models|TFHUB_|\btf\.hub\b", re.IGNORECASE)


@dataclass(frozen=True)
class MigrateOptions:
    """What a migration does.

    Attributes:
        target: "tf2", or "compat" for TF1 code that goes on with tensorflow.compat.v1.
        notes: whether rules of kind b change the program, too, and leave comments.
        python2: whether programs that only Python 2 understands are converted first.
        select: codes of rules, or their beginnings; all rules where there are none.
        ignore: the same, of rules that are left out.
    """

    target: str = "tf2"
    notes: bool = False
    python2: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def wants(self, rule: str) -> bool:
        """Return whether a rule is selected and not ignored."""
        return (not self.select or matches_any(rule, self.select)) and not matches_any(rule, self.ignore)


@dataclass(frozen=True)
class PlacedFinding:
    """A finding in a file.

    Attributes:
        finding: the finding. In a notebook its line is that of the cell.
        cell: the number of the cell, from 1; 0 in a program.
        file_line: the line in the file.
    """

    finding: Finding
    cell: int
    file_line: int


@dataclass(frozen=True)
class FileMigration:
    """What became of a file.

    Attributes:
        path: the file, as it was found.
        before, after: its bytes, and those with the changes made. They are equal where nothing changes.
        findings: in the order of the file.
        error: why it was left as it is, with the place, in a line; "" if it could be read.
        notice: what else was done, in a line.
    """

    path: str
    before: bytes = b""
    after: bytes = b""
    findings: tuple[PlacedFinding, ...] = ()
    error: str = ""
    notice: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether there is something to write."""
        return self.before != self.after

    @property
    def remaining(self) -> tuple[PlacedFinding, ...]:
        """The findings that are still there when the changed text is written, without notes."""
        return tuple(each for each in self.findings if not each.finding.is_applied and each.finding.kind != "note")


def is_interesting(path: Path) -> bool:
    """Return whether a file has a word that a rule is about. A file that cannot be read is: it is reported."""
    try:
        return _INTERESTING.search(path.read_bytes()) is not None
    except OSError:
        return True


def migrate_file(found: FoundFile, options: MigrateOptions) -> FileMigration:
    """Return what becomes of a file. The file is not written."""
    path = str(found.path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes in the strings of programs that it parses.
            source = read_source(found.path, found.is_notebook)
            if found.is_requirements:
                return _report_pins(path, source, options)
            migrate = _migrate_notebook if found.is_notebook else _migrate_program
            return migrate(path, source, options)
    except SyntaxError as error:
        return FileMigration(path, error=f"{path}:{error.lineno or 1}: {describe_error(error)}")
    except HubError:
        raise
    except (OSError, ValueError) as error:
        return FileMigration(path, error=f"{path}: {getattr(error, 'strerror', None) or error}")
    except Exception as error:  # noqa: BLE001  A fault in one file must not keep the others from being read.
        return FileMigration(path, error=f"{path}: a fault of rehub migrate: {type(error).__name__}: {error}")


def describe_error(error: SyntaxError) -> str:
    """Return why a program cannot be read, and the option for programs of Python 2 if it is one."""
    is_python2 = str(error.msg).startswith(("Missing parentheses in call to", "multiple exception types"))
    return f"not Python 3: {error.msg}" + (" (--python2 converts it first)" if is_python2 else "")


def _report_pins(path: str, source: SourceText, options: MigrateOptions) -> FileMigration:
    findings = _place_findings(find_pins(source.text), options, source.text)
    return _build_migration(path, source, source.text, findings)


def _migrate_program(path: str, source: SourceText, options: MigrateOptions) -> FileMigration:
    text, notice = _convert_to_python3(source.text, options)
    after, findings = migrate_source(text, options)
    if Path(path).name == "setup.py":
        findings += find_pins(text)
    return _build_migration(path, source, after, _place_findings(findings, options, text), notice)


def _migrate_notebook(path: str, source: SourceText, options: MigrateOptions) -> FileMigration:
    notebook = Notebook(source.text)
    try:
        before, notice = _convert_to_python3(notebook.program, options)
        program, findings = migrate_source(before, options)
    except SyntaxError as error:
        place = notebook.locate_line(error.lineno or 1)
        return FileMigration(path, error=f"{path}:cell {place.cell}:{place.line}: {describe_error(error)}")
    placed = []
    for each in _place_findings(findings, options, before):
        place = notebook.locate_line(each.finding.line)
        finding = dataclasses.replace(each.finding, line=place.line)
        placed.append(PlacedFinding(finding, place.cell, place.file_line))
    # A notebook that still imports tensorflow_hub has to install it.
    has_moved = _imports_any(program, ("rehub",)) and not _imports_any(program, ("tensorflow_hub",))
    edits_shell = has_moved and options.wants("RH502")
    for place, text in notebook.iter_shell_lines() if edits_shell else ():
        placed += [PlacedFinding(finding, place.cell, place.file_line) for finding in find_shell_pins(text, place.line)]
    after = notebook.replace_program(program, edit_shell_line if edits_shell else lambda text: text)
    placed.sort(key=lambda each: (each.cell, each.finding.line, each.finding.column))
    return _build_migration(path, source, after, placed, notice)


def _convert_to_python3(program: str, options: MigrateOptions) -> tuple[str, str]:
    """Return a program in Python 3, and what was done for that."""
    if not options.python2 or is_parsable(program):
        return program, ""
    return convert_from_python2(program), "converted from Python 2"


def migrate_source(source: str, options: MigrateOptions) -> tuple[str, list[Finding]]:
    """Return a program rewritten, and what is found in it.

    Raises:
        SyntaxError: it is not a program of this Python.
    """
    from rehub.migrate.code.rewriting import rewrite  # It needs libcst.

    names = ImportedNames(parse_program(source))
    findings = [finding for finding in find_handle_rules(names) if options.wants(finding.rule)]
    if not _imports_any(source, _IMPORTS_HUB):
        return source, findings
    is_compat = options.target == "compat"
    wanted = {rule.code for rule in RULES if options.wants(rule.code)}
    rewriting = rewrite(source, notes=options.notes, select=wanted & {"RH001"} if is_compat else wanted)
    if rewriting.parse_error:
        raise ValueError(f"libcst does not understand it: {rewriting.parse_error}")
    after = rewriting.source
    findings += rewriting.findings
    if is_compat and options.wants("RH401"):
        after, more = move_to_compat(after)
        findings += more
    if after != source and not is_parsable(after):
        raise ValueError("the rewritten program would not parse, so it was left as it is. Please report this.")
    by_hand = find_hand_rules(names)
    if by_hand and after != source:
        remaining = {finding.rule for finding in find_hand_rules(ImportedNames(parse_program(after)))}
        by_hand = [finding for finding in by_hand if finding.rule in remaining]
    noted = {finding.rule for finding in findings if finding.kind == "b"}  # `--notes` rewrites these.
    noted |= {"RH303"} if "RH304" in noted else set()
    by_hand = [finding for finding in by_hand if finding.rule not in noted & {"RH303", "RH304", "RH306"}]
    # The rewriting reports some of these, too, as what stopped it.
    findings = [finding for finding in findings if not any(_is_covered(finding, other) for other in by_hand)]
    findings = add_training_advice(findings, names)
    return after, findings + [finding for finding in by_hand if options.wants(finding.rule)]


def _is_covered(finding: Finding, other: Finding) -> bool:
    """Return whether a finding of the rewriting is about what is written by hand for another one."""
    estimators = ("RH303", "RH304")
    if finding.kind != "c":
        return False
    if finding.rule in estimators and other.rule in estimators:
        return finding.message.startswith("`")  # It names a function, as the other does. Others say what is in the way.
    return finding.line == other.line and (finding.rule == other.rule or finding.column == other.column)


def _imports_any(source: str, packages: tuple[str, ...]) -> bool:
    for node in ast.walk(parse_program(source)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        if any(module.partition(".")[0] in packages for module in modules):
            return True
    return False


def _place_findings(findings: list[Finding], options: MigrateOptions, text: str) -> list[PlacedFinding]:
    """Sort findings, and leave out those that a comment in their line asks to ignore."""
    lines = text.split("\n")
    return [
        PlacedFinding(finding, 0, finding.line)
        for finding in sorted(findings, key=lambda each: (each.line, each.column, each.rule))
        if options.wants(finding.rule) and not is_ignored(lines[finding.line - 1], finding.rule)
    ]


def _build_migration(
    path: str, source: SourceText, after: str, findings: list[PlacedFinding], notice: str = ""
) -> FileMigration:
    return FileMigration(path, source.encode(source.text), source.encode(after), tuple(findings), notice=notice)
