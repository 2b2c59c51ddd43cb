"""`rehub cache verify [HANDLE...]`: finds cached files that are missing or are not what was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehub.cache import verify
from rehub.cli import output
from rehub.cli.cache.entries import HELP, all_entries, entries_of, name_of
from rehub.cli.exit_codes import DONE, FAILED
from rehub.transfer.progress import counted

if TYPE_CHECKING:
    from argparse import Namespace

    from rehub.cache import Report
    from rehub.cli.parser import Parser


def configure(parser: Parser) -> None:
    """Describes the arguments."""
    parser.description = (
        "Compares every file of the models with the sha256 that was noted when it came. Ends with 1 if one\n"
        "is damaged: `rehub cache rm` deletes it, and `rehub pull` fetches it again. tensorflow_hub notes\n"
        "nothing; of what it has fetched, only the names of the files can be checked."
    )
    parser.add_argument("handles", metavar="HANDLE", nargs="*", help=f"{HELP}; all models, when none is given")
    parser.add_argument("--quick", action="store_true", help="compare names and sizes only")
    parser.add_json("a list of reports")


def run(arguments: Namespace) -> int:
    """Looks at one model after the other."""
    found = entries_of(arguments.handles) if arguments.handles else all_entries()
    sound = True
    records = []
    for entry in counted("Verifying", found, len(found), "model"):
        report = verify(entry, digests=not arguments.quick)
        sound = sound and not report.damage
        if arguments.json:
            records.append(_record(report))
        else:
            _print(report)
    if arguments.json:
        output.as_json(records)
    return DONE if sound else FAILED


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
        "directory": str(report.entry.directory),
        "damage": list(report.damage),
        "unlisted": list(report.unlisted),
        "has_manifest": report.has_manifest,
    }
