"""Compare the weights of a prepared form with what was written, and with the model's checkpoint."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import BinaryIO

from rehub.errors import HubError
from rehub.restore.prepared.digest import weights_digest
from rehub.restore.prepared.index import DamagedForm, PreparedIndex, open_weights, read_index
from rehub.savedmodel.checkpoint import read_checkpoint

_CHUNK = 1 << 20


def find_problem(directory: Path, model_path: str | None = None) -> str | None:
    """Return what is wrong with a prepared form; None if it is as it was written.

    Args:
        model_path: the model's directory, if its checkpoint is to be compared with the weights, byte by byte.
    """
    try:
        index = read_index(directory)
        if index.size:
            with open_weights(directory, index) as file:
                with mmap.mmap(file.fileno(), index.size, access=mmap.ACCESS_READ) as content:
                    compare_with_digest(content, index)
                if model_path is not None:
                    _compare_with_checkpoint(file, index, model_path)
    except (HubError, DamagedForm, OSError) as error:
        return str(error)
    return None


def compare_with_digest(weights: mmap.mmap, index: PreparedIndex) -> None:
    """Compare weights with the digest that the index has of them.

    Raises:
        DamagedForm: they differ.
    """
    if weights_digest(weights) != index.digest:
        raise DamagedForm("its weights are not those that were written")


def _compare_with_checkpoint(weights: BinaryIO, index: PreparedIndex, model_path: str) -> None:
    checkpoint = read_checkpoint(os.path.join(model_path, "variables", "variables"))
    for each in index.variables:
        entry = checkpoint.entries.get(each.key)
        if entry is None:
            raise DamagedForm(f"the model has no variable {each.key!r}")
        if not each.dtype or len(entry.parts) != 1 or checkpoint.is_big_endian:
            continue
        (part,) = entry.parts
        weights.seek(each.offset)
        shard = f"{checkpoint.prefix}.data-{part.shard:05d}-of-{checkpoint.shards:05d}"
        with open(shard, "rb") as data:
            data.seek(part.offset)
            remaining = part.bytes
            while remaining:
                chunk = data.read(min(remaining, _CHUNK))
                if not chunk or weights.read(len(chunk)) != chunk:
                    raise DamagedForm(f"its value of {each.key!r} is not the model's")
                remaining -= len(chunk)
