"""What the command line's tests share: the program, run in this process, and a server to fetch models from."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hosting import MODEL, HostingServer, archive_of

from rehub.cli import main


@pytest.fixture
def server():
    with HostingServer() as server:
        yield server


@pytest.fixture
def hosted(server):
    """The handle of a model on the server."""
    return server.publish("/google/digits/1", archive_of(MODEL))


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def rehub(capsys):
    """Runs a command in this process."""

    def run(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as exit_:
            code = exit_.code
        return Ran(code, *capsys.readouterr())

    return run
