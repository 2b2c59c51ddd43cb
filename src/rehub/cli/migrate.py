"""`rehub migrate PATH...`: rewrite programs of TF1 that use modules, for TF2."""

from __future__ import annotations

import collections
import difflib
import os
import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Sequence

from rehub.cli import output
from rehub.cli.exit_codes import FAILED, OK
from rehub.cli.parser import Parser
from rehub.errors import PackageMissing
from rehub.formatting import list_names
from rehub.migrate.code.discovery import FoundFile, find_files
from rehub.migrate.code.migration import FileMigration, MigrateOptions, PlacedFinding, is_interesting
from rehub.migrate.code.reports import build_json_report, build_sarif_report, format_annotations, format_place
from rehub.migrate.code.rules import RULES
from rehub.migrate.code.running import migrate_files
from rehub.migrate.code.sources import write_file
from rehub.transfer import progress

_KINDS = {
    "a": "applied by --write: the program does the same",
    "b": "applied by --write --notes, with a comment on what to check",
    "c": "reported, with code to write by hand",
    "note": "nothing to do",
}


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Rewrites programs and notebooks that use hub.Module in TF1 graphs and sessions, so that they use hub.load\n"
        "in TF2. Without --write or --output it changes nothing: it reports what it would change, and what you must\n"
        "write by hand. It needs neither TensorFlow nor the models. docs/migrate.md has an example.\n"
        "The exit code is 0 if nothing is left to do, 1 if something is, 2 for wrong usage."
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="a program, a notebook, or a directory")
    to_help = "tf2 (the default): eager code; compat: the same code, with tensorflow.compat.v1"
    parser.add_argument("--to", choices=("tf2", "compat"), default="tf2", help=to_help)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--diff", action="store_true", help="print the changes as a patch")
    way.add_argument("--check", action="store_true", help="print only the names of the files, for CI")
    way.add_argument("--write", action="store_true", help="change the files")
    way.add_argument("--output", metavar="DIR", type=Path, help="write all programs to DIR, changed or not")
    way.add_argument("--handles", action="store_true", help="list the models that the programs use")
    way.add_argument("--list-rules", action="store_true", help="list the rules")
    parser.add_argument("--notes", action="store_true", help="also apply rules whose result you must check (kind b)")
    parser.add_argument("--python2", action="store_true", help="first convert Python 2 programs (needs fissix)")
    rules: dict[str, Any] = {"metavar": "RULES", "action": "append", "default": []}
    parser.add_argument("--select", help="apply and report only these rules, such as RH101,RH3", **rules)
    parser.add_argument("--ignore", help="do not apply or report these rules", **rules)
    formats = ("text", "json", "github", "sarif")
    parser.add_argument(
        "--output-format", choices=formats, default="text", help="the format of the report (default: text)"
    )
    parser.add_examples("migrate train.py", "migrate . --diff", "migrate . --write --notes", "migrate . --handles")


def run_command(arguments: Namespace) -> int:
    _require_format(arguments)
    if arguments.list_rules:
        return _list_rules(arguments.output_format)
    options = MigrateOptions(
        arguments.to,
        arguments.notes,
        arguments.python2,
        _parse_codes(arguments, "select"),
        _parse_codes(arguments, "ignore"),
    )
    files = _find_files(arguments)
    if arguments.handles:
        return _list_handles(files, arguments.output_format)
    _require_libcst()
    interesting = [found for found in files if is_interesting(found.path)]
    steps = progress.track_steps("Migrating", migrate_files(interesting, options), len(interesting), "file")
    migrations = list(steps)
    errors = _write_files(arguments, files, interesting, migrations)
    summary = _summarize_findings(files, migrations, arguments.write or arguments.output is not None)
    _print_report(arguments, migrations, summary)
    is_left = any(migration.error or migration.remaining for migration in migrations)
    is_pending = not (arguments.write or arguments.output) and any(migration.is_changed for migration in migrations)
    return FAILED if errors or is_left or is_pending else OK


