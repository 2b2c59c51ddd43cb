"""Packing a model's directory, and copying one by the rules for archives."""

from __future__ import annotations

import os
import sys
import time

import pytest

from rehub.errors import UnsafeArchive
from rehub.transfer.archives import Limits, copy_directory, pack_directory, unpack_archive

LONG = "variables/" + "n" * 150 + ".index"
MODEL = {"saved_model.pb": b"graph", LONG: b"index", "assets/w\u00f6rter.txt": b"a\nb\n", "assets/empty": b""}

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture
def model(tmp_path):
    for name, content in MODEL.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "model"


@pytest.fixture
def into(tmp_path):
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def test_packed_model_unpacks_to_the_same_files(model, into, tmp_path):
    pack_directory(model, tmp_path / "model.tar.gz")
    records = unpack_archive(tmp_path / "model.tar.gz", into, name="it")
    assert contents(into) == MODEL
    assert {record.name for record in records} == set(MODEL)


def test_archive_does_not_depend_on_times_permissions_and_order(model, tmp_path):
    pack_directory(model, tmp_path / "first.tar.gz")
    (model / "saved_model.pb").chmod(0o600)
    os.utime(str(model / "saved_model.pb"), (1, 1))
    time.sleep(1.1)  # The header of a gzip has seconds.
    pack_directory(model, tmp_path / "second.tar.gz")
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "second.tar.gz").read_bytes()


@needs_links
def test_failed_packing_keeps_the_old_archive(model, tmp_path):
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"the one before")
    os.mkfifo(str(model / "zzz"))
    with pytest.raises(UnsafeArchive, match="zzz' is neither a file nor a directory"):
        pack_directory(model, archive)
    assert archive.read_bytes() == b"the one before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.tar.gz"]


def test_copied_directory_has_the_same_files_and_their_records(model, into):
    records = copy_directory(model, into, name="it")
    assert contents(into) == MODEL
    assert {record.name: record.size for record in records} == {name: len(content) for name, content in MODEL.items()}


@needs_links
def test_links_are_followed(model, into, tmp_path):
    # As in the cache of huggingface_hub, whose files are links to blobs.
    (tmp_path / "blob").write_bytes(b"weights")
    (model / "variables" / "data").symlink_to(tmp_path / "blob")
    (model / "more").symlink_to(model / "assets")
    linked = {**MODEL, "variables/data": b"weights", "more/w\u00f6rter.txt": b"a\nb\n", "more/empty": b""}
    copy_directory(model, into, name="it")
    assert contents(into) == linked
    assert not (into / "variables" / "data").is_symlink()
    pack_directory(model, tmp_path / "model.tar.gz")
    (tmp_path / "unpacked").mkdir()
    unpack_archive(tmp_path / "model.tar.gz", tmp_path / "unpacked", name="it")
    assert contents(tmp_path / "unpacked") == linked


@needs_links
@pytest.mark.parametrize("target", ["..", "../..", "nothing"])
def test_links_to_parents_and_broken_links_are_refused(model, into, tmp_path, target):
    (model / "assets" / "link").symlink_to(target)
    with pytest.raises(UnsafeArchive, match="link"):
        copy_directory(model, into, name="it")
    with pytest.raises(UnsafeArchive, match="link"):
        pack_directory(model, tmp_path / "model.tar.gz")


def test_copy_obeys_the_limits_of_archives(model, into):
    with pytest.raises(UnsafeArchive, match="the limit is 3 members"):
        copy_directory(model, into, name="it", limits=Limits(members=3))
