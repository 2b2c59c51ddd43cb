"""`rehub cache verify [HANDLE...]`: find cached files that are missing or have changed."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Iterator, Sequence

from rehub.cache import open_cache
from rehub.cli import output
from rehub.cli.cache.entries import HELP, display_name, find_entries, list_all_entries
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import EXAMPLE_URL, Parser
from rehub.redaction import redact_location
from rehub.restore import prepared
from rehub.transfer.progress import track_steps


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Compares every file of the models with the sha256 that was recorded when the model was fetched. Exits with\n"
        "1 if a model is damaged: then `rehub cache rm` deletes the model, and `rehub pull` fetches it again.\n"
        "tensorflow_hub records no digests, so for models that it fetched, only the file names are checked.\n"
        "Prepared forms are compared with the weights of their models."
    )
    parser.add_handle_argument("handles", nargs="*", help=f"{HELP}; without one, all models")
    parser.add_argument("--quick", action="store_true", help="compare only names and sizes")
    parser.add_json_option("a list of reports")
    parser.add_examples("cache verify", f"cache verify {EXAMPLE_URL} --quick")


def run_command(arguments: Namespace) -> int:
    records = []
    for name, record in _verify_all(arguments):
        records.append(record)
        if not arguments.json:
            _print_record(name, record)
    if arguments.json:
        output.print_json(records)
    return FAILED if any(record["damage"] for record in records) else OK


def _verify_all(arguments: Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the record of each model, then of each prepared form whose model is outside the cache."""
    found = find_entries(arguments.handles) if arguments.handles else list_all_entries()
    others = set() if arguments.handles or arguments.quick else set(prepared.list_forms())
    for entry in track_steps("Verifying", found, len(found), "model"):
        report = open_cache(entry.root).verify_entry(entry, digests=not arguments.quick)
        damage = list(report.problems)
        form = None if arguments.quick else prepared.find_form_directory(str(entry.directory))
        if form is not None:
            others.discard(form)
            problem = prepared.find_problem(form, str(entry.directory))
            damage += [] if problem is None else [f"the prepared form {form}: {problem}"]
        directory = redact_location(str(entry.directory))
        yield display_name(entry), _make_record(entry.handle, directory, damage, report.unexpected, report.has_manifest)
    for form in sorted(others):
        problem = prepared.find_problem(form)
        yield f"prepared form {form}", _make_record(None, str(form), [] if problem is None else [problem])


def _make_record(
    handle: str | None, directory: str, damage: list[str], unlisted: Sequence[str] = (), has_manifest: bool = True
) -> dict[str, Any]:
    return {
        "handle": handle,
        "directory": directory,
        "damage": damage,
        "unlisted": unlisted,
        "has_manifest": has_manifest,
    }


def _print_record(name: str, record: dict[str, Any]) -> None:
    note = "" if record["has_manifest"] else "  (no manifest: only file names were checked)"
    output.print_line(f"{'damaged' if record['damage'] else 'complete':8}  {name}{note}")
    for damage in record["damage"]:
        output.print_line(f"          {damage}")
    for file in record["unlisted"]:
        output.print_line(f"          {file} is not a file of the model")
