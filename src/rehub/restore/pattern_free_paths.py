"""Paths that TensorFlow does not take for a pattern."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile

from rehub.restore.remote_directories import is_local

_PATTERN = re.compile(r"[*?\[\\]")


def pattern_free_path(path: str) -> str:
    """Return a path of the same directory that is not a pattern: a link that exists until the process ends.

    TensorFlow takes the path of a checkpoint for a pattern, and so finds none in `models[1]`: RestoreV2 calls
    GetMatchingPaths, in tensorflow/core/kernels/save_restore_v2_ops.cc.

    Args:
        path: a directory. It is returned unchanged if it has no special characters, or a link cannot be made.
    """
    if not is_local(path) or os.name == "nt" or not _PATTERN.search(path):
        return path
    return _make_link(os.path.abspath(path))


@functools.lru_cache(maxsize=None)
def _make_link(path: str) -> str:
    folder = tempfile.mkdtemp(prefix="rehub-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = os.path.join(folder, "model")
    try:
        os.symlink(path, link, target_is_directory=True)
    except OSError:
        return path
    return link
