"""The list of a cached model's files."""

from __future__ import annotations

import hashlib

import pytest

from rehub.cache import FileRecord, Manifest
from rehub.cache.manifest import UnreadableManifest, hash_files, read_manifest
from rehub.cache.regular_files import list_directory

RECORD = FileRecord("variables/größe", 5, hashlib.sha256(b"12345").hexdigest())
MANIFEST = Manifest("https://h/größe", "https://h/größe.tar.gz", "2026-01-02T03:04:05+00:00", (RECORD,))


@pytest.fixture
def model(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / RECORD.name).write_bytes(b"12345")
    return tmp_path


def first_problem(model):
    return next(MANIFEST.find_problems(list_directory(model)), None)


def test_manifest_round_trips(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(MANIFEST.to_json(), encoding="utf-8")
    assert read_manifest(path) == MANIFEST


def test_manifest_of_a_later_format_is_readable(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(MANIFEST.to_json().replace('"format": 1', '"format": 2, "more": []'), encoding="utf-8")
    assert read_manifest(path).files == MANIFEST.files


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', "\udcff"])
def test_malformed_manifest_is_unreadable(tmp_path, text):
    path = tmp_path / "m.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UnreadableManifest, match=r"m\.json is not a manifest"):
        read_manifest(path)


def test_complete_model_has_no_problem(model):
    assert hash_files(model) == (RECORD,)
    assert first_problem(model) is None


def test_missing_file_is_a_problem(model):
    (model / RECORD.name).unlink()
    assert first_problem(model) == "variables/größe is missing"
    (model / "variables").rmdir()
    assert first_problem(model) == "variables/größe is missing"
    (model / "variables").write_bytes(b"")
    assert "its directory is now a file" in first_problem(model)


def test_different_size_is_a_problem(model):
    (model / RECORD.name).write_bytes(b"1234")
    assert first_problem(model) == "variables/größe has 4 bytes instead of 5"


def test_change_that_keeps_the_size_is_found_by_the_digest(model):
    (model / RECORD.name).write_bytes(b"54321")
    assert first_problem(model) is None
    assert [words.partition(":")[0] for words in MANIFEST.find_problems(list_directory(model), model)] == [
        "variables/größe was modified after the download"
    ]
