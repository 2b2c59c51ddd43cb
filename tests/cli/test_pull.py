"""`rehub pull`."""

from __future__ import annotations

import json

import pytest
from hosting import MODEL, archive_of, sends

import rehub as library


def test_a_model_is_fetched_and_its_directory_printed(rehub, hosted, server):
    ran = rehub("pull", hosted)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == library.resolve(hosted) + "\n"
    assert rehub("pull", hosted).out == ran.out
    assert len(server.requests) == 1


def test_pull_goes_on_after_a_failure(rehub, hosted, server, tmp_path):
    ran = rehub("pull", server.url + "/no/such/1", hosted, tmp_path)
    assert ran.code == 1
    assert ran.out.splitlines() == [library.resolve(hosted), str(tmp_path)]
    assert ran.err.startswith(f"rehub: '{server.url}/no/such/1' cannot be downloaded")


def test_pull_prints_json(rehub, hosted, tmp_path):
    ran = rehub("pull", "--json", hosted, tmp_path / "nothing")
    assert ran.code == 1
    first, second = json.loads(ran.out)
    assert first == {"handle": hosted, "directory": library.resolve(hosted), "error": None}
    assert second["directory"] is None
    assert "does not exist" in second["error"]


def test_handles_are_read_from_a_file(rehub, hosted, tmp_path):
    models = tmp_path / "models.txt"
    models.write_text(f"# what we serve\n\n{hosted}  # digits\n{hosted}\n", encoding="utf-8-sig")
    ran = rehub("pull", tmp_path, "-r", models)
    assert (ran.code, ran.out.splitlines()) == (0, [str(tmp_path), library.resolve(hosted)])


def test_a_file_that_is_missing_or_empty_is_an_error(rehub, tmp_path):
    assert "cannot be read" in rehub("pull", "-r", tmp_path / "none.txt").err
    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert "has no handle" in rehub("pull", "-r", tmp_path / "empty.txt").err


@pytest.mark.parametrize("name", ["/google/digits/1", "/google/digits.tar.gz"])
def test_pull_accepts_only_the_bytes_that_were_locked(rehub, server, tmp_path, monkeypatch, name):
    def publish(archive):
        return server.answer(name, sends(archive)) if name.endswith(".tar.gz") else server.publish(name, archive)

    handle = publish(archive_of(MODEL))
    locked = rehub("lock", handle)
    assert (locked.code, locked.err) == (0, "")
    asked = len(server.requests)
    models = tmp_path / "models.txt"
    models.write_text(locked.out)
    pulled = rehub("pull", "-r", models)
    assert (pulled.code, len(server.requests)) == (0, asked)  # `lock` has put the model into the cache.
    assert rehub("lock", "-r", models).out == locked.out

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "another_machine"))
    assert rehub("pull", "-r", models).code == 0
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "a_third"))
    publish(archive_of({**MODEL, "saved_model.pb": b"another graph"}))
    ran = rehub("pull", "-r", models)
    assert (ran.code, ran.out) == (1, "")
    assert "sha256" in ran.err


def test_lock_pins_a_local_archive_and_suggests_export_for_a_directory(rehub, tmp_path):
    archive = tmp_path / "digits.tar.gz"
    archive.write_bytes(archive_of(MODEL))
    pinned = rehub("lock", archive).out.strip()
    assert pinned.startswith(f"{archive}#sha256=")
    assert rehub("pull", pinned).code == 0
    ran = rehub("lock", archive, tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert "rehub export" in ran.err


def test_lock_writes_no_password(rehub, server):
    ran = rehub("lock", server.url.replace("://", "://me:secret@") + "/google/digits/1")
    assert ran.code == 1
    assert "secret" not in ran.err + ran.out
