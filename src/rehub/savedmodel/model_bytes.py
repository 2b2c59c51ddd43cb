"""The bytes of a `saved_model.pb`, from whichever form of it a directory holds."""

from __future__ import annotations

import mmap

from rehub.errors import CorruptModel, UnsupportedFormat
from rehub.savedmodel.layout import PB, PBTXT, Layout
from rehub.savedmodel.text_format import wire_of_text
from rehub.savedmodel.wire import Buffer


def saved_model_bytes(layout: Layout) -> Buffer:
    """Returns the model of a directory as the bytes of a `saved_model.pb`.

    A `saved_model.pb` is mapped, not read: a large model costs what is looked at.

    Raises:
        CorruptModel: the file is damaged.
        UnsupportedFormat: the model is in a form that is not read here.
        OSError: the file cannot be opened.
    """
    path = f"{layout.path.rstrip('/')}/{layout.model_file}"
    if layout.model_file == PB:
        return map_file(path)
    if layout.model_file == PBTXT:
        return wire_of_text(path, read_text(path, map_file(path)))
    raise UnsupportedFormat(f"{path!r} is not read without TensorFlow.")


def read_text(path: str, content: Buffer) -> str:
    """Returns the text of a `saved_model.pbtxt`.

    Raises:
        CorruptModel: it is not UTF-8; names the file and the byte.
    """
    try:
        return str(content[:], "utf-8")
    except UnicodeDecodeError as error:
        raise CorruptModel(f"{path!r} is no text: byte {error.start} is not UTF-8 ({error.reason}).") from error


def map_file(path: str) -> Buffer:
    """Maps a file into memory; reads it where that cannot be done."""
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError):  # An empty file, or a file system without mmap.
            return file.read()
