"""Processes that share a cache, of which some are killed, stopped or late: a model is complete or missing."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from effort import scaled
from filling import ENTRY, NAME, names_in
from hosting import MODEL, HostingServer, archive_of

from rehub.cache import find_cached
from rehub.cache.file_lock import try_acquire

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are made by fork"),
]
needs_seccomp = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="flock() is forbidden by a filter of the Linux kernel",
)
LOCKS = ([], pytest.param(["--no-locks"], marks=needs_seccomp))
KILLS = scaled(200)


@pytest.fixture
def server():
    with HostingServer() as server:
        yield server


@contextlib.contextmanager
def started(*arguments, **environment):
    """Start crowd.py; kill it in the end if it is still running."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(HERE / "crowd.py"), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def findings_of(*arguments, **environment):
    """Return the findings of a run of crowd.py."""
    with started(*arguments, **environment) as process:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    return json.loads(out)


def published(server, count=20):
    """Return a handle whose archive arrives in pieces, so that a kill can happen between any two of them."""
    archive = archive_of(MODEL)

    def respond(request):
        request.send_response(200)
        request.send_header("Content-Type", "application/gzip")
        request.send_header("Content-Length", str(len(archive)))
        request.end_headers()
        for start in range(0, len(archive), len(archive) // count + 1):
            request.wfile.write(archive[start : start + len(archive) // count + 1])
            request.wfile.flush()
            time.sleep(0.001)

    return server.answer("/google/digits/1", respond)


def test_after_kills_at_random_moments_the_next_process_gets_the_complete_model_at_once(server, tmp_path):
    found = findings_of("killed_at_random", tmp_path, published(server), KILLS)
    assert found["broken"] == []
    assert found["left"] == []
    assert found["slowest"] < 2
    assert found["kills"] == KILLS


@pytest.mark.skipif(sys.version_info < (3, 8), reason="steps are counted by audit hooks, which came with Python 3.8")
@pytest.mark.parametrize("locks", LOCKS)
def test_after_a_kill_at_each_step_the_next_process_gets_the_complete_model_at_once(tmp_path, locks):
    found = findings_of(*locks, "killed_at_each_step", tmp_path)
    assert found["kills"] > 60
    assert found["broken"] == []
    assert found["slowest"] < 2
    for _, _, names in found["left"]:
        # Without the system's locks, a file that names no owner may be younger than an owner that is about to.
        assert locks
        assert [name for name in names if name not in ENTRY and not name.endswith(".rehub.lock")] == []


@pytest.mark.skipif(sys.version_info < (3, 8), reason="the moment is found by audit hooks, which came with Python 3.8")
def test_repaired_model_in_use_is_not_replaced_by_another_repair(tmp_path):
    found = findings_of("repairs_just_before_a_repair", tmp_path)
    assert found["handed_out"] == [found["there"]]
    assert names_in(tmp_path) == ENTRY


@pytest.mark.parametrize("locks", LOCKS)
def test_sixteen_processes_download_once(server, cache_dir, locks):
    handle = published(server)
    found = findings_of(*locks, "at_once", cache_dir, handle, 16)
    assert found["statuses"] == [0] * 16
    assert len(server.requests) == 1
    assert len(names_in(cache_dir)) == 3


@pytest.mark.parametrize("locks", LOCKS)
def test_process_that_waits_for_a_stopped_one_proceeds_and_both_get_the_same_model(tmp_path, locks):
    with started(*locks, "fetches_until_signaled", tmp_path) as slow:
        assert slow.stdout.readline() == "fetching\n"
        slow.send_signal(signal.SIGSTOP)
        found = findings_of(*locks, "fetches", tmp_path, REHUB_LOCK_TIMEOUT="1.5")
        assert found["graph"] == "graph"
        assert 1.5 < found["seconds"] < 5
        assert any(name.endswith(".rehub.tmp") for name in names_in(tmp_path))  # It is only stopped, and left alone.
        slow.send_signal(signal.SIGCONT)
        out, err = slow.communicate("go on\n", timeout=20)
        assert json.loads(out) == str(tmp_path / NAME), err
    assert (tmp_path / NAME / "saved_model.pb").read_bytes() == b"graph"
    assert names_in(tmp_path) == ENTRY


@pytest.mark.parametrize("locks", LOCKS)
def test_waiting_process_names_the_holder_and_waits_while_it_is_alive(tmp_path, locks):
    with started(*locks, "fetches_until_signaled", tmp_path) as slow:
        assert slow.stdout.readline() == "fetching\n"
        with started(*locks, "fetches", tmp_path, REHUB_LOCK_TIMEOUT="1.5", TFHUB_DOWNLOAD_PROGRESS="1") as waiting:
            words = waiting.stderr.readline()
            assert "Waiting for 'https://tfhub.dev/google/nnlm-en-dim50/2': it is downloaded by process" in words
            assert f"process {slow.pid} on " in words
            time.sleep(2.5)
            # As when a clock jumps: no process compares it with its own.
            for seconds in (0, 4e9):
                os.utime(str(tmp_path / (NAME + ".rehub.lock")), (seconds, seconds))
                time.sleep(0.2)
            assert waiting.poll() is None
            slow.communicate("go on\n", timeout=20)
            out, _ = waiting.communicate(timeout=20)
            assert json.loads(out)["graph"] == "of the slow one"
    assert names_in(tmp_path) == ENTRY


@pytest.mark.parametrize("locks", LOCKS)
def test_lock_file_of_a_dead_process_blocks_no_process(tmp_path, locks):  # hub#579
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_lock(tmp_path, platform.node(), gone.pid)
    assert findings_of(*locks, "fetches", tmp_path)["seconds"] < 2
    assert names_in(tmp_path) == ENTRY


def test_child_of_a_dead_process_blocks_no_process(tmp_path):
    with started("dies_and_leaves_a_child", tmp_path) as process:
        while process.poll() is None:
            time.sleep(0.01)
        assert process.returncode == -signal.SIGKILL
        assert (tmp_path / "lock").exists()
        # The child lets go of the lock when it first runs, which may be after its parent's end.
        for _ in range(500):
            lock = try_acquire(tmp_path / "lock")
            if lock is not None:
                break
            time.sleep(0.01)
        assert lock is not None
        lock.release()


@needs_seccomp
def test_without_file_locks_another_machine_is_waited_for_while_its_heartbeat_runs(tmp_path):
    lock = write_lock(tmp_path, "another.machine", 1)
    with started("--no-locks", "fetches", tmp_path, REHUB_LOCK_TIMEOUT="1.5", TFHUB_DOWNLOAD_PROGRESS="1") as waiting:
        assert "process 1 on another.machine" in waiting.stderr.readline()
        for beat in range(6):  # Its clock is far behind.
            os.utime(str(lock), (1000 + beat, 1000 + beat))
            time.sleep(0.5)
        assert waiting.poll() is None
        silent = time.monotonic()
        out, _ = waiting.communicate(timeout=20)
        assert 0.9 < time.monotonic() - silent < 5
        assert json.loads(out)["graph"] == "graph"
    assert names_in(tmp_path) == ENTRY


def test_lock_file_of_tensorflow_hub_blocks_no_process_and_is_kept(tmp_path):  # hub#579, hub#326
    stale = tmp_path / (NAME + ".lock")
    stale.write_text("host.1.00000000000000000000000000000000")
    assert findings_of("fetches", tmp_path)["seconds"] < 2
    assert stale.exists()
    assert find_cached((tmp_path,), "https://tfhub.dev/google/nnlm-en-dim50/2") is not None


def write_lock(root, host, pid):
    """Write the lock file of a process."""
    lock = root / (NAME + ".rehub.lock")
    lock.write_text(json.dumps({"host": host, "pid": pid, "since": "2026-01-02T03:04:05+00:00", "token": "0"}))
    return lock
