"""The bytes of a `saved_model.pb`, from whichever form of it a directory holds."""

from __future__ import annotations

import mmap

from rehub.errors import CorruptModel, UnsupportedFormat
from rehub.savedmodel.file_kinds import graph_def_advice, is_graph_def, is_lfs_pointer, lfs_pointer_advice
from rehub.savedmodel.layout import PBTXT, Layout
from rehub.savedmodel.wire import Buffer


def read_model_bytes(layout: Layout) -> Buffer:
    """Return the model of a directory of this machine as the bytes of a `saved_model.pb`.

    A `saved_model.pb` is mapped, not read: a large model costs what is looked at.

    Raises:
        CorruptModel: the file is damaged; of a `saved_model.pb` that shows when it is read.
        UnsupportedFormat: the file is a GraphDef.
        OSError: the file cannot be opened.
    """
    return convert_to_pb(layout.file, map_file(layout.file))


def convert_to_pb(path: str, content: Buffer) -> Buffer:
    """Return what a `saved_model.pb` or `.pbtxt` holds as the bytes of a `saved_model.pb`.

    Args:
        path: the file, whose name says which of them it is.

    Raises:
        CorruptModel, UnsupportedFormat: see `read_model_bytes`.
    """
    if is_lfs_pointer(content):
        raise CorruptModel(lfs_pointer_advice(path))
    if is_graph_def(content):
        raise UnsupportedFormat(graph_def_advice(path))
    name = path.rpartition("/")[2]
    # Most models are in neither form, and need not wait for what reads them.
    if name == PBTXT:
        from rehub.savedmodel.encodings.text_format import encode_text

        return encode_text(path, _decode_text(path, content))
    return content


def _decode_text(path: str, content: Buffer) -> str:
    try:
        return str(content[:], "utf-8")
    except UnicodeDecodeError as error:
        raise CorruptModel(f"{path!r} is not text: byte {error.start} is not UTF-8 ({error.reason}).") from error


def map_file(path: str) -> Buffer:
    """Map a file into memory; reads it where that cannot be done."""
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError):  # An empty file, or a file system without mmap.
            return file.read()
