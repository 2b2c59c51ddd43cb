"""A model is in the cache completely or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time

import pytest
from filling import ENTRY, KEY, NAME, Filling, as_owner, names_in

from rehub.cache import find_cached, get_or_fetch, refetch
from rehub.errors import CacheError, DownloadError


def test_model_is_fetched_once(tmp_path):
    fill = Filling()
    directory = get_or_fetch((tmp_path / "new" / "cache",), KEY, fill)
    assert directory == tmp_path / "new" / "cache" / NAME
    assert (
        get_or_fetch((tmp_path / "new" / "cache",), KEY, fill)
        == directory
        == find_cached((tmp_path / "new" / "cache",), KEY)
    )
    assert fill.count == 1
    assert (directory / "variables" / "variables.index").read_bytes() == b"index"
    assert names_in(directory.parent) == ENTRY


def test_manifest_lists_every_file_and_the_origin(tmp_path):
    get_or_fetch((tmp_path,), KEY, Filling())
    stored = json.loads((tmp_path / (NAME + ".manifest.json")).read_text())
    assert stored["format"] == 1
    assert stored["handle"] == KEY
    assert stored["url"] == "https://mirror/nnlm.tar.gz"
    assert stored["time"].endswith("+00:00")
    assert stored["files"] == [
        {"name": "saved_model.pb", "size": 5, "sha256": hashlib.sha256(b"graph").hexdigest()},
        {"name": "variables/variables.data-00000-of-00001", "size": 4, "sha256": hashlib.sha256(b"data").hexdigest()},
        {"name": "variables/variables.index", "size": 5, "sha256": hashlib.sha256(b"index").hexdigest()},
    ]


def test_descriptor_has_the_format_of_tensorflow_hub(tmp_path):
    get_or_fetch((tmp_path,), KEY, Filling())
    module, time, host = (tmp_path / (NAME + ".descriptor.txt")).read_text().split("\n")
    assert module == f"Module: {KEY}"
    assert time.startswith("Download Time: 20")
    assert host.startswith("Downloader Hostname: ")
    assert host.endswith(f"(PID:{os.getpid()})")


@pytest.mark.parametrize("error", [DownloadError("the server broke off"), KeyboardInterrupt(), ValueError("a bug")])
def test_failed_fetch_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)):
        get_or_fetch((tmp_path,), KEY, Filling(error=error))
    assert names_in(tmp_path) == []
    assert find_cached((tmp_path,), KEY) is None


def test_full_disk_is_a_cache_error_that_names_the_cache(tmp_path):
    with pytest.raises(CacheError, match="No space left on device") as error:
        get_or_fetch((tmp_path,), KEY, Filling(error=OSError(28, "No space left on device")))
    assert KEY in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "REHUB_CACHE_DIR" in str(error.value)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("gone", ["variables/variables.index", "saved_model.pb", "variables"])
def test_model_with_deleted_files_is_fetched_again(tmp_path, caplog, gone):  # hub#646, hub#850, hub#896
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    path = directory / gone
    if path.is_dir():
        shutil.rmtree(str(path))
    else:
        path.unlink()
    assert find_cached((tmp_path,), KEY) is None
    assert "is missing" in caplog.text
    again = Filling()
    assert get_or_fetch((tmp_path,), KEY, again) == directory
    assert again.count == 1
    assert (directory / gone).exists()
    assert names_in(tmp_path) == ENTRY


def test_model_with_only_directories_left_is_fetched_again(tmp_path):  # hub#879: a cleaner leaves the tree
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    for path in [path for path in directory.rglob("*") if path.is_file()]:
        path.unlink()
    (tmp_path / (NAME + ".manifest.json")).unlink()
    assert find_cached((tmp_path,), KEY) is None
    get_or_fetch((tmp_path,), KEY, Filling())
    assert (directory / "saved_model.pb").is_file()


def test_failed_repair_keeps_the_old_files(tmp_path):
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    (directory / "variables" / "variables.index").unlink()

    with pytest.raises(DownloadError):
        get_or_fetch((tmp_path,), KEY, Filling(error=DownloadError("offline")))
    assert (directory / "saved_model.pb").is_file()


def test_broken_manifest_is_a_problem(tmp_path, caplog):
    get_or_fetch((tmp_path,), KEY, Filling())
    (tmp_path / (NAME + ".manifest.json")).write_text("{")
    assert find_cached((tmp_path,), KEY) is None
    assert "is not a manifest" in caplog.text
    get_or_fetch((tmp_path,), KEY, Filling())
    assert find_cached((tmp_path,), KEY) is not None


@pytest.mark.parametrize("file", ["saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"])
def test_entry_of_tensorflow_hub_is_used_unchanged(tmp_path, file):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / file).write_bytes(b"graph")
    fill = Filling()
    assert get_or_fetch((tmp_path,), KEY, fill) == tmp_path / NAME
    assert fill.count == 0
    assert names_in(tmp_path) == [NAME]


def test_file_with_the_models_name_is_replaced(tmp_path):
    (tmp_path / NAME).write_bytes(b"")
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    assert (directory / "saved_model.pb").is_file()
    assert names_in(tmp_path) == ENTRY


def test_cache_hit_writes_nothing(tmp_path):  # hub#415, hub#744
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    assert get_or_fetch((tmp_path,), KEY, Filling()) == directory
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


def test_read_only_cache_serves_its_models_and_refuses_new_ones(read_only_root, nobody):  # hub#415, hub#744
    fill = Filling()
    assert get_or_fetch((read_only_root,), KEY, fill) == read_only_root / NAME
    assert fill.count == 0
    with pytest.raises(CacheError, match="Permission denied"):
        get_or_fetch((read_only_root,), KEY + "1", fill)


def test_all_caches_are_read_and_the_first_writable_one_is_written(shared_disk, read_only_root, nobody):
    mine, missing = shared_disk / "mine", shared_disk / "missing"
    roots = (read_only_root, missing / "new", mine)
    fill = Filling()
    assert get_or_fetch(roots, KEY, fill) == read_only_root / NAME
    assert get_or_fetch(roots, KEY + "1", fill).parent == missing / "new"
    assert find_cached((mine, missing / "new"), KEY + "1").parent == missing / "new"
    assert fill.count == 1
    assert not mine.exists()


def test_model_incomplete_in_a_read_only_cache_is_fetched_into_the_users(shared_disk, read_only_root, nobody):
    with as_owner():
        (read_only_root / NAME / "saved_model.pb").unlink()
    assert get_or_fetch((read_only_root, shared_disk / "mine"), KEY, Filling()) == shared_disk / "mine" / NAME


def test_model_is_found_by_each_key(tmp_path):
    directory = get_or_fetch((tmp_path,), KEY, Filling())
    assert find_cached((tmp_path,), "canonical", KEY) == directory
    assert find_cached((tmp_path,), "canonical") is None


def test_refetch_replaces_the_model_and_keeps_it_on_failure(tmp_path):
    directory = get_or_fetch((tmp_path,), KEY, Filling(graph=b"version 1"))
    with pytest.raises(DownloadError):
        refetch((tmp_path,), KEY, Filling(error=DownloadError("offline")))
    assert (directory / "saved_model.pb").read_bytes() == b"version 1"
    assert refetch((tmp_path,), KEY, Filling(graph=b"version two")) == directory == find_cached((tmp_path,), KEY)
    assert (directory / "saved_model.pb").read_bytes() == b"version two"
    assert names_in(tmp_path) == ENTRY


def test_use_is_recorded_once_a_day(tmp_path):
    get_or_fetch((tmp_path,), KEY, Filling())
    note = tmp_path / (NAME + ".manifest.json")
    for age, is_noted in (
        (3600, False),
        (2 * 24 * 3600, True),
        (-2 * 24 * 3600, True),
    ):  # At last, the clock is set back.
        last = time.time() - age
        os.utime(str(note), (last, last))
        find_cached((tmp_path,), KEY)
        assert (abs(note.stat().st_mtime - last) > 1) is is_noted


def test_cache_that_cannot_be_created_is_a_cache_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CacheError, match="REHUB_CACHE_DIR"):
        get_or_fetch((tmp_path / "file" / "cache",), KEY, Filling())


def test_threads_fetch_a_model_once(tmp_path):
    fill = Filling(meanwhile=lambda: time.sleep(0.2))
    assert answers_of(16, lambda: get_or_fetch((tmp_path,), KEY, fill)) == [tmp_path / NAME] * 16
    assert fill.count == 1
    assert names_in(tmp_path) == ENTRY


def test_threads_that_fetch_without_a_lock_all_get_the_same_model(tmp_path):
    # What is left without a lock that works: a name of one's own for each, and one rename.
    fill = Filling(meanwhile=together(4, tmp_path))
    assert answers_of(4, lambda: get_or_fetch((tmp_path,), KEY, fill)) == [tmp_path / NAME] * 4
    assert fill.count == 4
    assert find_cached((tmp_path,), KEY) is not None
    assert names_in(tmp_path) == ENTRY


def test_threads_that_repair_without_a_lock_all_get_the_same_model(tmp_path):
    (get_or_fetch((tmp_path,), KEY, Filling()) / "saved_model.pb").unlink()
    fill = Filling(meanwhile=together(4, tmp_path))
    assert answers_of(4, lambda: get_or_fetch((tmp_path,), KEY, fill)) == [tmp_path / NAME] * 4
    assert fill.count == 4
    assert find_cached((tmp_path,), KEY) is not None
    assert names_in(tmp_path) == ENTRY


def together(count, root):
    """Wait until a number of threads have arrived, and delete the lock that would let in only one."""
    barrier = threading.Barrier(count)

    def meet():
        (root / (NAME + ".rehub.lock")).unlink()
        barrier.wait(10)

    return meet


def answers_of(count, call):
    """Return the results of a call that a number of threads make at once."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
