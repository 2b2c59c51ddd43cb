"""A model to fetch, for the tests of the cache."""

from __future__ import annotations

import contextlib
import hashlib
import os

from rehub.cache import Fetched

KEY = "https://tfhub.dev/google/nnlm-en-dim50/2"
# What tensorflow_hub calls this model's directory.
NAME = hashlib.sha1(KEY.encode()).hexdigest()
# All that a cache holds that holds this model.
ENTRY = [NAME, NAME + ".descriptor.txt", NAME + ".manifest.json"]

NOBODY = 65534


class Filling:
    """Writes a model, counts how often, and can call a function or fail in the middle."""

    def __init__(self, meanwhile=lambda: None, error=None, graph=b"graph"):
        self.count = 0
        self._meanwhile = meanwhile
        self._error = error
        self._graph = graph

    def __call__(self, directory):
        assert list(directory.iterdir()) == []
        self.count += 1
        (directory / "saved_model.pb").write_bytes(self._graph)
        (directory / "variables").mkdir()
        self._meanwhile()
        if self._error is not None:
            raise self._error
        (directory / "variables" / "variables.index").write_bytes(b"index")
        (directory / "variables" / "variables.data-00000-of-00001").write_bytes(b"data")
        return Fetched("https://mirror/nnlm.tar.gz")


def names_in(root):
    """Return the names at the top of a cache."""
    return sorted(path.name for path in root.iterdir())


@contextlib.contextmanager
def as_owner():
    """Regain the rights that the fixture `nobody` has dropped."""
    was = os.geteuid()
    os.seteuid(os.getuid())
    yield
    os.seteuid(was)
