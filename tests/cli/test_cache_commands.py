"""`rehub cache ls | show | verify | rm | prune | path`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hosting import MODEL, archive_of

import rehub as library

SIZE = sum(map(len, MODEL.values()))


@pytest.fixture
def two(server):
    """The handles of two models in the cache, by name."""
    handles = [server.publish(f"/google/{name}/1", archive_of(MODEL)) for name in ("digits", "letters")]
    for handle in handles:
        library.resolve(handle)
    return handles


def damage(handle):
    (Path(library.resolve(handle)) / "assets" / "vocab.txt").unlink()


def read_json(ran):
    return json.loads(ran.out)


def test_ls_of_an_empty_cache_says_so(rehub, cache_dir):
    ran = rehub("cache", "ls")
    assert (ran.code, ran.out, ran.err) == (0, f"0 models, 0 bytes in {cache_dir}\n", "")
    assert read_json(rehub("cache", "ls", "--json")) == []
    assert rehub("cache", "verify").code == 0
    assert rehub("cache", "prune", "--keep-size", "0").code == 0


def test_ls_is_a_table_of_handles(rehub, two, cache_dir):
    damage(two[1])
    ran = rehub("cache", "ls")
    assert (ran.code, ran.err) == (0, "")
    headings, *rows, total = ran.out.splitlines()
    assert headings.split() == ["SIZE", "FILES", "USED", "STATE", "HANDLE"]
    assert [re.split(r"  +", row)[3:] for row in rows] == [["complete", two[0]], ["damaged", two[1]]]
    assert re.match(rf"4\.0 kB +{len(MODEL)} +20\d\d-\d\d-\d\d  ", rows[0])
    assert total.startswith("2 models, ")
    assert total.endswith(f" in {cache_dir}")


def test_ls_as_json_has_one_schema(rehub, two):
    damage(two[1])
    ran = rehub("cache", "ls", "--json")
    first, second = read_json(ran)
    assert set(first) == {"handle", "directory", "url", "size", "files", "stored", "used", "damage"}
    assert (first["handle"], first["size"], first["files"], first["damage"]) == (two[0], SIZE, len(MODEL), None)
    assert first["directory"] == library.resolve(two[0])
    assert first["url"].startswith(two[0])
    for moment in (first["stored"], first["used"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
    assert "assets/vocab.txt is missing" in second["damage"]
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [key for key in first if f"`{key}`" not in page] == []


def test_a_model_of_tensorflow_hub_is_listed(rehub, cache_dir):
    name = "0123456789" * 4
    (cache_dir / name).mkdir()
    (cache_dir / name / "saved_model.pb").write_bytes(b"graph")
    assert f"  complete  {name}\n" in rehub("cache", "ls").out
    (cache_dir / f"{name}.descriptor.txt").write_text("Module: https://tfhub.dev/x/1\nDownload Time: ?\n")
    assert "  complete  https://tfhub.dev/x/1\n" in rehub("cache", "ls").out
    assert "no manifest: only file names were checked" in rehub("cache", "verify").out
    assert read_json(rehub("cache", "show", name, "--json"))[0]["handle"] == "https://tfhub.dev/x/1"


def test_show_lists_the_files(rehub, two):
    ran = rehub("cache", "show", two[0])
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{two[0]}\n  directory  {library.resolve(two[0])}\n  came from  {two[0]}")
    assert "     4.0 kB  assets/vocab.txt\n" in ran.out
    (record,) = read_json(rehub("cache", "show", two[0], "--json"))
    assert record["contents"] == {name: len(content) for name, content in MODEL.items()}


def test_another_spelling_finds_the_same_model(rehub, two):
    assert rehub("cache", "show", two[0] + "/").out == rehub("cache", "show", two[0]).out


def test_a_local_archive_is_found_by_its_path(rehub, tmp_path, monkeypatch):
    (tmp_path / "digits.tar.gz").write_bytes(archive_of(MODEL))
    directory = library.resolve(tmp_path / "digits.tar.gz")
    monkeypatch.chdir(tmp_path)
    assert read_json(rehub("cache", "show", "digits.tar.gz", "--json"))[0]["directory"] == directory


@pytest.mark.parametrize("command", ["show", "verify", "rm"])
def test_a_model_that_is_not_in_the_cache_is_an_error(rehub, cache_dir, command):
    ran = rehub("cache", command, "https://tfhub.dev/google/nothing/1")
    assert (ran.code, ran.out) == (1, "")
    assert f"'https://tfhub.dev/google/nothing/1' is not in the cache ({cache_dir})" in ran.err


def test_verify_finds_a_byte_that_has_changed(rehub, two):
    assert rehub("cache", "verify").code == 0
    graph = Path(library.resolve(two[1])) / "saved_model.pb"
    content = graph.read_bytes()
    graph.write_bytes(content[:-1] + b"?")
    ran = rehub("cache", "verify")
    assert ran.code == 1
    assert f"complete  {two[0]}\n" in ran.out
    assert f"damaged   {two[1]}\n          saved_model.pb was modified after the download" in ran.out
    assert rehub("cache", "verify", "--quick").code == 0
    assert rehub("cache", "verify", two[0]).code == 0
    reports = read_json(rehub("cache", "verify", two[1], "--json"))
    assert [set(report) for report in reports] == [{"handle", "directory", "damage", "unlisted", "has_manifest"}]
    assert len(reports[0]["damage"]) == 1


def test_verify_names_unexpected_files(rehub, two):
    (Path(library.resolve(two[0])) / "notes.txt").write_text("mine")
    ran = rehub("cache", "verify", two[0])
    assert ran.code == 0
    assert "notes.txt is not a file of the model" in ran.out


def test_rm_deletes_complete_and_damaged_models(rehub, two, cache_dir):
    damage(two[1])
    ran = rehub("cache", "rm", *two, two[0] + "/")  # one of them twice, in another spelling
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.out.splitlines()) == 2
    assert ran.out.splitlines()[0] == f"deleted {two[0]} (4.0 kB)"
    assert list(cache_dir.iterdir()) == []


def test_rm_deletes_nothing_if_one_model_is_not_in_the_cache(rehub, two):
    assert rehub("cache", "rm", two[0], "https://tfhub.dev/google/nothing/1").code == 1
    assert len(read_json(rehub("cache", "ls", "--json"))) == 2


def test_prune_deletes_the_least_recently_used_models(rehub, two):
    long_ago = time.time() - 7 * 24 * 3600
    for path in Path(library.resolve(two[0])).parent.glob(Path(library.resolve(two[0])).name + ".*"):
        os.utime(str(path), (long_ago, long_ago))
    ran = rehub("cache", "prune", "--keep-size", f"{SIZE / 1000 + 1}kB")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"deleted {two[0]} (4.0 kB)\n4.0 kB freed\n"
    assert [record["handle"] for record in read_json(rehub("cache", "ls", "--json"))] == [two[1]]
    gone = read_json(rehub("cache", "prune", "--keep-size", "0", "--json"))
    assert [record["handle"] for record in gone] == [two[1]]


@pytest.mark.parametrize("size", ["20 apples", "-1", "GB", ""])
def test_wrong_size_is_a_usage_error(rehub, size):
    ran = rehub("cache", "prune", f"--keep-size={size}")
    assert ran.code == 2
    assert "is not a size such as 20GB" in ran.err


def test_prune_needs_a_size(rehub):
    assert rehub("cache", "prune").code == 2


def test_path_prints_the_search_directories(rehub, tmp_path, monkeypatch):
    directories = [str(tmp_path / "shared"), str(tmp_path / "own")]
    monkeypatch.setenv("REHUB_CACHE_DIR", os.pathsep.join(directories))
    assert rehub("cache", "path").out.splitlines() == directories
    assert list(tmp_path.iterdir()) == []


def test_all_directories_of_the_cache_are_listed(rehub, two, cache_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("REHUB_CACHE_DIR", os.pathsep.join([str(tmp_path / "own"), str(cache_dir)]))
    assert rehub("cache", "ls").out.startswith(f"0 models, 0 bytes in {tmp_path / 'own'}\nSIZE ")
    assert len(read_json(rehub("cache", "ls", "--json"))) == 2


@pytest.fixture
def in_store(memory, monkeypatch):
    """The URL of a cache in an object store, which is the cache from now on."""
    url = "memory://bucket/models"
    monkeypatch.setenv("REHUB_CACHE_DIR", url)
    return url


def test_a_cache_in_an_object_store_is_listed_shown_verified_and_cleaned(rehub, in_store, two, memory):
    ran = rehub("cache", "ls")
    assert (ran.code, ran.err) == (0, "")
    _, *rows, total = ran.out.splitlines()
    assert [re.split(r"  +", row)[2:] for row in rows] == [["unknown", "complete", handle] for handle in two]
    assert total == f"2 models, 8.0 kB in {in_store}"
    directory = library.resolve(two[0])
    assert directory.startswith(in_store + "/")
    (record,) = read_json(rehub("cache", "show", two[0], "--json"))
    assert (record["directory"], record["used"], record["damage"]) == (directory, None, None)
    assert record["contents"] == {name: len(content) for name, content in MODEL.items()}
    assert f"directory  {directory}\n" in rehub("cache", "show", directory.rpartition("/")[2]).out
    memory.pipe_file(f"{directory}/saved_model.pb", b"another")
    assert (rehub("cache", "verify").code, rehub("cache", "verify", "--quick").code) == (1, 0)
    assert "was modified after the download" in rehub("cache", "verify", two[0]).out
    assert rehub("cache", "rm", two[0]).out == f"deleted {two[0]} (4.0 kB)\n"
    assert [record["handle"] for record in read_json(rehub("cache", "ls", "--json"))] == [two[1]]
    assert rehub("cache", "path").out == in_store + "\n"


def test_prune_skips_object_stores_with_a_message(rehub, in_store, two):
    ran = rehub("cache", "prune", "--keep-size", "0")
    assert (ran.code, ran.out) == (1, "0 bytes freed\n")
    assert f"the cache {in_store} was not pruned" in ran.err and "rehub cache rm" in ran.err
    assert len(read_json(rehub("cache", "ls", "--json"))) == 2


@pytest.mark.parametrize(
    "words", [["ls"], ["verify"], ["show", "https://tfhub.dev/x/1"], ["rm", "https://tfhub.dev/x/1"]]
)
def test_an_unreachable_cache_is_an_error_without_a_traceback(rehub, memory, monkeypatch, words):
    monkeypatch.setenv("REHUB_CACHE_DIR", "htps://bucket/models")
    ran = rehub("cache", *words)
    assert (ran.code, ran.out) == (1, "")
    assert "does not know htps://" in ran.err


def test_a_dry_run_of_prune_deletes_nothing(rehub, two, cache_dir):
    before = sorted(path.name for path in cache_dir.iterdir())
    ran = rehub("cache", "prune", "--keep-size", "0", "--dry-run")
    assert ran.out.splitlines() == [
        *(f"would delete {handle} (4.0 kB)" for handle in two),
        "8.0 kB would be freed",
    ]
    records = read_json(rehub("cache", "prune", "--keep-size", "0", "--dry-run", "--json"))
    assert [record["handle"] for record in records] == two
    assert sorted(path.name for path in cache_dir.iterdir()) == before


def test_rm_and_path_print_json(rehub, two, cache_dir):
    assert read_json(rehub("cache", "path", "--json")) == [str(cache_dir)]
    (record,) = read_json(rehub("cache", "rm", two[0], "--json"))
    assert (record["handle"], record["size"]) == (two[0], SIZE)
    assert [record["handle"] for record in read_json(rehub("cache", "ls", "--json"))] == [two[1]]


def test_a_mistyped_handle_gets_a_suggestion_from_the_cache(rehub, two):
    assert f"Did you mean '{two[0]}'?" in rehub("cache", "rm", two[0].replace("google", "gogle")).err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize(("answer", "is_deleted"), [("y\n", True), ("\n", False), ("n\n", False)])
def test_rm_asks_on_a_terminal(rehub, two, answer, is_deleted):
    ours, terminal = os.openpty()
    command = [sys.executable, "-m", "rehub", "cache", "rm", two[0]]
    process = subprocess.Popen(command, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE)
    os.write(ours, answer.encode())
    out, _ = process.communicate(timeout=60)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    os.close(terminal)
    assert two[0] in shown
    assert "Delete it? [y/N]" in shown
    assert process.returncode == (0 if is_deleted else 1)
    assert (b"deleted" in out) is is_deleted
    assert len(read_json(rehub("cache", "ls", "--json"))) == (1 if is_deleted else 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_rm_does_not_ask_with_yes(two):
    ours, terminal = os.openpty()
    command = [sys.executable, "-m", "rehub", "cache", "rm", "--yes", two[0]]
    done = subprocess.run(command, stdin=terminal, stderr=terminal, stdout=subprocess.PIPE, timeout=60, check=False)
    os.close(ours)
    os.close(terminal)
    assert done.returncode == 0
    assert done.stdout.decode() == f"deleted {two[0]} (4.0 kB)\n"
