"""A claim that ends with its owner."""

from __future__ import annotations

import os
import threading
import time

import pytest

from rehub.cache.file_lock import break_stale_lock, read_heartbeat, read_holder, try_acquire


def test_a_name_is_claimed_by_one_at_a_time_in_one_process_too(tmp_path):
    path = tmp_path / "lock"
    with try_acquire(path):
        assert try_acquire(path) is None
        others = []
        thread = threading.Thread(target=lambda: others.append(try_acquire(path)))
        thread.start()
        thread.join()
        assert others == [None]
    assert not path.exists()
    with try_acquire(path):
        assert path.exists()


def test_the_file_says_who_holds_it_to_all_and_since_when(tmp_path):
    path = tmp_path / "lock"
    assert read_holder(path) is None
    with try_acquire(path):
        for _ in range(2):
            assert read_holder(path).pid == os.getpid()
            assert str(read_holder(path)).startswith(f"process {os.getpid()} on ")
            assert try_acquire(path) is None  # Which does not empty it.


@pytest.mark.alone
def test_it_beats_as_long_as_it_is_held(tmp_path):
    path = tmp_path / "lock"
    with try_acquire(path):
        first = read_heartbeat(path)
        deadline = time.monotonic() + 5
        while read_heartbeat(path) == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert read_heartbeat(path) is None


def test_one_that_was_taken_over_leaves_the_new_owners_file_alone(tmp_path):
    path = tmp_path / "lock"
    with try_acquire(path):
        break_stale_lock(path, None)
        assert path.exists()  # Its pulse was another.
        break_stale_lock(path, read_heartbeat(path))
        with try_acquire(path) as second:
            assert second is not None
    assert not path.exists()
    old = try_acquire(path)
    break_stale_lock(path, read_heartbeat(path))
    with try_acquire(path):
        old.release()
        assert path.exists()


def test_a_file_that_a_dead_process_left_is_claimed(tmp_path):
    path = tmp_path / "lock"
    path.write_text("{")
    with try_acquire(path) as claim:
        assert claim is not None
    assert not path.exists()


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        try_acquire(tmp_path / "missing" / "lock")


def test_a_directory_of_somebody_else_is_an_error(read_only_root, nobody):
    with pytest.raises(PermissionError):
        try_acquire(read_only_root / "lock")
