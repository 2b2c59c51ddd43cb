"""A model is in the cache, whole, or it is not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading

import pytest

from rehub.cache import Delivery, find, obtain
from rehub.errors import CacheError, DownloadError

KEY = "https://tfhub.dev/google/nnlm-en-dim50/2"
# What tensorflow_hub calls this model's directory.
NAME = hashlib.sha1(KEY.encode()).hexdigest()


class Filling:
    """Brings in a model, counts how often, and can do something in the middle of it."""

    def __init__(self, meanwhile=lambda: None):
        self.count = 0
        self._meanwhile = meanwhile

    def __call__(self, directory):
        assert list(directory.iterdir()) == []
        self.count += 1
        (directory / "saved_model.pb").write_bytes(b"graph")
        (directory / "variables").mkdir()
        self._meanwhile()
        (directory / "variables" / "variables.index").write_bytes(b"index")
        return Delivery("https://mirror/nnlm.tar.gz")


def names_in(root):
    return sorted(path.name for path in root.iterdir())


def test_a_model_is_brought_in_once(tmp_path):
    fill = Filling()
    directory = obtain(tmp_path / "new" / "cache", KEY, fill)
    assert directory == tmp_path / "new" / "cache" / NAME
    assert obtain(tmp_path / "new" / "cache", KEY, fill) == directory == find(tmp_path / "new" / "cache", KEY)
    assert fill.count == 1
    assert (directory / "variables" / "variables.index").read_bytes() == b"index"
    assert names_in(directory.parent) == [NAME, NAME + ".descriptor.txt", NAME + ".manifest.json"]


def test_the_manifest_lists_every_file_and_where_it_came_from(tmp_path):
    obtain(tmp_path, KEY, Filling())
    stored = json.loads((tmp_path / (NAME + ".manifest.json")).read_text())
    assert stored["format"] == 1
    assert stored["handle"] == KEY
    assert stored["url"] == "https://mirror/nnlm.tar.gz"
    assert stored["time"].endswith("+00:00")
    assert stored["files"] == [
        {"name": "saved_model.pb", "size": 5, "sha256": hashlib.sha256(b"graph").hexdigest()},
        {"name": "variables/variables.index", "size": 5, "sha256": hashlib.sha256(b"index").hexdigest()},
    ]


def test_the_descriptor_reads_as_tensorflow_hubs(tmp_path):
    obtain(tmp_path, KEY, Filling())
    module, time, host = (tmp_path / (NAME + ".descriptor.txt")).read_text().split("\n")
    assert module == f"Module: {KEY}"
    assert time.startswith("Download Time: 20")
    assert host.startswith("Downloader Hostname: ")
    assert host.endswith(f"(PID:{os.getpid()})")


@pytest.mark.parametrize("error", [DownloadError("the server broke off"), KeyboardInterrupt(), ValueError("a bug")])
def test_a_fill_that_fails_leaves_nothing(tmp_path, error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        obtain(tmp_path, KEY, Filling(meanwhile=fail))
    assert names_in(tmp_path) == []
    assert find(tmp_path, KEY) is None


def test_a_full_disk_is_a_cache_error_that_names_the_cache(tmp_path):
    def fail():
        raise OSError(28, "No space left on device")

    with pytest.raises(CacheError, match="No space left on device") as error:
        obtain(tmp_path, KEY, Filling(meanwhile=fail))
    assert KEY in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "REHUB_CACHE_DIR" in str(error.value)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("gone", ["variables/variables.index", "saved_model.pb", "variables"])
def test_a_model_with_files_taken_away_is_fetched_again(tmp_path, caplog, gone):  # hub#646, hub#850, hub#896
    directory = obtain(tmp_path, KEY, Filling())
    path = directory / gone
    if path.is_dir():
        shutil.rmtree(str(path))
    else:
        path.unlink()
    assert find(tmp_path, KEY) is None
    assert "is missing" in caplog.text
    again = Filling()
    assert obtain(tmp_path, KEY, again) == directory
    assert again.count == 1
    assert (directory / gone).exists()
    assert names_in(tmp_path) == [NAME, NAME + ".descriptor.txt", NAME + ".manifest.json"]


def test_a_model_with_only_its_directories_left_is_fetched_again(tmp_path):  # hub#879: a cleaner leaves the tree
    directory = obtain(tmp_path, KEY, Filling())
    for path in [path for path in directory.rglob("*") if path.is_file()]:
        path.unlink()
    (tmp_path / (NAME + ".manifest.json")).unlink()
    assert find(tmp_path, KEY) is None
    obtain(tmp_path, KEY, Filling())
    assert (directory / "saved_model.pb").is_file()


def test_a_failed_repair_leaves_what_was_there(tmp_path):
    directory = obtain(tmp_path, KEY, Filling())
    (directory / "variables" / "variables.index").unlink()

    def fail():
        raise DownloadError("offline")

    with pytest.raises(DownloadError):
        obtain(tmp_path, KEY, Filling(meanwhile=fail))
    assert (directory / "saved_model.pb").is_file()


def test_a_broken_manifest_counts_as_damage(tmp_path, caplog):
    obtain(tmp_path, KEY, Filling())
    (tmp_path / (NAME + ".manifest.json")).write_text("{")
    assert find(tmp_path, KEY) is None
    assert "is no manifest" in caplog.text
    obtain(tmp_path, KEY, Filling())
    assert find(tmp_path, KEY) is not None


@pytest.mark.parametrize("file", ["saved_model.pb", "saved_model.pbtxt", "saved_model.cpb"])
def test_an_entry_of_tensorflow_hub_is_taken_as_it_stands(tmp_path, file):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / file).write_bytes(b"graph")
    fill = Filling()
    assert obtain(tmp_path, KEY, fill) == tmp_path / NAME
    assert fill.count == 0
    assert names_in(tmp_path) == [NAME]


def test_a_file_in_a_models_place_is_replaced(tmp_path):
    (tmp_path / NAME).write_bytes(b"")
    directory = obtain(tmp_path, KEY, Filling())
    assert (directory / "saved_model.pb").is_file()
    assert names_in(tmp_path) == [NAME, NAME + ".descriptor.txt", NAME + ".manifest.json"]


def test_a_hit_writes_nothing(tmp_path):  # hub#415, hub#744
    directory = obtain(tmp_path, KEY, Filling())
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    assert obtain(tmp_path, KEY, Filling()) == directory
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


def test_a_read_only_cache_serves_what_it_has_and_says_what_it_cannot(tmp_path):  # hub#415, hub#744
    directory = obtain(tmp_path, KEY, Filling())
    tmp_path.chmod(0o555)
    try:
        if os.access(str(tmp_path), os.W_OK):
            pytest.skip("this user may write everywhere")
        assert obtain(tmp_path, KEY, Filling()) == directory
        with pytest.raises(CacheError, match="Permission denied"):
            obtain(tmp_path, KEY + "1", Filling())
    finally:
        tmp_path.chmod(0o755)


def test_a_cache_that_cannot_be_made_is_a_cache_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CacheError, match="REHUB_CACHE_DIR"):
        obtain(tmp_path / "file" / "cache", KEY, Filling())


def test_threads_that_fill_at_once_all_get_the_one_model(tmp_path):
    barrier = threading.Barrier(4)
    fill = Filling(meanwhile=lambda: barrier.wait(10))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(obtain(tmp_path, KEY, fill))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fill.count == 4
    assert answers == [tmp_path / NAME] * 4
    assert names_in(tmp_path) == [NAME, NAME + ".descriptor.txt", NAME + ".manifest.json"]


def test_threads_that_repair_at_once_all_get_the_one_model(tmp_path):
    (obtain(tmp_path, KEY, Filling()) / "saved_model.pb").unlink()
    barrier = threading.Barrier(4)
    answers = []
    fill = Filling(meanwhile=lambda: barrier.wait(10))
    threads = [threading.Thread(target=lambda: answers.append(obtain(tmp_path, KEY, fill))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [tmp_path / NAME] * 4
    assert find(tmp_path, KEY) is not None
    assert names_in(tmp_path) == [NAME, NAME + ".descriptor.txt", NAME + ".manifest.json"]
