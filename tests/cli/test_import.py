"""`rehub import`: a model comes into the cache without a network, and is the handle's from then on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hosting import MODEL, archive_of, tar_of, zip_of

import rehub as library

HANDLE = "https://models.example.com/google/digits/1"


def contents(directory):
    root = Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "digits.tar.gz"
    path.write_bytes(archive_of(MODEL))
    return path


@pytest.fixture
def directory(tmp_path):
    for name, content in MODEL.items():
        path = tmp_path / "digits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "digits"


@pytest.mark.parametrize(
    "handle",
    [
        HANDLE,
        "https://tfhub.dev/google/digits/1",
        "kaggle://google/digits/tensorFlow2/digits/1",
        "hf://google/digits@v1",
        "gs://models/digits",
        "s3://models/digits.tar.gz",
    ],
)
def test_a_handle_of_any_kind_resolves_to_the_imported_model(rehub, archive, monkeypatch, handle):
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert rehub("pull", handle).code == 1
    ran = rehub("import", handle, archive)
    assert (ran.code, ran.err) == (0, "")
    assert library.resolve(handle) + "\n" == ran.out
    assert contents(library.resolve(handle)) == MODEL


@pytest.mark.parametrize("make", [tar_of, zip_of, lambda files: archive_of({f"top/{n}": c for n, c in files.items()})])
def test_any_archive_can_be_imported(rehub, tmp_path, make):
    (tmp_path / "model").write_bytes(make(MODEL))
    assert rehub("import", HANDLE, tmp_path / "model").code == 0
    assert contents(library.resolve(HANDLE)) == MODEL


def test_a_directory_is_copied(rehub, directory):
    assert rehub("import", HANDLE, directory).code == 0
    assert contents(library.resolve(HANDLE)) == MODEL
    assert Path(library.resolve(HANDLE)) != directory
    assert rehub("cache", "verify").code == 0


def test_export_and_import_move_a_model_to_another_machine(rehub, hosted, tmp_path, monkeypatch):
    archive = tmp_path / "digits.tar.gz"
    assert rehub("export", hosted, archive).code == 0
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "other machine"))
    monkeypatch.setenv("REHUB_OFFLINE", "1")
    assert rehub("import", hosted, archive).code == 0
    assert contents(library.resolve(hosted)) == MODEL


def test_import_does_not_replace_a_cached_model(rehub, archive, tmp_path):
    assert rehub("import", HANDLE, archive).code == 0
    ran = rehub("import", HANDLE, archive)
    assert ran.code == 1
    assert "is in the cache already" in ran.err
    assert f"rehub cache rm {HANDLE}" in ran.err


def test_the_archive_must_have_the_hash_in_the_handle(rehub, archive, directory, tmp_path):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert rehub("import", f"{HANDLE}#sha256={digest}", archive).code == 0
    wrong = rehub("import", f"{HANDLE}#sha256={'0' * 64}", archive)
    assert wrong.code == 1
    assert digest in wrong.err
    assert rehub("import", f"{HANDLE}#sha256={digest}", directory).code == 1


def test_a_refused_import_leaves_the_cache_unchanged(rehub, tmp_path, cache_dir):
    bad = {
        "no archive": (b"<html>a page</html>", "is not an archive that rehub knows"),
        "half": (archive_of(MODEL)[:-20], "ends too early"),
        "evil": (tar_of({"../outside": b"x"}), "leaves the archive's root"),
        "without a model": (archive_of({"README.md": b"x"}), "contains neither"),
    }
    for name, (content, reason) in bad.items():
        (tmp_path / name).write_bytes(content)
        ran = rehub("import", HANDLE, tmp_path / name)
        assert (ran.code, ran.out) == (1, "")
        assert reason in ran.err
        assert list(cache_dir.iterdir()) == []


def test_a_directory_without_a_model_is_refused(rehub, tmp_path, cache_dir):
    ran = rehub("import", HANDLE, tmp_path)
    assert ran.code == 1
    assert "contains neither" in ran.err


def test_a_handle_that_is_never_fetched_is_refused(rehub, archive, tmp_path):
    assert "is a path" in rehub("import", tmp_path / "elsewhere", archive).err
    assert "does not exist" in rehub("import", HANDLE, tmp_path / "nothing").err
