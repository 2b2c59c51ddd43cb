"""Statements that a new program has after its imports."""

from __future__ import annotations

from typing import Sequence

import libcst as cst

from rehub.migrate.code.edits import Renderer, Replacement, blank_lines, parse_statements
from rehub.migrate.code.plan import Plan
from rehub.migrate.code.trees import code_of


def find_last_import(plan: Plan, *packages: str) -> cst.SimpleStatementLine | None:
    """Return the last of the imports at the top of a program, if one of these packages is among them."""
    found, has_package = None, False
    for statement in plan.module.body:
        parts: Sequence[cst.CSTNode] = statement.body if isinstance(statement, cst.SimpleStatementLine) else ()
        is_import = bool(parts) and all(isinstance(part, (cst.Import, cst.ImportFrom)) for part in parts)
        if is_import and isinstance(statement, cst.SimpleStatementLine):
            found = statement
            has_package |= any(package in code_of(statement) for package in packages)
        elif (
            not all(isinstance(part, cst.Expr) and isinstance(part.value, cst.SimpleString) for part in parts)
            or not parts
        ):
            break
    return found if has_package else None


def insert_after(plan: Plan, line: cst.SimpleStatementLine, code: str, *, blank: int) -> None:
    """Plan statements after a line, which keeps the edits that it has, and after blank lines."""
    builder = plan.edits.builders.get(line)

    def build(renderer: Renderer) -> Replacement:
        kept = builder(renderer) if builder is not None else renderer.render_inside(line)
        lines = list(kept) if isinstance(kept, cst.FlattenSentinel) else [kept]
        first, *others = parse_statements(code, plan.module.config_for_parsing)
        return cst.FlattenSentinel([*lines, first.with_changes(leading_lines=blank_lines(blank)), *others])  # type: ignore[list-item]

    plan.edits.replace(line, build)
