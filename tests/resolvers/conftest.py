"""A server that speaks the hosting protocol, for every test here."""

from __future__ import annotations

import pytest
from hosting import HostingServer


@pytest.fixture(autouse=True)
def impatience(cache_dir, monkeypatch):
    """A failed download is not tried again, so that a test of a failure takes no time."""
    monkeypatch.setenv("REHUB_RETRIES", "0")


@pytest.fixture
def server():
    with HostingServer() as server:
        yield server
