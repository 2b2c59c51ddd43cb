"""A server that speaks the hosting protocol, for every test here."""

from __future__ import annotations

import pytest
from hosting import HostingServer


@pytest.fixture(autouse=True)
def impatience(cache_dir, monkeypatch):
    """Disable retries, so that tests of failures are fast."""
    monkeypatch.setenv("REHUB_RETRIES", "0")


@pytest.fixture
def server():
    with HostingServer() as server:
        yield server
