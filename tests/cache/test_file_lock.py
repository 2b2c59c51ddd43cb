"""A lock that ends with its process."""

from __future__ import annotations

import os
import threading
import time

import pytest

from rehub.cache.file_lock import break_stale_lock, read_heartbeat, read_holder, try_acquire


def test_lock_is_exclusive_also_within_one_process(tmp_path):
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


def test_lock_file_names_its_holder_to_other_processes(tmp_path):
    path = tmp_path / "lock"
    assert read_holder(path) is None
    with try_acquire(path):
        for _ in range(2):
            assert read_holder(path).pid == os.getpid()
            assert str(read_holder(path)).startswith(f"process {os.getpid()} on ")
            assert try_acquire(path) is None  # Which does not empty it.


@pytest.mark.alone
def test_heartbeat_runs_while_the_lock_is_held(tmp_path):
    path = tmp_path / "lock"
    with try_acquire(path):
        first = read_heartbeat(path)
        deadline = time.monotonic() + 5
        while read_heartbeat(path) == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert read_heartbeat(path) is None


def test_broken_lock_does_not_delete_the_new_holders_file(tmp_path):
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


def test_lock_file_of_a_dead_process_is_acquired(tmp_path):
    path = tmp_path / "lock"
    path.write_text("{")
    with try_acquire(path) as lock:
        assert lock is not None
    assert not path.exists()


def test_missing_directory_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        try_acquire(tmp_path / "missing" / "lock")


def test_directory_of_another_user_is_an_error(read_only_root, nobody):
    with pytest.raises(PermissionError):
        try_acquire(read_only_root / "lock")
