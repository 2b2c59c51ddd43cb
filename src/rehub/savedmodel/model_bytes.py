"""The bytes of a `saved_model.pb`, from whichever form of it a directory holds."""

from __future__ import annotations

import mmap

from rehub.errors import UnsupportedFormat
from rehub.savedmodel.layout import PB, Layout
from rehub.savedmodel.wire import Buffer


def saved_model_bytes(layout: Layout) -> Buffer:
    """Returns the model of a directory as the bytes of a `saved_model.pb`.

    A `saved_model.pb` is mapped, not read: a large model costs what is looked at.

    Raises:
        UnsupportedFormat: the model is in a form that is not read here.
        OSError: the file cannot be opened.
    """
    path = f"{layout.path.rstrip('/')}/{layout.model_file}"
    if layout.model_file == PB:
        return map_file(path)
    raise UnsupportedFormat(f"{path!r} is not read without TensorFlow.")


def map_file(path: str) -> Buffer:
    """Maps a file into memory; reads it where that cannot be done."""
    with open(path, "rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError):  # An empty file, or a file system without mmap.
            return file.read()
