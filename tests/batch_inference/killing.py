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
SECONDS_TO_FINISH = 240  # for a driver after a kill; it computes the shards that are left


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
    check_rest(output)
    return left


def wait_for_parts(output, count, driver):
    """Wait until a driver has so many shards."""
    while count_parts(output) < count:
        assert driver.poll() is None
        time.sleep(0.01)


class Moments:
    """Moments of a run, each with the processes that are killed then; Linux only.

    Args:
        driver: the process of the run.
        output: its directory.
        choose: a `random.Random`.
    """

    def __init__(self, driver, output, choose):
        self._driver, self._output, self._choose = driver, Path(output), choose

    def start(self):
        """Any moment of the first seconds: the driver, or all processes."""
        end = time.monotonic() + self._choose.uniform(0, 8)
        self._wait(lambda: time.monotonic() > end)
        return self._choose.choice([self._find_driver, self._find_all])()

    def load(self):
        """A worker imports TensorFlow and loads the model: this worker."""
        known = set(self._find_workers())
        self._wait(lambda: set(self._find_workers()) - known or self._count_staged())
        end = time.monotonic() + self._choose.uniform(0, 3)
        self._wait(lambda: time.monotonic() > end)
        return self._find_worker()

    def compute(self):
        """Some shards later: a worker."""
        return self._after_shards(self._find_worker)

    def write(self):
        """The rows are in the file, which is not closed or has no name yet: the worker that writes it."""
        self._wait_for_shards(self._choose.randint(0, 10))
        staged = []
        self._wait(lambda: staged.extend(self._list_staged(larger_than=4)) or staged, pause=0.0005)
        return [pid for pid in self._find_workers() if staged and is_open(pid, staged[0])]

    def end_driver(self):
        """Some shards later: the driver."""
        return self._after_shards(self._find_driver)

    def end_all(self):
        """Some shards later: all processes."""
        return self._after_shards(self._find_all)

    def end_cluster(self):
        """Some shards later: a process of Ray that is not a worker."""
        names = ("raylet/raylet", "gcs_server", "hold_cluster", "dashboard/agent", "runtime_env/agent")
        return self._after_shards(
            lambda: self._pick(pid for pid, command in self._find() if any(name in command for name in names))
        )

    def _after_shards(self, find):
        self._wait_for_shards(self._choose.randint(1, 20))
        end = time.monotonic() + self._choose.uniform(0, 0.3)
        self._wait(lambda: time.monotonic() > end)
        return find()

    def _wait_for_shards(self, more):
        count = count_parts(self._output) + more
        self._wait(lambda: count_parts(self._output) >= count)

    def _wait(self, is_over, pause=0.02):
        while self._driver.poll() is None and not is_over():
            time.sleep(pause)

    def _list_staged(self, larger_than=-1):
        found = []
        for file in (self._output / "_rehub" / "tmp").glob("*"):
            try:
                if file.stat().st_size > larger_than:
                    found.append(file)
            except OSError:
                pass
        return found

    def _count_staged(self):
        return len(self._list_staged())

    def _find(self):
        return find_descendants(self._driver.pid).items() if self._driver.poll() is None else ()

    def _find_workers(self):
        return find_workers(dict(self._find()))

    def _find_worker(self):
        return self._pick(self._find_workers())

    def _find_driver(self):
        return [self._driver.pid]

    def _find_all(self):
        return [self._driver.pid, *(pid for pid, _ in self._find())]

    def _pick(self, pids):
        pids = sorted(pids)
        return [self._choose.choice(pids)] if pids else []


def is_open(pid, file):
    """Return whether a process has a file open."""
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            if os.readlink(str(link)) == str(file):
                return True
        except OSError:
            pass
    return False


KILLS_PER_RUN = 8
# After these, a run goes on. A pipeline of Beam fails when one of its workers dies.
WORKER_MOMENTS = ("load", "compute", "write")


def kill_at_random(directory, engine, choose):
    """Run until all is written, with kills; return what was killed."""
    model, numbers, output = directory / "slow", directory / "numbers.parquet", directory / f"output{choose.random()}"
    names = [*WORKER_MOMENTS * 3, "start", "end_driver", "end_all", *(["end_cluster"] if engine == "ray" else [])]
    kills, outcomes = Counter(), Counter()
    while True:
        driver = start_run(str(model), numbers, output, engine)
        moments = Moments(driver, output, choose)
        own, begin = Counter(), time.monotonic()
        while driver.poll() is None and sum(kills.values()) < KILLS_PER_RUN:
            name = choose.choice(names)
            victims = getattr(moments, name)()
            if victims and driver.poll() is None:
                own[name] += 1
                kills[name] += 1
                for pid in victims:
                    kill(pid)
            if name not in WORKER_MOMENTS:
                break
        status = driver.wait(timeout=SECONDS_TO_FINISH)
        left = wait_for_end(find_descendants(os.getpid()))
        assert not left, (own, left)
        seconds = time.monotonic() - begin
        log(f"  {engine}: {dict(own)}, status {status} after {seconds:.0f} s, {count_parts(output)} parts")
        outcomes[status] += 1
        if status == 0:
            check_rows(output)
            check_rest(output)
            return kills, outcomes
        worker_deaths = sum(own[name] for name in WORKER_MOMENTS)
        others = sum(own.values()) - worker_deaths
        # A shard whose workers died three times fails.
        assert others or (engine == "beam" and worker_deaths) or worker_deaths >= 3, (own, status)


def check_rest(output):
    """Check that nothing is left beside the results."""
    left = {str(file.relative_to(output)) for file in Path(output).rglob("*") if not file.name.startswith("part-0")}
    assert left <= {"_rehub", "_rehub/plan.json", "_rehub/report.json", "_rehub/shards.jsonl", "_rehub/tmp"}, left
    assert not list(Path(output, "_rehub", "tmp").glob("*"))


def log(line):
    """Write a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(engine, runs, seed=1):
    """Kill and print."""
    adopt_orphans()
    choose = random.Random(int(seed))
    total, outcomes = Counter(), Counter()
    with tempfile.TemporaryDirectory() as scratch:
        save_slow_model(Path(scratch, "slow"))
        write_numbers(Path(scratch, "numbers.parquet"))
        for run in range(int(runs)):
            kills, statuses = kill_at_random(Path(scratch), engine, choose)
            total, outcomes = total + kills, outcomes + statuses
            log(f"{engine}, run {run + 1}: kills {dict(total)}, exits {dict(outcomes)}; each row once, nothing left")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main(*sys.argv[1:])
