"""The forms of a model's file, each read as if it were a `saved_model.pb`.

A `saved_model.pbtxt` is text, which `text_format` reads.
"""

from __future__ import annotations

from rehub.savedmodel.encodings.model_bytes import convert_to_pb, map_file, read_model_bytes

__all__ = ["convert_to_pb", "map_file", "read_model_bytes"]
