"""`rehub cache verify [HANDLE...]`: finds cached files that are missing or are not what was stored."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rehub.cache import verify
from rehub.cli import output
from rehub.cli.cache.entries import HELP, all_entries, entries_of, name_of
from rehub.cli.exit_codes import DONE, FAILED
from rehub.redaction import redact_place
from rehub.restore import prepared
from rehub.transfer.progress import counted

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from rehub.cache import Report
    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Compares every file of the models with the sha256 that was noted when it came. Ends with 1 if one\n"
        "is damaged: `rehub cache rm` deletes it, and `rehub pull` fetches it again. tensorflow_hub notes\n"
        "nothing; of what it has fetched, only the names of the files can be checked. Prepared forms are compared\n"
        "with the weights of the model that they were made of."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="*", help=f"{HELP}; all models, when none is given")
    parser.add_argument("--quick", action="store_true", help="compare names and sizes only")
    parser.add_json("a list of reports")


def run(arguments: Namespace) -> int:
    """Looks at one model after the other."""
    found = entries_of(arguments.handles) if arguments.handles else all_entries()
    sound = True
    records = []
    others = set() if arguments.handles or arguments.quick else set(prepared.list_forms())
    for entry in counted("Verifying", found, len(found), "model"):
        report = verify(entry, digests=not arguments.quick)
        form = None if arguments.quick else prepared.find_form_directory(str(entry.directory))
        if form is not None:
            others.discard(form)
            problem = prepared.find_problem(form, str(entry.directory))
            if problem is not None:
                damage = f"the prepared form {form}: {problem}"
                report = dataclasses.replace(report, damage=(*report.damage, damage))
        sound = sound and not report.damage
        if arguments.json:
            records.append(_record(report))
        else:
            _print(report)
    for form in sorted(others):  # Of models that are not in the cache themselves.
        problem = prepared.find_problem(form)
        sound = sound and problem is None
        if arguments.json:
            records.append(_record_of_form(form, problem))
        else:
            _print_form(form, problem)
    if arguments.json:
        output.as_json(records)
    return DONE if sound else FAILED


def _print_form(form: Path, problem: str | None) -> None:
    output.line(f"{'whole' if problem is None else 'damaged':7}  prepared form {form}")
    if problem is not None:
        output.line(f"         {problem}")


def _record_of_form(form: Path, problem: str | None) -> dict[str, Any]:
    damage = [] if problem is None else [problem]
    return {"handle": None, "directory": str(form), "damage": damage, "unlisted": [], "has_manifest": True}


def _print(report: Report) -> None:
    by_what = "" if report.has_manifest else "  (nothing was noted to compare it with)"
    output.line(f"{'damaged' if report.damage else 'whole':7}  {name_of(report.entry)}{by_what}")
    for damage in report.damage:
        output.line(f"         {damage}")
    for name in report.unlisted:
        output.line(f"         {name} did not come with the model")


def _record(report: Report) -> dict[str, Any]:
    return {
        "handle": report.entry.handle,
        "directory": redact_place(str(report.entry.directory)),
        "damage": list(report.damage),
        "unlisted": list(report.unlisted),
        "has_manifest": report.has_manifest,
    }
