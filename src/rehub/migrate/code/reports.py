"""What a migration found, as JSON, as SARIF 2.1.0 and as annotations of GitHub."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Iterable, Sequence
from urllib.parse import quote

from rehub.migrate.code.migration import FileMigration, PlacedFinding
from rehub.migrate.code.rules import RULES
from rehub.version import __version__

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def format_place(migration: FileMigration, placed: PlacedFinding) -> str:
    """Return where a finding is: `file:line:column`, or `file:cell N:line:column` in a notebook."""
    cell = f"cell {placed.cell}:" if placed.cell else ""
    return f"{migration.path}:{cell}{placed.finding.line}:{placed.finding.column}"


def build_json_report(migrations: Sequence[FileMigration], summary: dict[str, Any]) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "version": __version__,
        "summary": summary,
        "files": [
            {
                "path": migration.path,
                "changed": migration.is_changed,
                "error": migration.error,
                "notice": migration.notice,
                "findings": [_finding_to_json(placed) for placed in migration.findings],
            }
            for migration in migrations
        ],
    }


def _finding_to_json(placed: PlacedFinding) -> dict[str, Any]:
    finding = placed.finding
    return {
        "rule": finding.rule,
        "kind": finding.kind,
        "applied": finding.is_applied,
        "cell": placed.cell or None,
        "line": finding.line,
        "column": finding.column,
        "message": finding.message,
        "advice": finding.advice,
    }


def format_annotations(migrations: Iterable[FileMigration]) -> list[str]:
    """Return the workflow commands by which GitHub shows findings at their lines.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    lines = []
    for migration in migrations:
        if migration.error:
            lines.append(
                f"::error file={_escape_property(migration.path)},title=rehub migrate::{_escape_data(migration.error)}"
            )
        for placed in migration.findings:
            finding = placed.finding
            command = "notice" if finding.kind == "note" else "warning"
            text = f"{finding.message}\n{finding.advice}".strip()
            column = "" if placed.cell else f",col={finding.column}"  # A notebook's column is not that of the JSON.
            lines.append(
                f"::{command} file={_escape_property(migration.path)},line={placed.file_line}{column},"
                f"title={finding.rule}::{_escape_data(text)}"
            )
    return lines


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def build_sarif_report(migrations: Sequence[FileMigration]) -> dict[str, Any]:
    """Return the report as SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""
    results = [_build_sarif_result(migration, placed) for migration in migrations for placed in migration.findings]
    notifications = [
        {"level": "error", "message": {"text": migration.error}} for migration in migrations if migration.error
    ]
    rules = [
        {
            "id": rule.code,
            "shortDescription": {"text": rule.title},
            "defaultConfiguration": {"level": "note" if rule.kind == "note" else "warning"},
            "properties": {"kind": rule.kind},
        }
        for rule in RULES
    ]
    driver = {"name": "rehub migrate", "version": __version__, "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": not notifications, "toolExecutionNotifications": notifications}],
        "results": results,
    }
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _build_sarif_result(migration: FileMigration, placed: PlacedFinding) -> dict[str, Any]:
    finding = placed.finding
    region = {"startLine": placed.file_line}
    if not placed.cell:  # In a notebook the column is that of the cell's code, not of the JSON.
        region["startColumn"] = finding.column
    uri = quote(PurePath(migration.path).as_posix())
    return {
        "ruleId": finding.rule,
        "ruleIndex": next(index for index, rule in enumerate(RULES) if rule.code == finding.rule),
        "level": "note" if finding.kind == "note" else "warning",
        "message": {"text": f"{finding.message}\n\n{finding.advice}".strip()},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
        "properties": {"kind": finding.kind, "applied": finding.is_applied},
    }
