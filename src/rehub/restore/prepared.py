"""The prepared form of a model: its weights as they lie in memory, to be mapped instead of read.

A mapping costs nothing until a page of it is touched, and processes that map the same file share its pages. It is
copied on write: a variable that is trained gets pages of its own, and the file is never written to.

A prepared form lies in the cache, under the digest of what it was made of, so that a changed model has none. It is two
files in a directory that is renamed to its place when it is whole: `weights`, and `index.json`, which says what is
where in them and in the model's file. One that another version of TensorFlow made is stale. It can be deleted at any
time; processes that have it mapped keep what they have.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping

from rehub import config
from rehub.restore.remote_directories import is_local
from rehub.version import __version__

_LOGGER = logging.getLogger(__name__)
_FORMAT = 2  # To be raised when what is written changes; what older versions of rehub wrote is not looked at.
_ALIGNMENT = 64  # What Eigen asks of a tensor's memory; TensorFlow copies one that lies elsewhere.
# Types that go by DLPack from NumPy to TensorFlow, and bfloat16, which goes in the guise of uint16.
_MAPPED = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
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


@dataclass(frozen=True)
class PreparedVariable:
    """Where the value of a variable lies.

    Attributes:
        node_id: the variable's in the SavedObjectGraph.
        key: the variable's in the checkpoint.
        dtype: the name of its type; "" for one that is read from the checkpoint.
        shape: its value's.
        offset: where it starts in the weights, in bytes.
        size: how long it is, in bytes.
    """

    node_id: int
    key: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    offset: int = 0
    size: int = 0


@dataclass(frozen=True)
class Prepared:
    """A model's prepared form.

    Attributes:
        ops: those that its functions use.
        functions: where in the model's file each function of its library starts and ends.
        variables: what is known of each.
        weights: the mapped file with their values; None if there are none in it.
    """

    ops: frozenset[str]
    functions: Mapping[str, tuple[int, int]]
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
    if not is_local(path) or isinstance(root, str) or not (to_make or (root / "prepared").is_dir()):
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

    One that is damaged is left aside, which is logged as a warning.
    """
    try:
        content = (place / "index.json").read_bytes()
    except FileNotFoundError:
        return None
    checksum, _, index = content.partition(b"\n")
    if hashlib.sha256(index).hexdigest().encode() != checksum:
        _warn(place, "index.json is not as it was written")
        return None
    recorded = json.loads(index)
    if recorded["tensorflow"] != tensorflow_version:
        _LOGGER.debug("the prepared form %s is stale: TensorFlow %s made it", place, recorded["tensorflow"])
        return None
    variables = tuple(
        PreparedVariable(node_id, key, dtype, tuple(shape), offset, size)
        for node_id, key, dtype, shape, offset, size in recorded["variables"]
    )
    ops = frozenset(recorded["ops"])
    functions = {name: (start, end) for name, start, end in recorded["functions"]}
    if not recorded["size"]:
        return Prepared(ops, functions, variables, None)
    try:
        with (place / "weights").open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != recorded["size"]:
                _warn(place, f"its weights have {size} bytes instead of {recorded['size']}")
                return None
            if on_network(place):
                return None
            return Prepared(ops, functions, variables, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY))
    except FileNotFoundError:
        _warn(place, "its weights are missing")
        return None


def _warn(place: Path, how: str) -> None:
    _LOGGER.warning("the prepared form %s is left aside: %s. Delete it, or make it anew by rehub prepare.", place, how)


def make(
    tf: Any,
    path: str,
    place: Path,
    ops: Iterable[str],
    functions: Mapping[str, tuple[int, int]],
    keys: Mapping[int, str],
) -> None:
    """Writes the prepared form of a model; one that is there is replaced.

    Args:
        tf: the TensorFlow module.
        path: the model's directory.
        place: where it is to lie.
        ops: those that its functions use.
        functions: where in the model's file each function of its library starts and ends.
        keys: the variables' keys in the checkpoint by their node ids in the object graph.

    Raises:
        OSError: it cannot be written. There is nothing of it then.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        whole, old = making / "whole", making / "old"
        whole.mkdir()
        size, variables = _write_weights(tf, path, whole / "weights", keys)
        index = {
            "rehub": __version__,
            "tensorflow": tf.__version__,
            "size": size,
            "ops": sorted(ops),
            "functions": [[name, start, end] for name, (start, end) in functions.items()],
            "variables": variables,
        }
        _write_index(whole / "index.json", json.dumps(index).encode())
        if place.exists():
            place.rename(old)
        try:
            whole.rename(place)
        except OSError:
            if find(place, tf.__version__) is None:
                raise
            # Another process has just made the same.
    finally:
        shutil.rmtree(making)


def _write_weights(tf: Any, path: str, into: Path, keys: Mapping[int, str]) -> tuple[int, list[Any]]:
    """Writes the values of variables into a file; returns its size, and what is where in it."""
    checkpoint = tf.train.load_checkpoint(os.path.join(path, "variables", "variables"))
    recorded = []
    with into.open("wb") as weights:
        for node_id, key in keys.items():
            dtype = checkpoint.get_variable_to_dtype_map()[key].name
            shape = checkpoint.get_variable_to_shape_map()[key]
            if 0 in shape or dtype not in (*_MAPPED, "bfloat16"):
                recorded.append([node_id, key, "", [], 0, 0])
                continue
            value = checkpoint.get_tensor(key).tobytes()
            weights.write(b"\0" * (-weights.tell() % _ALIGNMENT))
            recorded.append([node_id, key, dtype, shape, weights.tell(), len(value)])
            weights.write(value)
        weights.flush()
        os.fsync(weights.fileno())
        return weights.tell(), recorded


def _write_index(into: Path, index: bytes) -> None:
    with into.open("wb") as file:
        file.write(hashlib.sha256(index).hexdigest().encode() + b"\n" + index)
        file.flush()
        os.fsync(file.fileno())


def remove(place: Path) -> bool:
    """Deletes a prepared form; says whether there was one. Processes that have it mapped are not disturbed."""
    if not place.exists():
        return False
    shutil.rmtree(place)
    return True


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
