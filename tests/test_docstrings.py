"""The examples in docstrings, run as a reader would type them."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import rehub

SOURCE = Path(rehub.__file__).parent
# The packages that are extras, and what each needs. Not all environments have it.
EXTRAS = {
    "rehub.batch_inference": "pyarrow",
    "rehub.batch_inference.predictor": "tensorflow",
    "rehub.migrate.code": "libcst",
    "rehub.server": "starlette",
}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules_with_examples():
    """Return the modules with an example, found by their text, because importing all of them is slow."""
    for path in sorted(SOURCE.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for extra, package in EXTRAS.items():
        if name.startswith(extra):
            pytest.importorskip(package, reason=f"{package} is not installed here")
    results = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert results.attempted > 0
    assert results.failed == 0, "what was expected and what came is printed above"
