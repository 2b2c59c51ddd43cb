"""Listing, verifying, removing and pruning entries."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone

import pytest
from filling import ENTRY, KEY, NAME, Filling, names_in

from rehub.cache import find_cached, get_or_fetch, list_entries, open_cache, prune_cache
from rehub.errors import CacheError

SIZE = len(b"graph" + b"index" + b"data")


@pytest.fixture
def root(tmp_path):
    """A cache with one model."""
    get_or_fetch((tmp_path,), KEY, Filling())
    return tmp_path


def test_entry_records_origin_size_and_time(root):
    (entry,) = list_entries(root)
    assert entry == open_cache(root).find_entry(KEY)
    assert (entry.root, entry.directory) == (root, root / NAME)
    assert (entry.handle, entry.url) == (KEY, "https://mirror/nnlm.tar.gz")
    assert (entry.size, entry.files, entry.problem) == (SIZE, 3, None)
    assert 0 <= (datetime.now(timezone.utc) - entry.stored).total_seconds() < 60
    assert abs((entry.used - entry.stored).total_seconds()) < 60


def test_entry_of_tensorflow_hub_is_read_from_its_descriptor(root):
    (root / (NAME + ".manifest.json")).unlink()
    entry = open_cache(root).find_entry(KEY)
    assert (entry.handle, entry.url, entry.size, entry.problem) == (KEY, None, SIZE, None)
    assert 0 <= (datetime.now(timezone.utc) - entry.stored).total_seconds() < 60
    (root / (NAME + ".descriptor.txt")).unlink()
    entry = open_cache(root).find_entry(KEY)
    assert (entry.handle, entry.stored, entry.size) == (None, None, SIZE)


def test_entries_are_sorted_and_other_files_are_ignored(root):
    get_or_fetch((root,), "https://a", Filling())
    (root / (NAME + ".lock")).write_text("host.1.uuid")
    (root / "README").write_text("mine")
    (root / "photos").mkdir()
    assert [entry.handle for entry in list_entries(root)] == ["https://a", KEY]


def test_missing_cache_is_empty_and_a_file_is_an_error(tmp_path):
    assert list_entries(tmp_path / "missing") == []
    assert open_cache(tmp_path / "missing").find_entry(KEY) is None
    assert prune_cache(tmp_path / "missing", 0) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CacheError, match="cannot be read"):
        list_entries(tmp_path / "file")


def test_verify_finds_no_problem_in_a_complete_model_and_writes_nothing(root):
    before = names_in(root)
    report = open_cache(root).verify_entry(open_cache(root).find_entry(KEY))
    assert (report.problems, report.unexpected, report.has_manifest) == ((), (), True)
    assert names_in(root) == before


def test_verify_names_missing_modified_and_unexpected_files(root):
    (root / NAME / "saved_model.pb").write_bytes(b"other")
    (root / NAME / "variables" / "variables.index").unlink()
    (root / NAME / "notes.txt").write_bytes(b"mine")
    entry = open_cache(root).find_entry(KEY)
    assert entry.problem == "variables/variables.index is missing"
    report = open_cache(root).verify_entry(entry)
    assert [words.partition(":")[0] for words in report.problems] == [
        "saved_model.pb was modified after the download",
        "variables/variables.index is missing",
    ]
    assert report.unexpected == ("notes.txt",)
    assert open_cache(root).verify_entry(entry, digests=False).problems == ("variables/variables.index is missing",)


def test_verify_reports_a_missing_or_broken_manifest(root):
    (root / (NAME + ".manifest.json")).unlink()
    report = open_cache(root).verify_entry(open_cache(root).find_entry(KEY))
    assert (report.problems, report.has_manifest) == ((), False)
    (root / NAME / "saved_model.pb").unlink()
    assert open_cache(root).verify_entry(open_cache(root).find_entry(KEY)).problems == (
        "it has no saved_model.pb or saved_model.pbtxt or saved_model.cpb",
    )
    (root / (NAME + ".manifest.json")).write_text("{")
    assert "is not a manifest" in open_cache(root).verify_entry(open_cache(root).find_entry(KEY)).problems[0]


def test_removed_entry_leaves_no_file(root):
    get_or_fetch((root,), "https://a", Filling())
    open_cache(root).remove_entry(open_cache(root).find_entry(KEY))
    assert find_cached((root,), KEY) is None
    assert [entry.handle for entry in list_entries(root)] == ["https://a"]
    assert len(names_in(root)) == 3
    get_or_fetch((root,), KEY, Filling())
    assert find_cached((root,), KEY) is not None


def test_entry_that_cannot_be_removed_is_an_error(read_only_root, nobody):
    with pytest.raises(CacheError, match="cannot be deleted"):
        open_cache(read_only_root).remove_entry(open_cache(read_only_root).find_entry(KEY))


def test_prune_deletes_incomplete_then_least_recently_used_entries(tmp_path):
    # Days since the last use. One was last used before the clock was set back.
    days = {"https://old": 4, "https://new": 3, "https://broken": 9, "https://newest": 1, "https://ahead": -9}
    for key, age in days.items():
        directory = get_or_fetch((tmp_path,), key, Filling())
        used = time.time() - age * 24 * 3600
        os.utime(str(directory) + ".manifest.json", (used, used))
        if key == "https://broken":
            (directory / "saved_model.pb").unlink()
    find_cached((tmp_path,), "https://old")  # Which is a use.
    assert [entry.handle for entry in prune_cache(tmp_path, 2 * SIZE)] == [
        "https://broken",
        "https://ahead",
        "https://new",
    ]
    assert [entry.handle for entry in list_entries(tmp_path)] == ["https://newest", "https://old"]
    assert prune_cache(tmp_path, 2 * SIZE) == []


def test_prune_deletes_stale_staging_and_keeps_recent_staging_of_tensorflow_hub(root):
    two_days = 2 * 24 * 3600
    leftovers = [f"{NAME}.{letter * 32}.tmp" for letter in "abe"]
    for name in leftovers:
        (root / name / "variables").mkdir(parents=True)
        (root / name / "variables" / "variables.index").write_bytes(b"half")
    # The second is of a time before the clock was set back.
    for name, moment in ((leftovers[0], time.time() - two_days), (leftovers[2], time.time() + two_days)):
        for path in (root / name, *(root / name).rglob("*")):
            os.utime(str(path), (moment, moment))
    dead = f"{NAME}.{'c' * 32}.rehub"
    (root / f"{dead}.tmp" / "model").mkdir(parents=True)
    (root / f"{dead}.lock").write_text("")
    (root / f"{'d' * 40}.rehub.lock").write_text("")
    assert prune_cache(root, 10**9) == []
    assert names_in(root) == sorted([*ENTRY, leftovers[1]])
