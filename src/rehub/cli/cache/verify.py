"""`rehub cache verify [HANDLE...]`: find cached files that are missing or have changed."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from pathlib import Path
from typing import Any

from rehub.cache import VerifyReport, verify_entry
from rehub.cli import output
from rehub.cli.cache.entries import HELP, display_name, find_entries, list_all_entries
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.redaction import redact_location
from rehub.restore import prepared
from rehub.transfer.progress import track_steps


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Compares every file of the models with the sha256 that was recorded when it was fetched. Exits with 1 if a\n"
        "model is damaged: `rehub cache rm` deletes it, and `rehub pull` fetches it again. tensorflow_hub records no\n"
        "digests, so for models that it fetched, only the file names are checked. Prepared forms are compared with\n"
        "the weights of their models."
    )
    parser.add_handle_argument("handles", nargs="*", help=f"{HELP}; without one, all models")
    parser.add_argument("--quick", action="store_true", help="compare only names and sizes")
    parser.add_json_option("a list of reports")
    parser.add_examples("cache verify", f"cache verify {EXAMPLE_URL} --quick")


def run_command(arguments: Namespace) -> int:
    found = find_entries(arguments.handles) if arguments.handles else list_all_entries()
    is_sound = True
    records = []
    others = set() if arguments.handles or arguments.quick else set(prepared.list_forms())
    for entry in track_steps("Verifying", found, len(found), "model"):
        report = verify_entry(entry, digests=not arguments.quick)
        form = None if arguments.quick else prepared.find_form_directory(str(entry.directory))
        if form is not None:
            others.discard(form)
            problem = prepared.find_problem(form, str(entry.directory))
            if problem is not None:
                damage = f"the prepared form {form}: {problem}"
                report = dataclasses.replace(report, problems=(*report.problems, damage))
        is_sound = is_sound and not report.problems
        if arguments.json:
            records.append(_report_to_json(report))
        else:
            _print_report(report)
    for form in sorted(others):  # The models of these are outside the cache.
        problem = prepared.find_problem(form)
        is_sound = is_sound and problem is None
        if arguments.json:
            records.append(_entry_to_json_form(form, problem))
        else:
            _print_prepared_form(form, problem)
    if arguments.json:
        output.print_json(records)
    return OK if is_sound else FAILED


def _print_prepared_form(form: Path, problem: str | None) -> None:
    output.print_line(f"{'complete' if problem is None else 'damaged':8}  prepared form {form}")
    if problem is not None:
        output.print_line(f"          {problem}")


def _entry_to_json_form(form: Path, problem: str | None) -> dict[str, Any]:
    damage = [] if problem is None else [problem]
    return {"handle": None, "directory": str(form), "damage": damage, "unlisted": [], "has_manifest": True}


def _print_report(report: VerifyReport) -> None:
    note = "" if report.has_manifest else "  (no manifest: only file names were checked)"
    output.print_line(f"{'damaged' if report.problems else 'complete':8}  {display_name(report.entry)}{note}")
    for damage in report.problems:
        output.print_line(f"          {damage}")
    for name in report.unexpected:
        output.print_line(f"          {name} is not a file of the model")


def _report_to_json(report: VerifyReport) -> dict[str, Any]:
    return {
        "handle": report.entry.handle,
        "directory": redact_location(str(report.entry.directory)),
        "damage": list(report.problems),
        "unlisted": list(report.unexpected),
        "has_manifest": report.has_manifest,
    }
