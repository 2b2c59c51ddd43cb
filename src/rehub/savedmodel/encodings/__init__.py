"""The forms of a model's file, each read as if it were a `saved_model.pb`.

A `saved_model.pbtxt` is text, which `text_format` reads.
"""

from __future__ import annotations

from rehub.savedmodel.encodings.model_bytes import convert_to_pb as convert_to_pb
from rehub.savedmodel.encodings.model_bytes import map_file as map_file
from rehub.savedmodel.encodings.model_bytes import read_model_bytes as read_model_bytes
