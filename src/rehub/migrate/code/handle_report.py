"""`rehub migrate --handles`: the models that programs use, and what can be done with each."""

from __future__ import annotations

import ast
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Iterator

from rehub.errors import HubError
from rehub.formatting import list_names
from rehub.inspection import inspect
from rehub.migrate.code.discovery import FoundFile
from rehub.migrate.code.handle_formats import LEGACY, TF1, TF2, look_up_format
from rehub.migrate.code.imported_names import ImportedNames
from rehub.migrate.code.migration import is_interesting
from rehub.migrate.code.module_uses import find_handle_argument, get_keyword, get_string, iter_handles
from rehub.migrate.code.notebooks import Notebook
from rehub.migrate.code.sources import parse_program, read_source

_INFO_METHODS = frozenset(["get_input_info_dict", "get_output_info_dict", "variable_map"])
_REMOTE = "://"
_SHOWN = 5


@dataclass
class HandleReport:
    """A model that programs use.

    Attributes:
        handle: as the programs write it.
        locations: where: `file:line`, or `file:cell N:line` in a notebook.
        format: "legacy module", "TF1 SavedModel" or "TF2 SavedModel"; "" where that is not known.
        source: what says so: "files", "table" or "".
        newer: the handle of a newer version that is a TF2 SavedModel; "" without one.
        retraining: whether and how it is trained here, in a sentence.
        convert: the command line that converts it; "" where that is not advised.
        convert_note: why it is not advised.
    """

    handle: str
    locations: list[str] = field(default_factory=list)
    format: str = ""
    source: str = ""
    newer: str = ""
    retraining: str = ""
    convert: str = ""
    convert_note: str = ""


def report_handles(files: Iterable[FoundFile]) -> tuple[list[HandleReport], list[str]]:
    """Return the models that these files use, and a line for each file that cannot be read."""
    reports: dict[str, HandleReport] = {}
    uses: dict[str, list[_ModelUse]] = {}
    directories: dict[str, Path] = {}
    errors = []
    for found in files:
        if found.is_requirements or not is_interesting(found.path):
            continue
        try:
            program = _Program(found)
        except SyntaxError as error:
            errors.append(f"{found.path}:{error.lineno or 1}: not Python 3: {error.msg}")
            continue
        except (OSError, ValueError) as error:
            errors.append(f"{found.path}: {error}")
            continue
        uses_here = list(program.iter_uses())
        for use in iter_handles(program.names):
            report = reports.setdefault(use.handle, HandleReport(use.handle))
            report.locations.append(program.format_location(use.node))
            directories.setdefault(use.handle, found.path.parent)
            uses.setdefault(use.handle, []).extend(each for each in uses_here if each.handle in ("", use.handle))
    for handle, report in reports.items():
        _describe_model(report, directories[handle], uses[handle])
    return list(reports.values()), errors


@dataclass(frozen=True)
class _ModelUse:
    """What a program takes from a model.

    Attributes:
        handle: of the model; "" where the program alone does not say which model it is.
        place: where.
        needs: what a converted model may not have; "" for a use that works with one.
        signature: the one that is called; "" for the default one.
    """

    handle: str
    place: str
    needs: str = ""
    signature: str = ""


class _Program:
    """A program or notebook, with its places for people."""

    def __init__(self, found: FoundFile) -> None:
        text = read_source(found.path, found.is_notebook).text
        self._path = found.path
        self._notebook = Notebook(text) if found.is_notebook else None
        self.names = ImportedNames(parse_program(self._notebook.program if self._notebook else text))

    def format_location(self, node: ast.expr) -> str:
        if self._notebook is None:
            return f"{self._path}:{node.lineno}"
        place = self._notebook.locate_line(node.lineno)
        return f"{self._path}:cell {place.cell}:{place.line}"

    def iter_uses(self) -> Iterator[_ModelUse]:
        for node in self.names.nodes:
            if isinstance(node, ast.Attribute) and node.attr in _INFO_METHODS:
                made = self.names.resolve_value(node.value)
                yield _ModelUse(self._find_handle(made), self.format_location(node), node.attr)
            signature = get_string(get_keyword(node, "signature")) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and signature:
                made = self._find_maker(node)
                needs = "signature= with trainable=True" if _is_trained(made) else ""
                yield _ModelUse(self._find_handle(made), self.format_location(node), needs, signature)

    def _find_maker(self, call: ast.Call) -> ast.expr:
        """Return the call that makes the model that a call with `signature=` is about."""
        is_layer = self.names.resolve_name(call.func) == "tensorflow_hub.KerasLayer"
        return call if is_layer else self.names.resolve_value(call.func)

    def _find_handle(self, made: ast.expr) -> str:
        argument = find_handle_argument(self.names, made) if isinstance(made, ast.Call) else None
        return "" if argument is None else get_string(self.names.resolve_value(argument))


def _is_trained(made: ast.expr) -> bool:
    trainable = get_keyword(made, "trainable") if isinstance(made, ast.Call) else None
    return trainable is not None and getattr(trainable, "value", None) is not False


def _describe_model(report: HandleReport, directory: Path, uses: list[_ModelUse]) -> None:
    local = _find_local_directory(report.handle, directory)
    if local is not None:
        _inspect_model(report, local)
    else:
        known = look_up_format(report.handle)
        report.format, report.newer = known.format, known.newer
        report.source = "table" if known.format else ""
        report.retraining = {
            LEGACY: "by hub.load and hub.KerasLayer(trainable=True), with rehub",
            TF1: "after rehub convert",
            TF2: "if its author made it trainable: see rehub show",
        }.get(known.format, "not known: see rehub show")
    if report.format not in (LEGACY, TF1):
        return
    needs: dict[str, dict[str, None]] = {}
    for use in uses:
        if use.needs:
            needs.setdefault(use.needs, {})[use.place] = None
    if needs:
        listed = "; ".join(f"{what} in {list_names(places, _SHOWN)}" for what, places in needs.items())
        report.convert_note = (
            f"the module has what the programs use, a converted model only where rehub loads it: {listed}"
        )
        return
    name = report.handle.rstrip("/").split("#")[0].split("?")[0].split("/")
    target = "_".join([*name[-2:], "tf2"]) if name[-1].isdigit() else f"{name[-1]}_tf2"
    signatures = {use.signature for use in uses if use.signature}
    option = f" --signature {shlex.quote(*signatures)}" if len(signatures) == 1 and signatures != {"default"} else ""
    report.convert = f"rehub convert {shlex.quote(report.handle)} {shlex.quote(target)}{option}"


def _find_local_directory(handle: str, directory: Path) -> str | None:
    """The directory of a model on this machine: below the working directory, or beside the program."""
    if _REMOTE in handle:
        return None
    candidates = [Path(handle).expanduser(), directory / handle]
    return next((str(path) for path in candidates if path.is_dir()), None)


def _inspect_model(report: HandleReport, directory: str) -> None:
    try:
        info = inspect(directory)
    except HubError as error:
        report.retraining = f"not known: {error}"
        return
    judgement = info.can_be_fine_tuned if info.format == TF2 else info.can_be_retrained
    report.format, report.source = info.format, "files"
    report.retraining = f"{'yes' if judgement else 'no'}: {judgement.reason}"
