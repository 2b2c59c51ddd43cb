"""`rewrite`: the text of a program of TensorFlow 1 into that of TensorFlow 2."""

from __future__ import annotations

from typing import Container

import libcst as cst

from rehub.migrate.code.findings import Rewriting


class _EveryRule:
    """The container of all rules: what `select` is if it is not given."""

    def __contains__(self, rule: object) -> bool:
        return True


ALL_RULES = _EveryRule()


def rewrite(
    source: str, *, notes: bool = False, select: Container[str] = ALL_RULES, ignore: Container[str] = ()
) -> Rewriting:
    """Return a program rewritten for TensorFlow 2, and what was found in it.

    Args:
        source: the whole text of a program, or the cells of a notebook joined.
        notes: also apply the rewrites of kind "b", each with a comment `# rehub: check ...`.
        select: the rules to apply and report.
        ignore: the rules to leave out.
    """
    del notes, select, ignore
    try:
        cst.parse_module(source)
    except cst.ParserSyntaxError as error:
        return Rewriting(source, parse_error=f"line {error.raw_line}: {error.message}")
    return Rewriting(source)
