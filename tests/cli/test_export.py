"""`rehub export`: the archive, and what becomes of it on another machine."""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath

import pytest
from hosting import MODEL

import rehub as library


def read(directory):
    return {name: (Path(directory) / name).read_bytes() for name in MODEL}


def test_a_cached_model_becomes_an_archive_of_the_hosting_protocol(rehub, hosted, server, tmp_path):  # P34
    library.resolve(hosted)
    archive = tmp_path / "digits.tar.gz"
    ran = rehub("export", hosted, archive)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(str(archive) + "  ")
    assert len(server.requests) == 1
    with tarfile.open(str(archive)) as tar:
        members = tar.getmembers()
        names = [member.name for member in members]
        directories = {parent for name in MODEL for parent in PurePosixPath(name).parents}
        assert names == sorted(f"./{path}".replace("./.", ".") for path in (*directories, *MODEL))
        assert {(member.uid, member.gid, member.uname, member.gname, member.mtime) for member in members} == {
            (0, 0, "", "", 0)
        }
        assert {name: tar.extractfile("./" + name).read() for name in MODEL} == MODEL


def test_the_archive_of_one_server_can_be_sent_by_another(rehub, hosted, server, tmp_path):  # P16
    archive = tmp_path / "digits.tgz"
    assert rehub("export", hosted, archive).code == 0
    copied = server.publish("/mirror/digits/1", archive.read_bytes())
    assert rehub("pull", copied).code == 0
    assert rehub("cache", "verify", copied).code == 0
    assert read(library.resolve(copied)) == MODEL


def test_packing_a_model_twice_gives_the_same_archive(rehub, hosted, server, tmp_path):
    archives = []
    for number in range(2):
        archive = tmp_path / f"{number}.tar.gz"
        assert rehub("export", hosted, archive).code == 0
        assert rehub("cache", "rm", hosted).code == 0
        archives.append(archive.read_bytes())
    assert len(server.requests) == 2
    assert archives[0] == archives[1]


def test_a_local_directory_is_packed(rehub, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"graph")
    assert rehub("export", tmp_path / "model", tmp_path / "model.tar.gz").code == 0


def test_an_existing_archive_is_replaced_only_with_force(rehub, hosted, tmp_path):
    archive = tmp_path / "digits.tar.gz"
    archive.write_bytes(b"precious")
    ran = rehub("export", hosted, archive)
    assert ran.code == 1
    assert "exists already" in ran.err
    assert archive.read_bytes() == b"precious"
    assert rehub("export", hosted, archive, "--force").code == 0
    assert archive.read_bytes() != b"precious"


def test_a_directory_without_a_model_is_not_packed(rehub, tmp_path):
    (tmp_path / "notes").mkdir()
    ran = rehub("export", tmp_path / "notes", tmp_path / "notes.tar.gz")
    assert ran.code == 1
    assert "contains neither" in ran.err
    assert not (tmp_path / "notes.tar.gz").exists()


@pytest.mark.parametrize("name", ["model.zip", "model"])
def test_another_ending_is_wrong_usage(rehub, tmp_path, name):
    ran = rehub("export", tmp_path, tmp_path / name)
    assert ran.code == 2
    assert "does not end in .tar.gz or .tgz" in ran.err


def test_an_unwritable_place_is_named(rehub, hosted, tmp_path):
    ran = rehub("export", hosted, tmp_path / "nowhere" / "digits.tar.gz")
    assert ran.code == 1
    assert f"'{hosted}' cannot be packed as '{tmp_path / 'nowhere' / 'digits.tar.gz'}'" in ran.err


def test_a_model_in_an_object_store_is_not_packed(rehub, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
    ran = rehub("export", "gs://models/digits", tmp_path / "digits.tar.gz")
    assert ran.code == 1
    assert "read from gs://models/digits, not copied to this machine. Unset TFHUB_MODEL_LOAD_FORMAT" in ran.err
