"""Conversions of the modules in `data/legacy`, for tests that use them."""

from __future__ import annotations

import pytest
from saved_models import LEGACY

import rehub as hub


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """Convert a module of `data/legacy` once, and return the directory of the conversion."""
    paths = {}

    def convert_once(name):
        if name not in paths:
            paths[name] = str(tmp_path_factory.mktemp("converted") / name)
            hub.convert(str(LEGACY / name), paths[name])
        return paths[name]

    return convert_once
