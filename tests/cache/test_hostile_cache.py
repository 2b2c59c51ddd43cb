"""A cache that others write to: nothing of theirs is followed, waited for or written to, and all of it is damage."""

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
    find_entry,
    get_or_fetch,
    list_entries,
    prune_cache,
    refetch,
    remove_entry,
    verify_entry,
)
from rehub.cache.claim import owner_of, try_claim
from rehub.errors import UnsafeArchive

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs, and links only for administrators")

SECONDS = 20.0  # In which whatever stands in a cache has been dealt with, on a busy machine too.


@pytest.fixture
def precious(tmp_path):
    """A file of the user's that no cache has to do with."""
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
    """No test here waits for anything."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("thing", [*hostile.THINGS, "a link to a file", "another name of a file"])
@pytest.mark.parametrize("again", [False, True], ids=["missing", "refreshed"])
def test_what_stands_in_a_locks_place_is_neither_written_nor_waited_for(tmp_path, precious, thing, again):
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


def test_a_lock_that_comes_back_as_a_link_again_and_again_holds_nobody_up(tmp_path, precious):
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
def test_a_locks_file_that_names_an_impossible_owner_is_one_without_a_name(tmp_path, owner):
    (tmp_path / "lock").write_bytes(owner)
    assert owner_of(tmp_path / "lock") is None
    with try_claim(tmp_path / "lock") as claim:
        assert claim is not None


def test_a_locks_owner_is_told_on_one_line_of_bounded_length(tmp_path):
    fields = {"host": "\x1b[2J\n" + "h" * 1000, "pid": 7, "since": "\u202e" + "s" * 1000, "token": "t"}
    (tmp_path / "lock").write_text(json.dumps(fields))
    said = str(owner_of(tmp_path / "lock"))
    assert said.isprintable() and len(said) < 250


@pytest.mark.parametrize("content", hostile.CONTENTS.values(), ids=hostile.CONTENTS)
def test_a_manifest_that_is_none_is_damage_and_the_model_is_fetched_again(root, caplog, content):
    (root / hostile.MANIFEST).write_bytes(content)
    assert find_cached((root,), KEY) is None
    assert "is damaged and does not count" in caplog.text
    assert find_entry(root, KEY).damage
    assert verify_entry(find_entry(root, KEY)).damage
    fetched_again(root)


@pytest.mark.parametrize("content", hostile.STRANGE.values(), ids=hostile.STRANGE)
def test_a_manifest_with_something_impossible_beside_its_files_is_shown_as_it_can_be(root, content):
    (root / hostile.MANIFEST).write_bytes(content)
    (entry,) = list_entries(root)
    assert entry == find_entry(root, KEY) and entry.damage is None
    for text in (entry.handle, entry.url):
        assert text.isprintable() and len(text) < 1000
    assert entry.stored is None or entry.stored.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("thing", hostile.THINGS.values(), ids=hostile.THINGS)
@pytest.mark.parametrize("name", [hostile.MANIFEST, hostile.DESCRIPTOR, NAME, f"{NAME}/saved_model.pb"])
def test_what_is_no_file_is_damage_and_the_model_is_fetched_again(root, name, thing):
    hostile.put(root / name, thing)
    is_whole = name == hostile.DESCRIPTOR  # Which are words for people.
    assert (find_cached((root,), KEY) is not None) is is_whole
    entry = find_entry(root, KEY)
    assert (entry.damage is None) is is_whole
    assert (verify_entry(entry).damage == ()) is is_whole
    fetched_again(root)


def test_a_directory_of_the_model_that_is_a_link_is_damage(root, tmp_path):
    (root / NAME / "variables").rename(tmp_path / "elsewhere")
    (root / NAME / "variables").symlink_to(tmp_path / "elsewhere")
    assert "a link" in find_entry(root, KEY).damage
    fetched_again(root)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2


def test_without_a_manifest_a_link_is_no_file_of_the_model(root, precious):
    (root / hostile.MANIFEST).unlink()
    hostile.put(root / NAME / "saved_model.pb", hostile.link_to(precious))
    assert "it has no saved_model.pb" in find_entry(root, KEY).damage
    fetched_again(root)


@pytest.mark.parametrize("thing", [*hostile.THINGS, "a link to a full directory"])
def test_what_stands_among_dead_downloads_is_deleted_and_not_followed(root, tmp_path, precious, thing):
    things = {**hostile.THINGS, "a link to a full directory": hostile.link_to(tmp_path)}
    for letter, ending in zip("abcd", (".rehub.tmp", ".rehub.lock", ".tmp", ".rehub.tmp")):
        things[thing](root / f"{NAME}.{letter * 32}{ending}")
    (root / f"{NAME}.{'d' * 32}.rehub.lock").write_bytes(b"")
    refetch((root,), KEY, Filling())
    assert prune_cache(root, 10**9) == []
    kept = {f"{NAME}.{'c' * 32}.tmp"}  # of tensorflow_hub's, for a day
    if thing == "a full directory":  # in the place of a lock, where nobody's work is deleted
        kept.add(f"{NAME}.{'b' * 32}.rehub.lock")
    assert set(names_in(root)) == {*ENTRY, *kept}


def test_a_tree_deeper_than_the_stack_is_damage_and_is_deleted(root):
    below = os.open(str(root / NAME), os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 200):
        os.mkdir("d", dir_fd=below)
        inner = os.open("d", os.O_RDONLY, dir_fd=below)
        os.close(below)
        below = inner
    os.close(below)
    assert find_cached((root,), KEY) == root / NAME  # What nobody listed is not the model's.
    assert len(verify_entry(find_entry(root, KEY)).unlisted) == 1
    remove_entry(find_entry(root, KEY))
    assert names_in(root) == []


@pytest.mark.parametrize("moment", [-(10**10), 10**12, 2**40])
def test_a_file_of_an_impossible_year_does_not_keep_the_cache_from_being_seen(root, moment):
    try:
        os.utime(str(root / hostile.MANIFEST), (moment, moment))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such time")
    (entry,) = list_entries(root)
    assert entry.damage is None
    assert prune_cache(root, 0) == [entry]


def test_what_is_fetched_holds_no_link(tmp_path):
    fill = Filling(meanwhile=lambda: os.symlink("/etc/passwd", str(next(tmp_path.rglob("model")) / "link")))
    with pytest.raises(UnsafeArchive, match="'link' is a link"):
        get_or_fetch((tmp_path,), KEY, fill)
    assert names_in(tmp_path) == []


def fetched_again(root):
    """The model comes again, and then counts; what is in the way is gone."""
    fill = Filling()
    assert refetch((root,), KEY, fill) == root / NAME
    assert fill.count == 1
    assert find_cached((root,), KEY) == root / NAME
    assert (find_entry(root, KEY).damage, verify_entry(find_entry(root, KEY)).damage) == (None, ())
    assert names_in(root) == ENTRY
