"""A directory of this process that holds exactly the bytes of a model that were scanned.

TensorFlow's loaders take a directory and read its model file themselves. Between a scan and that, the file could be
exchanged, by anybody who can write where the model lies. So what is scanned is read once, and written where nobody else
writes; weights and assets are linked to, as they are data and no program.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
from typing import Any

from rehub.restore.remote_directories import is_local
from rehub.savedmodel import Layout
from rehub.savedmodel.layout import CPB, PB, PBTXT

_MODEL_FILES = {PB, PBTXT, CPB}
_LOCK = threading.Lock()


class _Copies:
    """The directories that this process has made.

    They stay until it ends: what was loaded reads assets when its tables are initialized, which may be much later.
    """

    def __init__(self) -> None:
        self._process = 0
        self._root = ""
        self._directories: dict[tuple[str, str], str] = {}

    def directory(self, path: str, digest: str) -> tuple[str, bool]:
        """Returns the directory for a model's directory and the digest of its file, and whether it is filled."""
        if self._process != os.getpid() or not os.path.isdir(self._root):  # A child leaves its parent's alone.
            self._process = os.getpid()
            self._root = tempfile.mkdtemp(prefix="rehub-scanned-")  # It is readable and writable by this user only.
            self._directories = {}
            atexit.register(_remove, self._process, self._root)
        known = self._directories.get((path, digest))
        if known is not None and os.path.isfile(os.path.join(known, PB)):
            return known, True
        made = tempfile.mkdtemp(dir=self._root)
        self._directories[path, digest] = made
        return made, False


_copies = _Copies()


def scanned_copy(tf: Any, layout: Layout, content: bytes) -> Layout:
    """Returns the layout of a directory with these bytes as its model file, and all else as in another directory.

    Args:
        tf: the TensorFlow module, by which files of object stores are read.
        layout: the model's directory.
        content: what its model file held when it was scanned, as the bytes of a `saved_model.pb`.
    """
    path = os.path.abspath(layout.path) if is_local(layout.path) else layout.path
    with _LOCK:
        directory, is_filled = _copies.directory(path, hashlib.sha256(content).hexdigest())
        if not is_filled:
            if is_local(path):
                _link_others(path, directory)
            else:
                _fetch_others(tf.io.gfile, path, directory)
            with open(os.path.join(directory, PB), "wb") as file:  # The last: with it the directory is filled.
                file.write(content)
    return Layout(directory, PB, layout.is_legacy)


def _link_others(path: str, directory: str) -> None:
    for name in os.listdir(path):
        if name in _MODEL_FILES:
            continue
        source, target = os.path.join(path, name), os.path.join(directory, name)
        if os.path.lexists(target):
            continue
        try:
            os.symlink(source, target)
        except OSError:  # Windows lets only some users make links.
            if os.path.isdir(source):
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)


def _fetch_others(gfile: Any, path: str, directory: str) -> None:
    for parent, directories, names in gfile.walk(path):
        inner = os.path.join(directory, *parent[len(path) :].strip("/").split("/"))
        for name in directories:
            os.makedirs(os.path.join(inner, name.rstrip("/")), exist_ok=True)
        for name in names:
            if inner.rstrip("/") != directory or name not in _MODEL_FILES:
                gfile.copy(f"{parent.rstrip('/')}/{name}", os.path.join(inner, name), overwrite=True)


def _remove(process: int, root: str) -> None:
    if process == os.getpid():
        shutil.rmtree(root, ignore_errors=True)