def _require_format(arguments: Namespace) -> None:
    if arguments.diff and arguments.output_format != "text":
        arguments.parser.error("--diff prints a patch: it has no other --output-format")
    if (arguments.handles or arguments.list_rules) and arguments.output_format not in ("text", "json"):
        arguments.parser.error("--handles and --list-rules are printed as text or json")


def _parse_codes(arguments: Namespace, name: str) -> tuple[str, ...]:
    codes = tuple(code.strip() for words in getattr(arguments, name) for code in words.split(",") if code.strip())
    for code in codes:
        if not any(rule.code.startswith(code) for rule in RULES):
            arguments.parser.error(f"--{name}: unknown rule {code!r}. See rehub migrate --list-rules")
    return codes


def _find_files(arguments: Namespace) -> list[FoundFile]:
    if not arguments.paths:
        arguments.parser.error("give a PATH: a program, a notebook, or a directory of them; . for this one")
    for path in arguments.paths:
        if not path.exists():
            arguments.parser.error(f"{str(path)!r} does not exist")
    files = list(find_files(arguments.paths, arguments.output))
    if arguments.output is not None:
        counts = collections.Counter(found.inner for found in files)
        twice = next((str(inner) for inner, count in counts.items() if count > 1), None)
        if twice:
            arguments.parser.error(f"--output: two of the files would be written to {twice!r}")
        if any((arguments.output / found.inner).resolve() == found.path.resolve() for found in files):
            arguments.parser.error("--output: DIR is where the programs are; say --write to change them")
    return files


def _require_libcst() -> None:
    try:
        import libcst  # noqa: F401
    except ImportError as error:
        raise PackageMissing('Programs are rewritten by libcst: pip install "rehub[migrate]".') from error


def _write_files(
    arguments: Namespace,
    files: Sequence[FoundFile],
    interesting: Sequence[FoundFile],
    migrations: Sequence[FileMigration],
) -> bool:
    """Write what is to be written. Return whether a file could not be."""
    has_failed = False
    contents = {id(found): migration for found, migration in zip(interesting, migrations)}
    for found in files if arguments.write or arguments.output else ():
        migration = contents.get(id(found))
        is_changed = migration is not None and migration.is_changed
        if arguments.write and not is_changed:
            continue
        try:
            content = migration.after if migration is not None and is_changed else found.path.read_bytes()
            target = found.path if arguments.write else arguments.output / found.inner
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, content)
        except OSError as error:
            output.print_error(f"{found.path} was not written: {error.strerror or error}")
            has_failed = True
    return has_failed


def _summarize_findings(
    files: Sequence[FoundFile], migrations: Sequence[FileMigration], is_written: bool
) -> dict[str, Any]:
    findings = [placed for migration in migrations for placed in migration.findings]
    return {
        "files": len(files),
        "with_hub": sum(1 for migration in migrations if migration.findings or migration.error),
        "changed": sum(1 for migration in migrations if migration.is_changed),
        "written": is_written,
        "not_read": sum(1 for migration in migrations if migration.error),
        "findings": {kind: sum(1 for placed in findings if placed.finding.kind == kind) for kind in _KINDS},
    }


def _print_report(arguments: Namespace, migrations: Sequence[FileMigration], summary: dict[str, Any]) -> None:
    if arguments.output_format == "json":
        output.print_json(build_json_report(migrations, summary))
    elif arguments.output_format == "sarif":
        output.print_json(build_sarif_report(migrations))
    elif arguments.output_format == "github":
        for text in format_annotations(migrations):
            output.print_line(text)
    else:
        _print_text(arguments, migrations, summary)


