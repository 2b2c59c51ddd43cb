from __future__ import annotations

import mmap

import pytest
import riegeli_files
import saved_models

from rehub.errors import CorruptModel
from rehub.savedmodel import look
from rehub.savedmodel.encodings import as_saved_model_pb, saved_model_bytes

CONTENT = (saved_models.LEGACY / "text_embed" / "saved_model.pb").read_bytes()


def test_a_saved_model_pb_is_mapped_and_not_read():
    found = saved_model_bytes(look(str(saved_models.LEGACY / "text_embed")))
    assert isinstance(found, mmap.mmap)
    assert found[:] == CONTENT


def test_a_file_is_told_by_its_name():
    split = riegeli_files.split_in_one(CONTENT)
    assert as_saved_model_pb("some/saved_model.pb", CONTENT) is CONTENT
    assert as_saved_model_pb("some/saved_model.cpb", split) == CONTENT
    assert as_saved_model_pb("saved_model.pbtxt", b"saved_model_schema_version: 1") == b"\x08\x01"


def test_an_empty_file_is_no_split_model_but_the_text_of_an_empty_one(tmp_path):
    for name in ("saved_model.cpb", "saved_model.pbtxt"):
        directory = tmp_path / name[-3:]
        directory.mkdir()
        (directory / name).write_bytes(b"")
    with pytest.raises(CorruptModel, match=r"holds no records"):
        saved_model_bytes(look(str(tmp_path / "cpb")))
    assert saved_model_bytes(look(str(tmp_path / "txt"))) == b""


def test_a_text_that_is_not_utf_8_is_called_corrupt():
    with pytest.raises(CorruptModel, match=r"'saved_model\.pbtxt' is no text: byte 3 is not UTF-8"):
        as_saved_model_pb("saved_model.pbtxt", b"abc\xff")
