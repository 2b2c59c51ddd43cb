"""Staging paths: a reader sees the old, the new or nothing."""

from __future__ import annotations

import os

import pytest

from rehub.staging import publish_directory, rename_if_absent, staging_path, write_atomically


def test_file_is_replaced_when_the_new_one_is_complete(tmp_path):
    target = tmp_path / "model.npz"
    target.write_bytes(b"old")
    with write_atomically(target) as staging:
        staging.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert os.listdir(str(tmp_path)) == ["model.npz"]


def test_error_keeps_the_old_file_and_leaves_no_other(tmp_path):
    target = tmp_path / "model.npz"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_half(target)
    assert target.read_bytes() == b"old"
    assert os.listdir(str(tmp_path)) == ["model.npz"]


def make_directory(path, content):
    path.mkdir()
    (path / "file").write_text(content)


def write_half(target):
    with write_atomically(target) as staging:
        staging.write_bytes(b"new")
        raise ZeroDivisionError


@pytest.mark.parametrize("has_old", [False, True])
def test_published_directory_replaces_the_old_one(tmp_path, has_old):
    staging, target = tmp_path / "staging", tmp_path / "target"
    make_directory(staging, "new")
    if has_old:
        make_directory(target, "old")
    publish_directory(str(staging), str(target))
    assert (target / "file").read_text() == "new"
    assert os.listdir(str(tmp_path)) == ["target"]


def test_failed_rename_gives_the_old_directory_its_name_back(tmp_path):
    target = tmp_path / "target"
    make_directory(target, "old")
    with pytest.raises(FileNotFoundError):
        publish_directory(str(tmp_path / "missing"), str(target))
    assert (target / "file").read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["target"]


def test_staging_path_is_deleted_if_nothing_publishes_it(tmp_path):
    with staging_path(tmp_path / "target") as staging:
        os.mkdir(staging)
    assert os.listdir(str(tmp_path)) == []


def test_existing_directory_is_not_renamed_over(tmp_path):
    make_directory(tmp_path / "staging", "new")
    make_directory(tmp_path / "target", "old")
    assert not rename_if_absent(tmp_path / "staging", tmp_path / "target")
    assert (tmp_path / "target" / "file").read_text() == "old"
