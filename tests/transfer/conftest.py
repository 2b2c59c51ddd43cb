"""A server that speaks the hosting protocol, for every test here."""

from __future__ import annotations

import pytest
from hosting import HostingServer


@pytest.fixture
def server():
    with HostingServer() as server:
        yield server
