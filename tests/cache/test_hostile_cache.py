"""A cache that other users write to: their files are not followed, waited for or written to, and never trusted."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import hostile_cache as hostile
import pytest
from filling import ENTRY, KEY, NAME, Filling, names_in

from rehub.cache import (
    find_cached,
    get_or_fetch,
    list_entries,
    open_cache,
    prune_cache,
    refetch,
)
from rehub.cache.file_lock import read_holder, try_acquire
from rehub.errors import UnsafeArchive

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs, and links only for administrators")

SECONDS = 20.0  # Enough to deal with any file, also on a busy machine.


@pytest.fixture
def precious(tmp_path):
    """A file of the user outside of the cache."""
    file = tmp_path / "precious"
    file.write_bytes(b"precious")
    os.utime(str(file), (1, 1))
    yield file
    assert (file.read_bytes(), file.stat().st_mtime) == (b"precious", 1)


@pytest.fixture
def root(tmp_path):
    """A cache with one model."""
    root = tmp_path / "cache"
    get_or_fetch((root,), KEY, Filling())
    return root


@pytest.fixture(autouse=True)
def soon():
    """Check that no test here waits."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("thing", [*hostile.THINGS, "a link to a file", "another name of a file"])
@pytest.mark.parametrize("again", [False, True], ids=["missing", "refreshed"])
def test_file_that_is_not_a_lock_is_neither_written_nor_waited_for(tmp_path, precious, thing, again):
    root = tmp_path / "cache"
    root.mkdir()
    things = {**hostile.THINGS, "a link to a file": hostile.link_to(precious)}
    things["another name of a file"] = lambda path: os.link(str(precious), str(path))
    things[thing](root / hostile.LOCK)
    fill = Filling()
    assert (refetch if again else get_or_fetch)((root,), KEY, fill) == root / NAME
    assert fill.count == 1
    left = [name for name in names_in(root) if name not in ENTRY]
    assert left == ([hostile.LOCK] if thing == "a full directory" else [])


def test_lock_that_keeps_coming_back_as_a_link_blocks_no_process(tmp_path, precious):
    lock, done = tmp_path / hostile.LOCK, threading.Event()

    def plant():
        while not done.is_set():
            try:
                os.symlink(str(precious), str(lock))
            except OSError:
                pass

    planter = threading.Thread(target=plant)
    planter.start()
    try:
        assert (get_or_fetch((tmp_path,), KEY, Filling()) / "saved_model.pb").read_bytes() == b"graph"
    finally:
        done.set()
        planter.join()


@pytest.mark.parametrize(
    "owner",
    [
        b'{"host": "h", "pid": 1e999, "since": "s", "token": "t"}',
        b'{"host": "h", "pid": 99999999999999999999, "since": "s", "token": "t"}',
        b'{"host": "h", "pid": -1, "since": "s", "token": "t"}',
        b'{"host": "h", "pid": "1", "since": "s", "token": "t"}',
        b'{"host": ' * 10_000,
        b"\xff" * 100_000,
    ],
)
def test_lock_file_with_an_impossible_holder_has_no_holder(tmp_path, owner):
    (tmp_path / "lock").write_bytes(owner)
    assert read_holder(tmp_path / "lock") is None
    with try_acquire(tmp_path / "lock") as lock:
        assert lock is not None


def test_lock_holder_is_printed_on_one_line_of_bounded_length(tmp_path):
    fields = {"host": "\x1b[2J\n" + "h" * 1000, "pid": 7, "since": "\u202e" + "s" * 1000, "token": "t"}
    (tmp_path / "lock").write_text(json.dumps(fields))
    said = str(read_holder(tmp_path / "lock"))
    assert said.isprintable() and len(said) < 250


@pytest.mark.parametrize("content", hostile.CONTENTS.values(), ids=hostile.CONTENTS)
def test_malformed_manifest_makes_the_model_be_fetched_again(root, caplog, content):
    (root / hostile.MANIFEST).write_bytes(content)
    assert find_cached((root,), KEY) is None
    assert "is incomplete; ignoring it" in caplog.text
    assert open_cache(root).find_entry(KEY).problem
    assert open_cache(root).verify_entry(open_cache(root).find_entry(KEY)).problems
    fetched_again(root)


