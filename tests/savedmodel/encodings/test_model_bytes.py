from __future__ import annotations

import mmap

import pytest
import saved_models

from rehub.errors import CorruptModel
from rehub.savedmodel import detect_layout
from rehub.savedmodel.encodings import convert_to_pb, read_model_bytes

CONTENT = (saved_models.LEGACY / "text_embed" / "saved_model.pb").read_bytes()


def test_a_saved_model_pb_is_mapped_and_not_read():
    found = read_model_bytes(detect_layout(str(saved_models.LEGACY / "text_embed")))
    assert isinstance(found, mmap.mmap)
    assert found[:] == CONTENT


def test_form_of_a_file_follows_from_its_name():
    assert convert_to_pb("some/saved_model.pb", CONTENT) is CONTENT
    assert convert_to_pb("saved_model.pbtxt", b"saved_model_schema_version: 1") == b"\x08\x01"


def test_an_empty_text_is_an_empty_model(tmp_path):
    (tmp_path / "saved_model.pbtxt").write_bytes(b"")
    assert read_model_bytes(detect_layout(str(tmp_path))) == b""


def test_text_that_is_not_utf8_is_corrupt():
    with pytest.raises(CorruptModel, match=r"'saved_model\.pbtxt' is not text: byte 3 is not UTF-8"):
        convert_to_pb("saved_model.pbtxt", b"abc\xff")