def _print_text(arguments: Namespace, migrations: Sequence[FileMigration], summary: dict[str, Any]) -> None:
    for migration in migrations:
        if migration.error:
            output.print_error(migration.error)
        if migration.notice:
            output.print_note(f"{migration.path}: {migration.notice}")
        if arguments.diff:
            _print_diff(migration)
        elif arguments.check:
            if migration.is_changed or migration.remaining:
                output.print_line(
                    f"{migration.path}: {'would change' if migration.is_changed else 'has work to do by hand'}"
                )
        else:
            for placed in migration.findings:
                _print_finding(migration, placed)
    # A patch on stdout is for a program.
    say = output.print_note if arguments.diff else output.print_line
    for text in _format_summary(arguments, summary):
        say(text)


def _print_finding(migration: FileMigration, placed: PlacedFinding) -> None:
    finding = placed.finding
    place = output.bold(format_place(migration, placed))
    output.print_line(f"{place}: {finding.rule} [{finding.kind}] {finding.message}")
    for text in finding.advice.split("\n") if finding.advice else ():
        output.print_line(output.dim(f"    {text}") if text else "")


def _print_diff(migration: FileMigration) -> None:
    name = os.fsencode(migration.path)
    before, after = (re.findall(rb"[^\n]*\n|[^\n]+", content) for content in (migration.before, migration.after))
    for line in difflib.diff_bytes(difflib.unified_diff, before, after, name, name):
        line += b"" if line.endswith(b"\n") else b"\n\\ No newline at end of file\n"
        if sys.stdout.isatty():
            for text in line.decode("utf-8", "replace").rstrip("\n").split("\n"):
                output.print_line(text)
        else:  # Another program applies the patch, so it has the bytes of the file.
            sys.stdout.flush()
            sys.stdout.buffer.write(line)


def _format_summary(arguments: Namespace, summary: dict[str, Any]) -> list[str]:
    is_written = summary["written"]
    changed = f"{summary['changed']} {'changed' if is_written else 'would change'}"
    unread = f", {summary['not_read']} not read" if summary["not_read"] else ""
    counts = summary["findings"]
    lines = [f"files: {summary['files']}; {changed}{unread}"]
    if any(counts.values()):
        lines.append(f"findings: {', '.join(f'{count} [{kind}]' for kind, count in counts.items() if count)}")
        lines += [f"  [{kind}] {_KINDS[kind]}" for kind, count in counts.items() if count and not is_written]
    if counts["c"] and arguments.to == "tf2":
        lines.append("Programs that stay in TF1's graphs: --to compat")
    if is_written and arguments.notes and counts["b"]:
        lines.append("Look for the comments `# rehub: check` that were added.")
    return lines


def _list_rules(output_format: str) -> int:
    if output_format == "json":
        output.print_json(RULES)
        return OK
    output.print_table(["RULE", "KIND", "WHAT"], [[rule.code, rule.kind, rule.title] for rule in RULES])
    for kind, meaning in _KINDS.items():
        output.print_line(f"{kind}: {meaning}")
    return OK


def _list_handles(files: Sequence[FoundFile], output_format: str) -> int:
    from rehub.migrate.code.handle_report import report_handles

    reports, errors = report_handles(files)
    for error in errors:
        output.print_error(error)
    if output_format == "json":
        output.print_json(reports)
        return FAILED if errors else OK
    for report in reports:
        output.print_line(output.bold(report.handle))
        said = {"files": "", "table": " (by the table of tfhub.dev's models)"}.get(report.source, "")
        output.print_line(f"  used in: {list_names(report.locations, 5)}")
        output.print_line(f"  format: {report.format or 'not known'}{said}")
        if report.newer:
            output.print_line(f"  newer version, a TF2 SavedModel with other weights: {report.newer}")
        output.print_line(f"  retraining here: {report.retraining}")
        if report.convert:
            output.print_line(f"  to convert it: {report.convert}")
        elif report.convert_note:
            output.print_line(f"  to convert it: not advised; {report.convert_note}")
    output.print_line(f"models: {len(reports)}")
    return FAILED if errors else OK
