"""Caches of other users."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from filling import KEY, NOBODY, Filling

from rehub.cache import get_or_fetch


@pytest.fixture
def shared_disk():
    """A directory that every user can write; those of pytest are private."""
    disk = Path(tempfile.mkdtemp())
    disk.chmod(0o777)
    yield disk
    shutil.rmtree(str(disk))


@pytest.fixture
def read_only_root(shared_disk):
    """A cache with one model that the user can read and not write."""
    root = shared_disk / "system"
    get_or_fetch((root,), KEY, Filling())
    root.chmod(0o555)
    yield root
    root.chmod(0o755)


@pytest.fixture
def nobody(read_only_root):
    """Drop root's right to write everywhere, if the tests run as root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system keeps no directory from being written")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)
