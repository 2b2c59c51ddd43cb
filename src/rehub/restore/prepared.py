"""The prepared form of a model: its weights as they lie in memory, to be mapped instead of read.

A mapping costs nothing until a page of it is touched, and processes that map the same file share its pages. It is
copied on write: a variable that is trained gets pages of its own, and the file is never written to.

A prepared form lies in the cache, under the digest of what it was made of, so that a changed model has none. It is two
files in a directory that is renamed to its place when it is whole: `weights`, and `index.json`, which says what is
where in them. One that another version of TensorFlow made is stale, and one that another user could have written is
ignored. When a process maps weights whose file is not as it was left when they were written, they are compared with the
digest that was noted then.
It can be deleted at any time; processes that have it mapped keep what they have.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import re
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Mapping

from rehub import config
from rehub.errors import HubError
from rehub.restore.prepared_index import (
    ALIGNMENT,
    INDEX,
    ITEM_SIZES,
    WEIGHTS,
    DamagedForm,
    PreparedIndex,
    PreparedVariable,
    open_part,
    read_index,
    stamp_of,
    write_index,
)
from rehub.restore.remote_directories import is_local
from rehub.restore.weights_digest import weights_digest
from rehub.savedmodel import look
from rehub.savedmodel.checkpoint import read_checkpoint
from rehub.savedmodel.encodings import saved_model_bytes
from rehub.version import __version__

_LOGGER = logging.getLogger(__name__)
_NAME = re.compile(r"[0-9a-f]{64}\Z")
_FORMAT = 3  # To be raised when what is written changes; what older versions of rehub wrote is not looked at.
# A later change of the weights must not have the time of the last one: file systems tell times by a clock that ticks.
_TICK = 0.02
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "fuse",
    "ceph",
    "lustre",
    "gpfs",
    "afs",
    "gluster",
    "beegfs",
    "ocfs",
    "virtiofs",
)

# The weights that this process has compared with their digest, by their places and stamps.
_compared: set[tuple[Path, tuple[int, ...]]] = set()


@dataclass(frozen=True)
class Prepared:
    """A model's prepared form.

    Attributes:
        ops: those that its functions use.
        variables: what is known of each.
        weights: the mapped file with their values; None if there are none in it.
    """

    ops: frozenset[str]
    variables: tuple[PreparedVariable, ...]
    weights: mmap.mmap | None

    def values(self, tf: Any) -> dict[str, Any]:
        """Returns the mapped values by their keys in the checkpoint: tensors that share the mapping's memory."""
        import numpy as np

        found: dict[str, Any] = {}
        for each in self.variables:
            if each.dtype:
                name = "uint16" if each.dtype == "bfloat16" else each.dtype
                count = each.size // np.dtype(name).itemsize
                array = np.frombuffer(self.weights, name, count, each.offset).reshape(each.shape)  # type: ignore[arg-type]
                value = tf.experimental.dlpack.from_dlpack(array.__dlpack__())
                found[each.key] = tf.bitcast(value, tf.bfloat16) if each.dtype == "bfloat16" else value
        return found


