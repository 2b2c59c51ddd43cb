"""Processes that use one cache at once and are killed. Each case is a mode of this script, which has no threads.

`python crowd.py MODE ROOT [HANDLE...]` prints its findings as JSON. Processes are forked, as starting one takes
a hundred times as long. With `--no-locks` in front the kernel answers each flock() with ENOLCK, as some network file
systems do.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import random
import signal
import sys
import time
from pathlib import Path

from filling import ENTRY, KEY, NAME, Filling, names_in

import rehub
from rehub.cache import find_cached, get_or_fetch
from rehub.cache.file_lock import try_acquire

FLOCK = {"x86_64": 73, "aarch64": 32}


def forbid_locks():
    """Make flock() fail in this process and its children, by a filter of four instructions for system calls."""

    class Instruction(ctypes.Structure):
        _fields_ = (
            ("code", ctypes.c_ushort),
            ("if_true", ctypes.c_ubyte),
            ("if_false", ctypes.c_ubyte),
            ("k", ctypes.c_uint),
        )

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction)))

    load_number, jump_if_equal, answer = 0x20, 0x15, 0x06
    refuse, allow = 0x00050000 | errno.ENOLCK, 0x7FFF0000
    instructions = (Instruction * 4)(
        Instruction(load_number, 0, 0, 0),
        Instruction(jump_if_equal, 0, 1, FLOCK[platform.machine()]),
        Instruction(answer, 0, 0, refuse),
        Instruction(answer, 0, 0, allow),
    )
    set_no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(set_no_new_privileges, 1, 0, 0, 0) == 0
    assert libc.prctl(set_seccomp, mode_filter, ctypes.byref(Program(4, instructions))) == 0


def forked(run):
    """Run a function in a child process, with its result as the exit status; return the process id."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = run() or 0
        except BaseException as error:  # noqa: BLE001 - printed, and the child must not continue above
            sys.stderr.write(f"{error!r}\n")
        finally:
            os._exit(status)
    return child


def status_of(child):
    """Return a child's exit status, or the negative number of the signal that killed it."""
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def files_of(directory):
    """Return the content of each file of a model."""
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in Path(directory).rglob("*") if p.is_file()}


def killed_at_random(root, handle, count):
    """Run downloads that are killed at random moments, each followed by one that is not."""
    os.environ["TFHUB_CACHE_DIR"] = str(root / "whole")
    whole = files_of(rehub.resolve(handle))
    os.environ["TFHUB_CACHE_DIR"] = str(root / "timed")
    start = time.monotonic()
    status_of(forked(lambda: rehub.resolve(handle) and None))
    span = time.monotonic() - start
    chance = random.Random(0)
    findings = {"kills": 0, "broken": [], "left": [], "slowest": 0.0}
    number = 0
    while findings["kills"] < int(count):  # A download that was ready before its moment came does not count.
        number += 1
        cache = root / str(number % 4)  # So that a kill also meets what others have left.
        os.environ["TFHUB_CACHE_DIR"] = str(cache)
        child = forked(lambda: rehub.resolve(handle) and None)
        time.sleep(chance.uniform(0, span))
        os.kill(child, signal.SIGKILL)
        findings["kills"] += status_of(child) == -signal.SIGKILL
        start = time.monotonic()
        status = status_of(forked(lambda: files_of(rehub.resolve(handle)) != whole))
        findings["slowest"] = max(findings["slowest"], time.monotonic() - start)
        entry = next((path for path in cache.iterdir() if path.is_dir()), None)
        if status != 0 or entry is None or files_of(entry) != whole:
            findings["broken"].append(number)
        if len(list(cache.iterdir())) != 3:
            findings["left"].append(names_in(cache))
        if chance.random() < 0.8:  # Else the next one is killed at a hit.
            for path in cache.glob("*.manifest.json"):
                path.unlink()
            os.rename(str(entry), str(root / f"old{number}"))
    return findings


def killed_at_each_step(root):
    """Run fetches that are killed before their first change of the file system, before the second, ..."""
    # Without locks each step waits for the heartbeat of the dead, so several processes share the steps.
    shares = [forked(lambda first=first: write_findings(root, first)) for first in range(1, 5)]
    assert [status_of(share) for share in shares] == [0] * 4
    found = [json.loads(file.read_text()) for file in root.glob("*.findings")]
    return {
        "kills": sum(each["kills"] for each in found),
        "broken": [each for share in found for each in share["broken"]],
        "left": [each for share in found for each in share["left"]],
        "slowest": max(each["slowest"] for each in found),
    }


