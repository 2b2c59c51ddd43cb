"""Find, map, list and remove prepared forms."""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehub import config, tf_internals
from rehub.errors import HubError
from rehub.restore.prepared.index import (
    DamagedForm,
    PreparedVariable,
    open_weights,
    read_index,
    stamp_of,
)
from rehub.restore.prepared.mounts import is_on_network
from rehub.restore.prepared.verification import compare_with_digest
from rehub.restore.remote_directories import is_local
from rehub.savedmodel import detect_layout
from rehub.savedmodel.encodings import read_model_bytes
from rehub.staging import remove_path

_log = logging.getLogger(__name__)
_DIRECTORY_NAME = re.compile(r"[0-9a-f]{64}\Z")
_FORMAT = 3  # Raise it when the files change. Forms of other formats have other directories.

# The weights that this process has compared with their digest, by directory and stamp.
_compared: set[tuple[Path, tuple[int, ...]]] = set()


@dataclass(frozen=True)
class PreparedForm:
    """A prepared form, mapped.

    Attributes:
        ops: the ops that the model's functions use.
        weights: the mapped file with their values; None if it has none.
    """

    ops: frozenset[str]
    variables: tuple[PreparedVariable, ...]
    weights: mmap.mmap | None

    def values(self) -> dict[str, Any]:
        """Return the mapped values by checkpoint key: tensors that share the mapping's memory."""
        import numpy as np

        tf = tf_internals.import_tensorflow()
        found: dict[str, Any] = {}
        for each in self.variables:
            if each.dtype:
                name = "uint16" if each.dtype == "bfloat16" else each.dtype
                count = each.size // np.dtype(name).itemsize
                array = np.frombuffer(self.weights, name, count, each.offset).reshape(each.shape)  # type: ignore[arg-type]
                value = tf.experimental.dlpack.from_dlpack(array.__dlpack__())
                found[each.key] = tf.bitcast(value, tf.bfloat16) if each.dtype == "bfloat16" else value
        return found


def form_directory(path: str, model_file: bytes, *, to_make: bool) -> Path | None:
    """Return where the prepared form of a model is, or would be; None where there can be none.

    Args:
        to_make: whether the form may have to be made. If not, nothing is hashed in a cache without prepared forms.
    """
    root = config.cache_dirs()[0]
    if not is_local(path) or isinstance(root, str) or not (to_make or os.path.isdir(root / "prepared")):
        return None
    digest = hashlib.sha256(f"rehub prepared form {_FORMAT}\n".encode())
    digest.update(hashlib.sha256(model_file).digest())
    variables = Path(path, "variables")
    if not (variables / "variables.index").is_file():
        return None
    digest.update(hashlib.sha256((variables / "variables.index").read_bytes()).digest())
    for shard in sorted(variables.glob("variables.data-*")):
        digest.update(f"{shard.name} {shard.stat().st_size}\n".encode())
    return root / "prepared" / digest.hexdigest()


def open_form(directory: Path) -> PreparedForm | None:
    """Map a prepared form; return None if there is none that this version of TensorFlow made.

    A damaged form is ignored, with a warning in the log.
    """
    try:
        return _map_form(directory)
    except FileNotFoundError:
        return None
    except DamagedForm as damage:
        reason = str(damage)
    except OSError as error:
        reason = f"it cannot be read ({error})"
    warn_ignored(directory, reason)
    return None


def warn_ignored(directory: Path | None, reason: str) -> None:
    """Log why a prepared form is not used."""
    _log.warning("the prepared form %s is ignored: %s. Delete it, or run `rehub prepare` again.", directory, reason)


def _map_form(directory: Path) -> PreparedForm | None:
    index = read_index(directory)
    if index.tensorflow != tf_internals.import_tensorflow().__version__:
        _log.debug("the prepared form %s is stale: TensorFlow %s made it", directory, index.tensorflow)
        return None
    if not index.size:
        return PreparedForm(index.ops, index.variables, None)
    with open_weights(directory, index) as file:
        if is_on_network(directory):
            return None
        stamp = stamp_of(os.fstat(file.fileno()))
        weights = mmap.mmap(file.fileno(), index.size, access=mmap.ACCESS_COPY)
        if stamp != index.stamp and (directory, stamp) not in _compared:
            compare_with_digest(weights, index)
            _compared.add((directory, stamp))
        return PreparedForm(index.ops, index.variables, weights)


def list_forms() -> list[Path]:
    """Return the directories of all prepared forms in the cache, sorted."""
    root = config.cache_dirs()[0]
    if isinstance(root, str):
        return []
    try:
        return sorted(each for each in (root / "prepared").iterdir() if _DIRECTORY_NAME.match(each.name))
    except OSError:
        return []


def find_form_directory(path: str) -> Path | None:
    """Return the directory of a model's prepared form; None if it has none."""
    try:
        directory = form_directory(path, bytes(read_model_bytes(detect_layout(path))[:]), to_make=False)
    except (HubError, OSError):
        return None
    return directory if directory is not None and os.path.lexists(str(directory)) else None


def remove_form(directory: Path) -> bool:
    """Delete a prepared form; return whether there was one. Processes that have it mapped are not disturbed."""
    is_there = os.path.lexists(str(directory))
    remove_path(str(directory))
    return is_there
