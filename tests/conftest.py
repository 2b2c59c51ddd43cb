"""What holds for every test: a quiet TensorFlow, and a cache of the test's own."""

from __future__ import annotations

import os

import pytest

# Read by TensorFlow's C++ side when it is first imported, so it cannot wait for a fixture. 2 keeps the errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    """An empty cache for this test, so that none touches the user's; settings of the user's do not reach it either."""
    for name in [name for name in os.environ if name.startswith(("REHUB_", "TFHUB_"))]:
        monkeypatch.delenv(name)
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(directory))
    return directory
