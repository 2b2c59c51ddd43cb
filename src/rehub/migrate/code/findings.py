"""What a rewriting found and changed: plain values that the engine returns and the command line prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that a rule found in a program.

    Attributes:
        rule: its name, like "RH101".
        kind: "a" for a rewrite that keeps the behaviour, "b" for one that a person should check, "c" for what stays as
            it is and has to be written by hand, "note" for what needs no change.
        line: the first line, from 1.
        column: the first column, from 1.
        message: what was changed, or why nothing was.
        advice: code to write by hand, for kind "c".
        end_line: the last line; 0 if unknown.
        end_column: the column after the last character; 0 if unknown.
        is_applied: the new source has this change.
    """

    rule: str
    kind: str
    line: int
    column: int
    message: str
    advice: str = ""
    end_line: int = 0
    end_column: int = 0
    is_applied: bool = False


@dataclass(frozen=True)
class Rewriting:
    """A program after the rules were applied.

    Attributes:
        source: the new text; equal to the old one where nothing changed.
        findings: sorted by line and column.
        parse_error: why the text could not be parsed; then it is unchanged and there are no findings.
    """

    source: str
    findings: tuple[Finding, ...] = ()
    parse_error: str = ""