@pytest.mark.parametrize("content", hostile.STRANGE.values(), ids=hostile.STRANGE)
def test_manifest_with_strange_texts_is_shown_escaped(root, content):
    (root / hostile.MANIFEST).write_bytes(content)
    (entry,) = list_entries(root)
    assert entry == open_cache(root).find_entry(KEY) and entry.problem is None
    for text in (entry.handle, entry.url):
        assert text.isprintable() and len(text) < 1000
    assert entry.stored is None or entry.stored.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("thing", hostile.THINGS.values(), ids=hostile.THINGS)
@pytest.mark.parametrize("name", [hostile.MANIFEST, hostile.DESCRIPTOR, NAME, f"{NAME}/saved_model.pb"])
def test_irregular_file_makes_the_model_be_fetched_again(root, name, thing):
    hostile.put(root / name, thing)
    is_whole = name == hostile.DESCRIPTOR  # Which are words for people.
    assert (find_cached((root,), KEY) is not None) is is_whole
    entry = open_cache(root).find_entry(KEY)
    assert (entry.problem is None) is is_whole
    assert (open_cache(root).verify_entry(entry).problems == ()) is is_whole
    fetched_again(root)


def test_directory_that_is_a_link_is_a_problem(root, tmp_path):
    (root / NAME / "variables").rename(tmp_path / "elsewhere")
    (root / NAME / "variables").symlink_to(tmp_path / "elsewhere")
    assert "a link" in open_cache(root).find_entry(KEY).problem
    fetched_again(root)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2


def test_link_is_not_a_file_of_a_model_without_a_manifest(root, precious):
    (root / hostile.MANIFEST).unlink()
    hostile.put(root / NAME / "saved_model.pb", hostile.link_to(precious))
    assert "it has no saved_model.pb" in open_cache(root).find_entry(KEY).problem
    fetched_again(root)


@pytest.mark.parametrize("thing", [*hostile.THINGS, "a link to a full directory"])
def test_stale_staging_is_deleted_without_following_links(root, tmp_path, precious, thing):
    things = {**hostile.THINGS, "a link to a full directory": hostile.link_to(tmp_path)}
    for letter, ending in zip("abcd", (".rehub.tmp", ".rehub.lock", ".tmp", ".rehub.tmp")):
        things[thing](root / f"{NAME}.{letter * 32}{ending}")
    (root / f"{NAME}.{'d' * 32}.rehub.lock").write_bytes(b"")
    refetch((root,), KEY, Filling())
    assert prune_cache(root, 10**9) == []
    kept = {f"{NAME}.{'c' * 32}.tmp"}  # of tensorflow_hub's, for a day
    if thing == "a full directory":  # with the name of a lock: it may be another process's work
        kept.add(f"{NAME}.{'b' * 32}.rehub.lock")
    assert set(names_in(root)) == {*ENTRY, *kept}


def test_tree_deeper_than_the_stack_is_deleted(root):
    below = os.open(str(root / NAME), os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 200):
        os.mkdir("d", dir_fd=below)
        inner = os.open("d", os.O_RDONLY, dir_fd=below)
        os.close(below)
        below = inner
    os.close(below)
    assert find_cached((root,), KEY) == root / NAME  # Unlisted files are not part of the model.
    assert len(open_cache(root).verify_entry(open_cache(root).find_entry(KEY)).unexpected) == 1
    open_cache(root).remove_entry(open_cache(root).find_entry(KEY))
    assert names_in(root) == []


@pytest.mark.parametrize("moment", [-(10**10), 10**12, 2**40])
def test_file_with_an_impossible_year_does_not_break_the_listing(root, moment):
    try:
        os.utime(str(root / hostile.MANIFEST), (moment, moment))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such time")
    (entry,) = list_entries(root)
    assert entry.problem is None
    assert prune_cache(root, 0) == [entry]


def test_fetched_model_must_not_hold_links(tmp_path):
    fill = Filling(meanwhile=lambda: os.symlink("/etc/passwd", str(next(tmp_path.rglob("model")) / "link")))
    with pytest.raises(UnsafeArchive, match="'link' is a link"):
        get_or_fetch((tmp_path,), KEY, fill)
    assert names_in(tmp_path) == []


def fetched_again(root):
    """Check that the model is fetched again and found, and that the irregular file is gone."""
    fill = Filling()
    assert refetch((root,), KEY, fill) == root / NAME
    assert fill.count == 1
    assert find_cached((root,), KEY) == root / NAME
    assert (
        open_cache(root).find_entry(KEY).problem,
        open_cache(root).verify_entry(open_cache(root).find_entry(KEY)).problems,
    ) == (None, ())
    assert names_in(root) == ENTRY
