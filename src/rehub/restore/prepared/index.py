"""The `index.json` of a prepared form: where each value is in its weights. It is checked before it is trusted."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

INDEX, WEIGHTS = "index.json", "weights"
ALIGNMENT = 64  # Eigen's alignment of a tensor's memory; TensorFlow copies a tensor with another.
# Types that NumPy passes to TensorFlow by DLPack; bfloat16 is passed as uint16.
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
_MAX_BYTES = 1 << 28


class DamagedForm(Exception):
    """A prepared form is not as it was written, or another user could have written it; the message says how."""


@dataclass(frozen=True)
class PreparedVariable:
    """Where the value of a variable is in the weights.

    Attributes:
        node_id: its node in the SavedObjectGraph.
        dtype: the name of its dtype; "" for a value that is not in the weights, and is read from the checkpoint.
        offset: where the value starts, in bytes.
    """

    node_id: int
    key: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    offset: int = 0
    size: int = 0


@dataclass(frozen=True)
class PreparedIndex:
    """The content of an `index.json`.

    Attributes:
        tensorflow: the version of TensorFlow that made the form.
        ops: the ops that the model's functions use.
        stamp: the `stamp_of` the weights when they were written.
    """

    tensorflow: str
    ops: frozenset[str]
    variables: tuple[PreparedVariable, ...]
    size: int
    digest: str
    stamp: tuple[int, ...]


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """Return the part of a file's status that changes with its content: another file, or a later change.

    A program cannot set the time of change (ctime) as it can the time of modification, without setting the clock.
    """
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _open_file(directory: Path, name: str) -> BinaryIO:
    """Open a file of a prepared form.

    Raises:
        FileNotFoundError: there is no such form, or it lacks the file.
        DamagedForm: it is not a file that this user or the administrator wrote.
        OSError: it cannot be opened.
    """
    _check_owner(directory, os.lstat(str(directory)), is_directory=True)
    # Do not follow a link, and do not wait for a writer of a pipe.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(str(directory / name), flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedForm(f"its {name} cannot be opened: {error.strerror}") from error
    try:
        _check_owner(directory / name, os.fstat(descriptor), is_directory=False)
    except DamagedForm:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _check_owner(path: Path, status: os.stat_result, *, is_directory: bool) -> None:
    kind = "directory" if is_directory else "file"
    if not (stat.S_ISDIR if is_directory else stat.S_ISREG)(status.st_mode):
        raise DamagedForm(f"{path.name} is not a {kind}")
    if not hasattr(os, "getuid"):
        return
    if status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DamagedForm(f"another user could have written the {kind} {path.name}")


def open_weights(directory: Path, index: PreparedIndex) -> BinaryIO:
    """Open the weights of a prepared form.

    Raises:
        DamagedForm: they are missing, of another size, or could have been written by another user.
        OSError: they cannot be opened.
    """
    try:
        file = _open_file(directory, WEIGHTS)
    except FileNotFoundError as error:
        raise DamagedForm("its weights are missing") from error
    size = os.fstat(file.fileno()).st_size
    if size != index.size:
        file.close()
        raise DamagedForm(f"its weights have {size} bytes instead of {index.size}")
    return file


def read_index(directory: Path) -> PreparedIndex:
    """Read the index of a prepared form.

    Raises:
        FileNotFoundError: there is no such form.
        DamagedForm: it is not as it was written.
        OSError: it cannot be read.
    """
    with _open_file(directory, INDEX) as file:
        content = file.read(_MAX_BYTES + 1)
    checksum, _, index = content.partition(b"\n")
    if len(content) > _MAX_BYTES or hashlib.sha256(index).hexdigest().encode() != checksum:
        raise DamagedForm(f"{INDEX} is not as it was written")
    try:
        return _parse_index(json.loads(index.decode()), directory.name)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DamagedForm(f"{INDEX} has unexpected content ({type(error).__name__}: {error})") from error


def write_index(target: Path, index: PreparedIndex, rehub: str, name: str) -> None:
    """Write the index of a prepared form.

    Args:
        name: the name of the form's directory: the digest of the model, to which the index belongs.
    """
    content = {
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
    encoded = json.dumps(content).encode()
    with target.open("wb") as file:
        file.write(hashlib.sha256(encoded).hexdigest().encode() + b"\n" + encoded)


def _parse_index(content: Any, name: str) -> PreparedIndex:
    """Check the JSON of an index.

    Raises:
        ValueError, TypeError, KeyError: something in it cannot be true.
    """
    if content["model"] != name:
        raise ValueError("it is of another model")
    size = _check_count(content["size"])
    variables = tuple(_parse_variable(size, *each) for each in content["variables"])
    if len({each.node_id for each in variables}) != len(variables):
        raise ValueError("a variable is listed twice")
    texts = [content["tensorflow"], content["digest"], *content["ops"]]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("expected a text, found a number")
    stamp = tuple(map(_check_count, content["stamp"]))
    return PreparedIndex(texts[0], frozenset(texts[2:]), variables, size, texts[1], stamp)


def _parse_variable(
    total: int, node_id: Any, key: Any, dtype: Any, shape: Any, offset: Any, size: Any
) -> PreparedVariable:
    if not isinstance(key, str) or not isinstance(dtype, str):
        raise TypeError("a variable has no name or type")
    found = PreparedVariable(
        _check_count(node_id), key, dtype, tuple(map(_check_count, shape)), _check_count(offset), _check_count(size)
    )
    if dtype:
        elements = 1
        for length in found.shape:
            elements *= length
        if not elements or elements * ITEM_SIZES[dtype] != found.size:
            raise ValueError(f"{key!r} of the shape {list(found.shape)} cannot have {size} bytes")
        if found.offset % ALIGNMENT or found.offset + found.size > total:
            raise ValueError(f"{key!r} cannot start at byte {offset} of {total}")
    return found


def _check_count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise ValueError(f"{value!r} is not a count")
    return value
