"""The text form of a `saved_model.pb`, for tests of what reads both."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format

from rehub import tf_internals


def as_text(content):
    """Return the bytes of a `saved_model.pbtxt` with the content of a `saved_model.pb`."""
    return text_format.MessageToString(type(tf_internals.protos.new_saved_model()).FromString(content)).encode()


def rewrite_as_text(directory):
    """Replace the `saved_model.pb` of a directory by a `saved_model.pbtxt`."""
    file = Path(directory) / "saved_model.pb"
    file.with_name("saved_model.pbtxt").write_bytes(as_text(file.read_bytes()))
    file.unlink()
