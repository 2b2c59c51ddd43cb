"""The `index.json` of a prepared form, which says what is where in its weights. Nothing in it is believed unchecked."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX, WEIGHTS = "index.json", "weights"
ALIGNMENT = 64  # What Eigen asks of a tensor's memory; TensorFlow copies one that lies elsewhere.
# Types that go by DLPack from NumPy to TensorFlow, and bfloat16, which goes in the guise of uint16.
ITEM_SIZES = {
    "bfloat16": 2,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "int8": 1,
    "uint16": 2,
    "uint32": 4,
    "uint64": 8,
    "uint8": 1,
}
_MOST_BYTES = 1 << 28


class DamagedForm(Exception):
    """A prepared form is not as it was written, or not by whom it has to be; says how."""


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
class PreparedIndex:
    """What an `index.json` says.

    Attributes:
        tensorflow: the version of TensorFlow that made the form.
        ops: those that the model's functions use.
        variables: what is known of each.
        size: that of the weights, in bytes.
        digest: the `weights_digest` of the weights.
        stamp: what `stamp_of` returned of the weights when they were written.
    """

    tensorflow: str
    ops: frozenset[str]
    variables: tuple[PreparedVariable, ...]
    size: int
    digest: str
    stamp: tuple[int, ...]


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """Returns what of a file's status changes with its content: another file, or a later time of its last change.

    The time of change, unlike that of modification, cannot be set: a program would have to set the machine's clock.
    """
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def open_part(place: Path, name: str) -> int:
    """Opens a file of a prepared form; returns its descriptor.

    Raises:
        FileNotFoundError: there is no such form, or it lacks the file.
        DamagedForm: it is not a file that this user or the administrator wrote.
        OSError: it cannot be opened.
    """
    _check_owner(place, os.lstat(str(place)), is_directory=True)
    # Neither a link is followed, nor waited for somebody who writes into a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(str(place / name), flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedForm(f"its {name} cannot be opened: {error.strerror}") from error
    try:
        _check_owner(place / name, os.fstat(descriptor), is_directory=False)
    except DamagedForm:
        os.close(descriptor)
        raise
    return descriptor


def _check_owner(path: Path, status: os.stat_result, *, is_directory: bool) -> None:
    kind = "directory" if is_directory else "file"
    if not (stat.S_ISDIR if is_directory else stat.S_ISREG)(status.st_mode):
        raise DamagedForm(f"{path.name} is not a {kind}")
    if not hasattr(os, "getuid"):
        return
    if status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DamagedForm(f"another user could have written the {kind} {path.name}")


def read_index(place: Path) -> PreparedIndex:
    """Reads the index of a prepared form.

    Raises:
        FileNotFoundError: there is no such form.
        DamagedForm: it is not as it was written; says how.
        OSError: it cannot be read.
    """
    with os.fdopen(open_part(place, INDEX), "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    checksum, _, index = content.partition(b"\n")
    if len(content) > _MOST_BYTES or hashlib.sha256(index).hexdigest().encode() != checksum:
        raise DamagedForm(f"{INDEX} is not as it was written")
    try:
        return _checked(json.loads(index.decode()), place.name)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DamagedForm(f"{INDEX} does not say what it has to ({type(error).__name__}: {error})") from error


def write_index(into: Path, index: PreparedIndex, rehub: str, name: str) -> None:
    """Writes the index of a prepared form.

    Args:
        into: the file.
        index: what it is to say.
        rehub: the version of rehub that makes the form.
        name: that of the form's directory, which is the digest of the model: so it belongs to this model only.
    """
    recorded = {
        "rehub": rehub,
        "model": name,
        "tensorflow": index.tensorflow,
        "size": index.size,
        "digest": index.digest,
        "stamp": list(index.stamp),
        "ops": sorted(index.ops),
        "variables": [
            [each.node_id, each.key, each.dtype, list(each.shape), each.offset, each.size] for each in index.variables
        ],
    }
    content = json.dumps(recorded).encode()
    with into.open("wb") as file:
        file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        file.flush()
        os.fsync(file.fileno())


def _checked(recorded: Any, name: str) -> PreparedIndex:
    """Returns what the JSON says.

    Raises:
        ValueError, TypeError, KeyError: it cannot be true.
    """
    if recorded["model"] != name:
        raise ValueError("it is of another model")
    size = _count(recorded["size"])
    variables = tuple(_variable(size, *each) for each in recorded["variables"])
    if len({each.node_id for each in variables}) != len(variables):
        raise ValueError("a variable is there twice")
    texts = [recorded["tensorflow"], recorded["digest"], *recorded["ops"]]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a number stands where a text is expected")
    stamp = tuple(map(_count, recorded["stamp"]))
    return PreparedIndex(texts[0], frozenset(texts[2:]), variables, size, texts[1], stamp)


def _variable(total: int, node_id: Any, key: Any, dtype: Any, shape: Any, offset: Any, size: Any) -> PreparedVariable:
    if not isinstance(key, str) or not isinstance(dtype, str):
        raise TypeError("a variable has no name or type")
    found = PreparedVariable(_count(node_id), key, dtype, tuple(map(_count, shape)), _count(offset), _count(size))
    if dtype:
        elements = 1
        for length in found.shape:
            elements *= length
        if not elements or elements * ITEM_SIZES[dtype] != found.size:
            raise ValueError(f"{key!r} of the shape {list(found.shape)} cannot take {size} bytes")
        if found.offset % ALIGNMENT or found.offset + found.size > total:
            raise ValueError(f"{key!r} is to start at {offset} of {total} bytes")
    return found


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise ValueError(f"{value!r} is not a number of bytes or things")
    return value
