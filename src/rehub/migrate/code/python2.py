"""Programs of Python 2, converted by fissix, the continuation of lib2to3, before they are read."""

from __future__ import annotations

import logging

from rehub.errors import PackageMissing


def convert_from_python2(source: str) -> str:
    """Return a program of Python 2 in Python 3, by all of 2to3's usual fixers.

    Raises:
        PackageMissing: fissix is not installed.
        SyntaxError: it is not a program of Python 2 either.
    """
    try:
        from fissix.pgen2.parse import ParseError
        from fissix.refactor import RefactoringTool, get_fixers_from_package
    except ImportError as error:
        raise PackageMissing("Programs of Python 2 are converted by fissix: pip install fissix.") from error
    logging.getLogger("RefactoringTool").setLevel(logging.ERROR)
    fixers = sorted(get_fixers_from_package("fissix.fixes"))
    explicit = {f"fissix.fixes.fix_{name}" for name in ("buffer", "idioms", "set_literal", "ws_comma")}
    tool = RefactoringTool([fixer for fixer in fixers if fixer not in explicit])
    try:
        return str(tool.refactor_string(source if source.endswith("\n") else f"{source}\n", "<program>"))
    except ParseError as error:
        raise SyntaxError(f"not Python 2 either: {error}") from error
