"""A directory of this process that holds exactly the bytes of a model that were scanned.

TensorFlow's loaders take a directory and read its model file themselves. Between the scan and that, anyone who can
write to the model's directory could replace the file. So the file is read once, and the scanned bytes are written where
no other user can write. Weights and assets are linked, as they are data, not programs.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading

from rehub import tf_internals
from rehub.restore.remote_directories import is_local, strip_entry_name
from rehub.savedmodel import Layout
from rehub.savedmodel.layout import CPB, PB, PBTXT

_MODEL_FILES = {PB, PBTXT, CPB}
_LOCK = threading.Lock()


class _CopyDirectories:
    """The directories that this process has made.

    They exist until it ends: a loaded model reads assets when its tables are initialized, which may be much later.
    """

    def __init__(self) -> None:
        self._process = 0
        self._root = ""
        self._directories: dict[tuple[str, str], str] = {}

    def get_directory(self, path: str, digest: str) -> tuple[str, bool]:
        """Return the directory for a model's directory and the digest of its file, and whether it is complete."""
        if self._process != os.getpid() or not os.path.isdir(self._root):  # A child process does not use its parent's.
            self._process = os.getpid()
            self._root = tempfile.mkdtemp(prefix="rehub-scanned-")  # Only this user can read and write it.
            self._directories = {}
            atexit.register(_remove_directory, self._process, self._root)
        known = self._directories.get((path, digest))
        if known is not None and os.path.isfile(os.path.join(known, PB)):
            return known, True
        directory = tempfile.mkdtemp(dir=self._root)
        self._directories[path, digest] = directory
        return directory, False


_directories = _CopyDirectories()


def make_scanned_copy(layout: Layout, content: bytes) -> Layout:
    """Make a directory with these bytes as its model file, and everything else as in another directory.

    Args:
        content: the scanned content of its model file, as the bytes of a `saved_model.pb`.

    Returns:
        The layout of the new directory.
    """
    path = os.path.abspath(layout.path) if is_local(layout.path) else layout.path
    with _LOCK:
        directory, is_complete = _directories.get_directory(path, hashlib.sha256(content).hexdigest())
        if not is_complete:
            if is_local(path):
                _link_others(path, directory)
            else:
                _fetch_others(path, directory)
            with open(os.path.join(directory, PB), "wb") as file:  # Written last: it marks the directory as complete.
                file.write(content)
    return Layout(directory, PB, layout.is_legacy)


def _link_others(path: str, directory: str) -> None:
    for name in os.listdir(path):
        if _is_model_file(name):
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


def _is_model_file(name: str) -> bool:
    # Where a file system ignores case, a link of another spelling would be what the scanned bytes are written through.
    return name.lower() in _MODEL_FILES


def _fetch_others(path: str, directory: str) -> None:
    gfile = tf_internals.import_tensorflow().io.gfile
    for parent, directories, names in gfile.walk(path):
        inner = os.path.join(directory, *parent[len(path) :].strip("/").split("/"))
        for name in directories:
            os.makedirs(os.path.join(inner, strip_entry_name(parent, name)), exist_ok=True)
        for name in names:
            if inner.rstrip("/") != directory or not _is_model_file(name):
                target = os.path.join(inner, strip_entry_name(parent, name))
                gfile.copy(f"{parent.rstrip('/')}/{name}", target, overwrite=True)


def _remove_directory(process: int, root: str) -> None:
    if process == os.getpid():
        shutil.rmtree(root, ignore_errors=True)
