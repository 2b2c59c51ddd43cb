"""docs/migrate.md shows what the command does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rehub.migrate.code.migration import MigrateOptions, migrate_source

pytest.importorskip("libcst", reason="rehub[migrate] is not installed here")

PAGE = (Path(__file__).parents[3] / "docs" / "migrate.md").read_text(encoding="utf-8")


def test_the_example_is_rewritten_as_the_page_shows():
    before = re.search(r"```py\n(.*?)```", PAGE, re.DOTALL).group(1)
    after = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    rewritten, _ = migrate_source(before, MigrateOptions())
    assert rewritten == after
