"""Kill processes of `hub.batch` and see what is left; `python killing.py ENGINE RUNS [SEED]` does so at random moments.

A run writes 60 shards by 2 workers, while a worker, the driver or every process is killed, and starts again until all
shards are written. Each time no process may be left behind, and in the end each row is there once. Linux only.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

PROGRAM = """
import sys, rehub
report = rehub.batch(*sys.argv[1:4], outputs={"output_0": "y"}, engine=sys.argv[4], workers=2, shard_rows=10)
sys.exit(f"{report.failed}" if report.failed else 0)
"""
PR_SET_CHILD_SUBREAPER = 36  # prctl(2): processes whose parent ends become children of this one
SHARDS = 60
SECONDS_TO_END = 15  # for the processes of a driver that was killed


def save_slow_model(directory):
    """Save a model that returns its numbers, after some hundredths of a second."""
    from saved_models import FLOATS, tf

    class Slow(tf.Module):
        @tf.function(input_signature=[FLOATS])
        def __call__(self, x):
            steps = tf.while_loop(lambda step: step < 20_000, lambda step: step + 1, [tf.constant(0)])
            return x + 0.0 * tf.cast(steps[0], tf.float32)

    model = Slow()
    tf.saved_model.save(model, str(directory), model.__call__)
    return str(directory)


def write_numbers(file, shards=SHARDS):
    """Write a Parquet file that is cut into so many shards of 10 rows."""
    import pyarrow as pa
    from pyarrow import parquet

    numbers = list(range(10 * shards))
    table = pa.table({"id": numbers, "x": pa.array([float(number) for number in numbers], pa.float32())})
    parquet.write_table(table, str(file), row_group_size=10)
    return str(file)


def start_run(model, numbers, output, engine, errors=subprocess.DEVNULL):
    """Start a driver."""
    command = [sys.executable, "-c", PROGRAM, model, str(numbers), str(output), engine]
    path = os.pathsep.join([*sys.path, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)


def adopt_orphans():
    """Make this process the parent of processes whose own parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def find_descendants(ancestor):
    """Return the pids of all processes that live, below a process, each with its command line."""
    parents = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (directory / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(directory.name)] = int(parent)
    found, new = {}, [ancestor]
    while new:
        new = [pid for pid, parent in parents.items() if parent in new]
        found.update((pid, read_command(pid)) for pid in new)
    return found


def read_command(pid):
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def find_workers(descendants):
    """Return the pids of those that compute shards."""
    names = ("worker_process", "ray::_Worker", "sdk_worker_main", "beam_pipeline")
    return [pid for pid, command in descendants.items() if any(name in command for name in names)]


def kill(pid):
    """Kill a process, if it still lives."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_for_end(pids):
    """Wait for the end of processes; return those that live on, with their command lines."""
    end = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < end:
        alive = {pid: read_command(pid) for pid in pids}
        alive = {pid: command for pid, command in alive.items() if command}
        if not alive:
            return {}
        time.sleep(0.1)
    return alive


def count_parts(output):
    """Return how many shards are written."""
    return len(list(Path(output).glob("part-*.parquet")))


def check_rows(output, shards=SHARDS):
    """Check that each row is there once, with its number."""
    from pyarrow import parquet

    counts = Counter()
    for file in Path(output).glob("[!_.]*"):
        table = parquet.read_table(str(file)).to_pydict()
        assert table["y"] == [float(number) for number in table["id"]]
        counts.update(table["id"])
    assert counts == Counter(range(10 * shards))


def kill_worker_and_driver(directory, engine):
    """Kill a worker when there is a shard, and the driver when there are 20; go on in this process, and check the rows.

    Returns the processes that the driver left behind.
    """
    import rehub

    model, numbers = save_slow_model(directory / "slow"), write_numbers(directory / "numbers.parquet")
    output = directory / "output"
    driver = start_run(model, numbers, output, engine)
    wait_for_parts(output, 1, driver)
    kill(find_workers(find_descendants(driver.pid))[0])
    wait_for_parts(output, 20, driver)
    seen = find_descendants(driver.pid)
    kill(driver.pid)
    driver.wait()
    left = wait_for_end(seen)
    report = rehub.batch(model, numbers, output, outputs={"output_0": "y"}, shard_rows=10)
    assert report.resumed >= 20
    check_rows(output)
    return left


def wait_for_parts(output, count, driver):
    """Wait until a driver has so many shards."""
    while count_parts(output) < count:
        assert driver.poll() is None
        time.sleep(0.01)


def kill_at_random(directory, engine, choose):
    """Run until all is written, with kills; return what was killed."""
    model, numbers, output = directory / "slow", directory / "numbers.parquet", directory / f"output{choose.random()}"
    kills = Counter()
    while True:
        driver = start_run(str(model), numbers, output, engine)
        victims = ["worker", "driver", "all"]
        victim = choose.choice(victims if sum(kills.values()) < 5 else ["nothing"])
        moment = time.monotonic() + choose.uniform(0, 18 if engine == "ray" else 12)
        while driver.poll() is None and time.monotonic() < moment and victim != "nothing":
            time.sleep(0.02)
        seen = find_descendants(driver.pid)
        if driver.poll() is None and victim != "nothing":
            kills[victim] += 1
            workers = find_workers(seen)
            one = [choose.choice(workers)] if workers else []
            for pid in {"worker": one, "driver": [driver.pid], "all": [driver.pid, *seen]}[victim]:
                kill(pid)
            if victim == "worker" and not workers:
                kills["worker"] -= 1
        status = driver.wait()
        left = wait_for_end(find_descendants(os.getpid()))
        assert not left, (victim, left)
        if status == 0:
            check_rows(output)
            return kills
        # A pipeline of Beam fails when a worker dies.
        assert victim in ("driver", "all") or (engine == "beam" and victim == "worker"), (victim, status)


def main(engine, runs, seed=1):
    """Kill and print."""
    adopt_orphans()
    choose = random.Random(int(seed))
    total = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        save_slow_model(Path(scratch, "slow"))
        write_numbers(Path(scratch, "numbers.parquet"))
        for run in range(int(runs)):
            total += kill_at_random(Path(scratch), engine, choose)
            sys.stdout.write(f"{engine}, run {run + 1}: kills {dict(total)}; each row once, no process left\n")
            sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main(*sys.argv[1:])