def write_findings(root, first):
    (root / f"{first}.findings").write_text(json.dumps(killed_at_every_fourth_step(root, first)))


def killed_at_every_fourth_step(root, first):
    findings = {"kills": 0, "broken": [], "left": [], "slowest": 0.0}
    for repairs in (False, True):
        step = first - 4
        status = -signal.SIGKILL
        while status == -signal.SIGKILL:
            step += 4
            cache = root / f"{repairs}-{step}"
            if repairs:
                (get_or_fetch((cache,), KEY, Filling(graph=b"old")) / "variables" / "variables.index").unlink()
            status = status_of(forked(lambda cache=cache, step=step: dies_at(step) or obtain_whole(cache)))
            findings["kills"] += status == -signal.SIGKILL
            found = find_cached((cache,), KEY)
            if found is not None and set(files_of(found)) != WHOLE:
                findings["broken"].append([repairs, step, "found"])
            start = time.monotonic()
            if status_of(forked(lambda cache=cache: obtain_whole(cache))) != 0:
                findings["broken"].append([repairs, step, "obtained"])
            findings["slowest"] = max(findings["slowest"], time.monotonic() - start)
            if names_in(cache) != ENTRY:
                findings["left"].append([repairs, step, names_in(cache)])
    return findings


WHOLE = {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}


def obtain_whole(cache):
    return set(files_of(get_or_fetch((cache,), KEY, Filling()))) != WHOLE


def dies_at(step):
    """Kill this process just before its step-th change of the disk."""
    done = 0

    def count(event, arguments):
        nonlocal done
        if event.startswith(("open", "os.", "fcntl.", "shutil.")):
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def at_once(root, handle, count):
    """Let processes resolve one handle at the same moment."""
    os.environ["TFHUB_CACHE_DIR"] = str(root)
    start = time.monotonic() + 0.3

    def resolve():
        time.sleep(max(0.0, start - time.monotonic()))
        return sorted(files_of(rehub.resolve(handle))) == []

    begun = time.monotonic()
    children = [forked(resolve) for _ in range(int(count))]
    return {"statuses": [status_of(child) for child in children], "seconds": time.monotonic() - begun}


def fetches_until_signaled(root):
    """Fetch an entry slowly: print a line at the start, and end after reading a line."""

    def meanwhile():
        sys.stdout.write("fetching\n")
        sys.stdout.flush()
        sys.stdin.readline()

    return str(get_or_fetch((root,), KEY, Filling(meanwhile, graph=b"of the slow one")))


def fetches(root):
    """Fetch an entry without a pause."""
    start = time.monotonic()
    directory = get_or_fetch((root,), KEY, Filling())
    return {"seconds": time.monotonic() - start, "graph": (directory / "saved_model.pb").read_text()}


def repairs_just_before_a_repair(root):
    """Repair an entry without a lock while another process does so just before the old one is moved away."""
    directory = get_or_fetch((root,), KEY, Filling())
    (directory / "saved_model.pb").unlink()
    handed_out = []

    def overtake(event, arguments):
        if event == "os.rename" and str(arguments[0]) == str(directory) and not handed_out:
            handed_out.append(None)
            (root / (NAME + ".rehub.lock")).unlink()
            status_of(forked(lambda: obtain_whole(root)))
            handed_out[0] = directory.stat().st_ino

    sys.addaudithook(overtake)
    get_or_fetch((root,), KEY, Filling())
    return {"handed_out": handed_out, "there": directory.stat().st_ino}


def dies_and_leaves_a_child(root):
    """Acquire a lock, start a child process, and get killed; the child lives until its stdin ends."""
    assert try_acquire(root / "lock")
    forked(sys.stdin.read)
    os.kill(os.getpid(), signal.SIGKILL)


MODES = (
    killed_at_random,
    killed_at_each_step,
    at_once,
    fetches_until_signaled,
    fetches,
    repairs_just_before_a_repair,
    dies_and_leaves_a_child,
)


def main(mode, root, *arguments):
    run = {function.__name__: function for function in MODES}[mode]
    sys.stdout.write(json.dumps(run(Path(root), *arguments)))


if __name__ == "__main__":
    if sys.argv[1] == "--no-locks":
        forbid_locks()
        del sys.argv[1]
    main(*sys.argv[1:])
