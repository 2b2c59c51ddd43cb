"""The other forms of a `saved_model.pb`, for tests of what reads all of them."""

from __future__ import annotations

from pathlib import Path

import riegeli_files
from google.protobuf import text_format

from rehub import tf_internals


def as_text(content):
    """The bytes of a `saved_model.pbtxt` of the bytes of a `saved_model.pb`."""
    return text_format.MessageToString(type(tf_internals.protos.saved_model_message()).FromString(content)).encode()


def as_split(content):
    """The bytes of a `saved_model.cpb`. TensorFlow would miss the hashes of its data, which rehub does not check."""
    return riegeli_files.split_in_one(content, hashes_data=False)


def rewrite(directory):
    """Writes the model of a directory in one form after the other, in the same place; yields the name of each."""
    file = Path(directory) / "saved_model.pb"
    content = file.read_bytes()
    file.unlink()
    for name, write in (("saved_model.pbtxt", as_text), ("saved_model.cpb", as_split)):
        other = file.with_name(name)
        other.write_bytes(write(content))
        yield name
        other.unlink()
