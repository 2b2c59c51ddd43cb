"""Write prepared forms."""

from __future__ import annotations

import mmap
import os
import stat
import time
from pathlib import Path
from typing import Iterable, Mapping

from rehub import tf_internals
from rehub.restore.prepared.digest import weights_digest
from rehub.restore.prepared.form import open_form
from rehub.restore.prepared.index import (
    ALIGNMENT,
    INDEX,
    ITEM_SIZES,
    WEIGHTS,
    PreparedIndex,
    PreparedVariable,
    stamp_of,
    write_index,
)
from rehub.staging import publish_directory, staging_path
from rehub.version import __version__

# A later change of the weights must not have the time of the last one: file systems read times from a coarse clock.
_TICK = 0.02


def write_form(path: str, directory: Path, ops: Iterable[str], keys: Mapping[int, str]) -> None:
    """Write the prepared form of a model; one that is there is replaced.

    Args:
        ops: the ops that the model's functions use.
        keys: the variables' keys in the checkpoint by node id in the object graph.

    Raises:
        OSError: it cannot be written. No part of it remains.
    """
    tf = tf_internals.import_tensorflow()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with staging_path(directory) as name:
        staging = Path(name)
        staging.mkdir()
        weights = staging / WEIGHTS
        variables = _write_weights(path, weights, keys)
        _forbid_writing_by_others(staging, weights)
        size, digest = _measure_weights(weights)
        index = PreparedIndex(tf.__version__, frozenset(ops), variables, size, digest, stamp_of(weights.stat()))
        write_index(staging / INDEX, index, __version__, directory.name)
        _forbid_writing_by_others(staging / INDEX)
        time.sleep(_TICK)
        try:
            publish_directory(str(staging), str(directory))
        except OSError:
            if open_form(directory) is None:  # Else another process has just published the same.
                raise


def _forbid_writing_by_others(*paths: Path) -> None:
    """Let no other user write, as that could change what is mapped."""
    for path in paths:
        path.chmod(path.stat().st_mode & ~(stat.S_IWGRP | stat.S_IWOTH))


def _write_weights(path: str, target: Path, keys: Mapping[int, str]) -> tuple[PreparedVariable, ...]:
    """Write the values of variables to a file, checked by TensorFlow against their checksums; return where each is."""
    tf = tf_internals.import_tensorflow()
    checkpoint = tf.train.load_checkpoint(os.path.join(path, "variables", "variables"))
    variables = []
    with target.open("wb") as weights:
        for node_id, key in keys.items():
            dtype = checkpoint.get_variable_to_dtype_map()[key].name
            shape = checkpoint.get_variable_to_shape_map()[key]
            if 0 in shape or dtype not in ITEM_SIZES:
                variables.append(PreparedVariable(node_id, key))
                continue
            value = checkpoint.get_tensor(key).tobytes()
            weights.write(b"\0" * (-weights.tell() % ALIGNMENT))
            variables.append(PreparedVariable(node_id, key, dtype, tuple(shape), weights.tell(), len(value)))
            weights.write(value)
    return tuple(variables)


def _measure_weights(weights: Path) -> tuple[int, str]:
    """Return the size of the weights, and their digest."""
    with weights.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return 0, ""
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
            return size, weights_digest(content)
