"""Directories and archives on this machine."""

from __future__ import annotations

import hashlib
import os
import pathlib

import pytest
from hosting import MODEL, archive_of, tar_of, zip_of

from rehub.errors import (
    CorruptArchive,
    HashMismatch,
    InvalidHandle,
    ModelNotFound,
    UnsafeArchive,
    UnsupportedFormat,
)
from rehub.resolvers import resolve


def contents(directory):
    root = pathlib.Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def model(tmp_path):
    directory = tmp_path / "größe 模型"
    directory.mkdir()
    return directory


def test_directory_resolves_to_itself(model, cache_dir):
    assert resolve(str(model)) == str(model)
    assert resolve(str(model) + "/") == str(model) + "/"
    assert resolve(model) == str(model)
    assert resolve(os.fsencode(str(model))) == str(model)
    assert resolve(model.as_uri()) == str(model)
    assert resolve("file://" + str(model)) == str(model)
    assert list(cache_dir.iterdir()) == []


def test_relative_path_stays_relative(model, monkeypatch):
    monkeypatch.chdir(model.parent)
    assert resolve(model.name) == model.name
    assert resolve("./" + model.name) == "./" + model.name
    assert resolve(".") == "."


def test_tilde_is_the_home_directory(model, monkeypatch):
    monkeypatch.setenv("HOME", str(model.parent))
    monkeypatch.setenv("USERPROFILE", str(model.parent))
    assert resolve("~/" + model.name) == str(model)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.tar.gz", "tfjs-model"])
def test_directory_may_have_any_name(tmp_path, name):
    (tmp_path / name).mkdir()
    assert resolve(tmp_path / name) == str(tmp_path / name)


@pytest.mark.parametrize(
    "handle", ["no/such/model", "/no/such/model.tar.gz", "file:///no/such", "no.keras", "~/no/such", "x" * 5000]
)
def test_missing_path_does_not_exist(handle):
    with pytest.raises(ModelNotFound, match="does not exist") as error:
        resolve(handle)
    assert handle[:500] in str(error.value)
    assert len(str(error.value)) < 2000


def test_broken_link_does_not_exist(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(ModelNotFound, match="does not exist"):
        resolve(tmp_path / "link")


def test_url_without_its_scheme_is_recognised():
    with pytest.raises(ModelNotFound, match=r"Did you mean https://tfhub\.dev/google/nnlm-en-dim50/2\?"):
        resolve("tfhub.dev/google/nnlm-en-dim50/2")


def test_kaggle_name_without_its_scheme_is_recognised():
    with pytest.raises(ModelNotFound, match=r"Did you mean kaggle://google/nnlm/TensorFlow2/en-dim128/1\?"):
        resolve("google/nnlm/TensorFlow2/en-dim128/1")


def test_archive_must_have_the_hash_of_its_handle(tmp_path, cache_dir):
    archive = tmp_path / "m.tar.gz"
    archive.write_bytes(archive_of(MODEL))
    with pytest.raises(HashMismatch, match="handle's #sha256=: 0000"):
        resolve(f"{archive}#sha256={'0' * 64}")
    assert list(cache_dir.iterdir()) == []
    expected = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert contents(resolve(f"{archive}#sha256={expected}")) == MODEL
    assert contents(resolve(f"{archive.as_uri()}#sha256={expected.upper()}")) == MODEL


def test_directory_with_a_hash_is_refused(model):
    with pytest.raises(InvalidHandle, match="hash of an archive"):
        resolve(f"{model}#sha256={'0' * 64}")


@pytest.mark.parametrize(
    ("name", "make"),
    [("m.tar.gz", archive_of), ("m.tgz", archive_of), ("m.tar", tar_of), ("m.zip", zip_of), ("m", zip_of)],
)
def test_archive_is_unpacked_into_the_cache_once(tmp_path, cache_dir, name, make):
    (tmp_path / name).write_bytes(make(MODEL))
    directory = resolve(tmp_path / name)
    assert contents(directory) == MODEL
    assert pathlib.Path(directory).parent == cache_dir
    before = pathlib.Path(directory).stat().st_ino
    assert resolve((tmp_path / name).as_uri()) == directory
    assert pathlib.Path(directory).stat().st_ino == before


def test_archive_is_the_same_from_every_working_directory(tmp_path, monkeypatch):
    (tmp_path / "m.zip").write_bytes(zip_of(MODEL))
    directory = resolve(tmp_path / "m.zip")
    monkeypatch.chdir(tmp_path)
    assert resolve("m.zip") == directory


def test_replaced_archive_is_unpacked_again(tmp_path):
    archive = tmp_path / "m.tar"
    archive.write_bytes(tar_of({"saved_model.pb": b"old"}))
    old = resolve(archive)
    archive.write_bytes(tar_of({"saved_model.pb": b"new"}))  # of the same size
    os.utime(str(archive), (1, 1))
    assert contents(resolve(archive)) == {"saved_model.pb": b"new"}
    assert contents(old) == {"saved_model.pb": b"old"}


@pytest.mark.parametrize(
    ("name", "loaded_by"),
    [
        ("m.keras", "keras.models.load_model"),
        ("m.H5", "load_weights"),
        ("m.tflite", "Interpreter"),
        ("m.pt", "torch.load"),
        ("model.json", "tf.loadGraphModel"),
    ],
)
def test_file_of_another_format_is_named_with_its_loader(tmp_path, name, loaded_by):
    (tmp_path / name).write_bytes(zip_of(MODEL))  # .keras and .pt files are zip archives
    with pytest.raises(UnsupportedFormat, match=loaded_by) as error:
        resolve(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_file_of_a_savedmodel_points_to_its_directory(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    with pytest.raises(UnsupportedFormat, match="give its directory") as error:
        resolve(tmp_path / "saved_model.pb")
    assert repr(str(tmp_path)) in str(error.value)


def test_file_that_is_not_an_archive_is_reported(tmp_path, cache_dir):
    (tmp_path / "m.tar.gz").write_bytes(b"<html>")
    with pytest.raises(CorruptArchive, match="starts with b'<html>'") as error:
        resolve(tmp_path / "m.tar.gz")
    assert str(tmp_path / "m.tar.gz") in str(error.value)
    assert list(cache_dir.iterdir()) == []


def test_hostile_archive_leaves_the_cache_unchanged(tmp_path, cache_dir):
    (tmp_path / "m.zip").write_bytes(zip_of({"saved_model.pb": b"graph", "../../x": b"harm"}))
    with pytest.raises(UnsafeArchive):
        resolve(tmp_path / "m.zip")
    assert list(cache_dir.iterdir()) == []
