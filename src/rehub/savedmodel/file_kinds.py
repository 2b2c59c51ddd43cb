"""What the first bytes of a file say that it is, where it is not what its name says."""

from __future__ import annotations

import mmap
import os

from rehub.file_formats import GRAPH_DEF
from rehub.savedmodel.protos import GraphDef, NodeDef
from rehub.savedmodel.wire import BYTES, Buffer, Message, WireError

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
_LFS_SPEC = b"version https://git-lfs.github.com/spec/"
_LFS_MOST_BYTES = 1024


def is_lfs_pointer(content: Buffer) -> bool:
    """Whether a file is what Git leaves in the place of a large one that Git LFS has not fetched."""
    return len(content) < _LFS_MOST_BYTES and content[: len(_LFS_SPEC)] == _LFS_SPEC


def is_lfs_pointer_file(path: str) -> bool:
    """Whether a file of this machine is a Git LFS pointer. Of most files it takes a stat."""
    try:
        if os.path.getsize(path) >= _LFS_MOST_BYTES:
            return False
        with open(path, "rb") as file:
            return is_lfs_pointer(file.read())
    except OSError:
        return False


def lfs_pointer_advice(path: str) -> str:
    """Say that a file is a Git LFS pointer, and what to do."""
    return (
        f"{path!r} is a Git LFS pointer instead of the file. Run `git lfs pull` in the repository that it comes from, "
        "or download the model again."
    )


def is_graph_def(content: Buffer) -> bool:
    """Whether a file begins as a GraphDef, such as a frozen graph, does: with a node that has a name and an op."""
    # A SavedModel begins with the number of its schema, or a MetaGraph.
    if content[:1] != bytes([GraphDef.node << 3 | BYTES]):
        return False
    try:
        _, kind, value = next(Message(content).fields())
        node = Message(content).within(value) if kind == BYTES else None
        return node is not None and bool(node.text(NodeDef.name)) and bool(node.text(NodeDef.op).isidentifier())
    except (WireError, StopIteration):
        return False


def is_graph_def_file(path: str) -> bool:
    """Whether a file of this machine begins as a GraphDef does."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return is_graph_def(content)
    except (OSError, ValueError):  # An empty file cannot be mapped.
        return False


def graph_def_advice(path: str) -> str:
    """Say that a file is a GraphDef, and what to do with it."""
    return f"{path!r} is {GRAPH_DEF.name}, not a SavedModel: {GRAPH_DEF.loaded_by}"