def place_of(path: str, model_file: bytes, *, to_make: bool) -> Path | None:
    """Where the prepared form of a model lies, or would; None where there can be none.

    Args:
        path: the model's directory.
        model_file: the bytes of its `saved_model.pb`.
        to_make: whether it may have to be made. If not, nothing is computed in a cache without prepared forms.
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


def find(place: Path, tensorflow_version: str) -> Prepared | None:
    """Maps a prepared form; None if there is none that this TensorFlow made.

    One that is damaged is ignored, which is logged as a warning.
    """
    try:
        return _find(place, tensorflow_version)
    except FileNotFoundError:
        return None
    except DamagedForm as damage:
        how = str(damage)
    except OSError as error:
        how = f"it cannot be read ({error})"
    warn_of(place, how)
    return None


def warn_of(place: Path | None, how: str) -> None:
    """Logs why a prepared form is not used."""
    _LOGGER.warning("the prepared form %s is ignored: %s. Delete it, or run `rehub prepare` again.", place, how)


def _find(place: Path, tensorflow_version: str) -> Prepared | None:
    index = read_index(place)
    if index.tensorflow != tensorflow_version:
        _LOGGER.debug("the prepared form %s is stale: TensorFlow %s made it", place, index.tensorflow)
        return None
    if not index.size:
        return Prepared(index.ops, index.variables, None)
    with _open_weights(place, index) as file:
        if on_network(place):
            return None
        stamp = stamp_of(os.fstat(file.fileno()))
        weights = mmap.mmap(file.fileno(), index.size, access=mmap.ACCESS_COPY)
        if stamp != index.stamp and (place, stamp) not in _compared:
            _compare(weights, index)
            _compared.add((place, stamp))
        return Prepared(index.ops, index.variables, weights)


def forms() -> list[Path]:
    """Returns the directories of all prepared forms in the cache, sorted."""
    root = config.cache_dirs()[0]
    if isinstance(root, str):
        return []
    try:
        return sorted(each for each in (root / "prepared").iterdir() if _NAME.match(each.name))
    except OSError:
        return []


def form_of(path: str) -> Path | None:
    """Returns the directory of the prepared form of a model; None if it has none.

    Args:
        path: the model's directory.
    """
    try:
        layout = look(path)
        place = place_of(path, bytes(saved_model_bytes(layout)[:]), to_make=False)
    except (HubError, OSError):
        return None
    return place if place is not None and os.path.lexists(str(place)) else None


def problem_of(place: Path, path: str | None = None) -> str | None:
    """Returns what is wrong with a prepared form; None if it is as it was written.

    Args:
        place: its directory.
        path: that of the model, with whose checkpoint the weights are compared then, byte by byte.
    """
    try:
        index = read_index(place)
        if index.size:
            with _open_weights(place, index) as file:
                with mmap.mmap(file.fileno(), index.size, access=mmap.ACCESS_READ) as content:
                    _compare(content, index)
                if path is not None:
                    _compare_with_checkpoint(file, index, path)
    except (HubError, DamagedForm, OSError) as error:
        return str(error)
    return None


def _compare_with_checkpoint(weights: BinaryIO, index: PreparedIndex, path: str) -> None:
    checkpoint = read_checkpoint(os.path.join(path, "variables", "variables"))
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
            left = part.bytes
            while left:
                piece = data.read(min(left, 1 << 20))
                if not piece or weights.read(len(piece)) != piece:
                    raise DamagedForm(f"its value of {each.key!r} is not the model's")
                left -= len(piece)


def _open_weights(place: Path, index: PreparedIndex) -> BinaryIO:
    try:
        file = os.fdopen(open_part(place, WEIGHTS), "rb")
    except FileNotFoundError as error:
        raise DamagedForm("its weights are missing") from error
    size = os.fstat(file.fileno()).st_size
    if size != index.size:
        file.close()
        raise DamagedForm(f"its weights have {size} bytes instead of {index.size}")
    return file


def _compare(weights: mmap.mmap, index: PreparedIndex) -> None:
    if weights_digest(weights) != index.digest:
        raise DamagedForm("its weights are not those that were written")


def make(
    tf: Any,
    path: str,
    place: Path,
    ops: Iterable[str],
    keys: Mapping[int, str],
) -> None:
    """Writes the prepared form of a model; one that is there is replaced.

    Args:
        tf: the TensorFlow module.
        path: the model's directory.
        place: where it is to lie.
        ops: those that its functions use.
        keys: the variables' keys in the checkpoint by their node ids in the object graph.

    Raises:
        OSError: it cannot be written. There is nothing of it then.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        whole, old = making / "whole", making / "old"
        whole.mkdir()
        variables = _write_weights(tf, path, whole / WEIGHTS, keys)
        _deny_others(whole, whole / WEIGHTS)
        size, digest = _digest_of(whole / WEIGHTS)
        stamp = stamp_of((whole / WEIGHTS).stat())
        index = PreparedIndex(tf.__version__, frozenset(ops), variables, size, digest, stamp)
        write_index(whole / INDEX, index, __version__, place.name)
        _deny_others(whole / INDEX)
        time.sleep(_TICK)
        if os.path.lexists(str(place)):
            place.rename(old)
        try:
            whole.rename(place)
        except OSError:
            if find(place, tf.__version__) is None:
                raise
            # Another process has just made the same.
    finally:
        _delete(making)


def _deny_others(*paths: Path) -> None:
    """Lets nobody else write, as that could change what is mapped."""
    for path in paths:
        path.chmod(path.stat().st_mode & ~(stat.S_IWGRP | stat.S_IWOTH))


def _write_weights(tf: Any, path: str, into: Path, keys: Mapping[int, str]) -> tuple[PreparedVariable, ...]:
    """Writes the values of variables into a file; returns what is where in it. TensorFlow compares their checksums."""
    checkpoint = tf.train.load_checkpoint(os.path.join(path, "variables", "variables"))
    recorded = []
    with into.open("wb") as weights:
        for node_id, key in keys.items():
            dtype = checkpoint.get_variable_to_dtype_map()[key].name
            shape = checkpoint.get_variable_to_shape_map()[key]
            if 0 in shape or dtype not in ITEM_SIZES:
                recorded.append(PreparedVariable(node_id, key))
                continue
            value = checkpoint.get_tensor(key).tobytes()
            weights.write(b"\0" * (-weights.tell() % ALIGNMENT))
            recorded.append(PreparedVariable(node_id, key, dtype, tuple(shape), weights.tell(), len(value)))
            weights.write(value)
        weights.flush()
        os.fsync(weights.fileno())
    return tuple(recorded)


def _digest_of(weights: Path) -> tuple[int, str]:
    with weights.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return 0, ""
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
            return size, weights_digest(content)


def remove(place: Path) -> bool:
    """Deletes a prepared form; says whether there was one. Processes that have it mapped are not disturbed."""
    if not os.path.lexists(str(place)):
        return False
    _delete(place)
    return True


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(str(path))
    else:
        path.unlink()


def on_network(place: Path, mounts: Mapping[str, str] | None = None) -> bool:
    """Whether a path lies on a network file system, or where that cannot be told.

    A mapped page that cannot be read ends the process; so can a file that another machine makes shorter.

    Args:
        place: the path.
        mounts: the types of file systems by the directories at which they are mounted; those of this machine if None.
    """
    if mounts is None:
        try:
            lines = Path("/proc/self/mounts").read_text("utf-8").splitlines()
        except OSError:
            return True
        mounts = {line.split()[1].replace("\\040", " "): line.split()[2] for line in lines}
    resolved = place.resolve()
    for directory in (resolved, *resolved.parents):
        if str(directory) in mounts:
            return mounts[str(directory)].lower().startswith(_NETWORK)
    return True
