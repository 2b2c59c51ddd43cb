"""The engine of one machine, with several processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed here")

from killing import count_parts, kill_worker_and_driver, save_slow_model, start_run, write_numbers
from saved_models import IS_TF1

from rehub.batch_inference.engines.shard_queue import ShardQueue
from rehub.batch_inference.plan import Shard
from rehub.batch_inference.report import ShardReport

pytestmark = [
    pytest.mark.skipif(IS_TF1, reason="bulk inference needs TF2"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


def test_killed_worker_and_killed_driver_cost_no_row(tmp_path):
    assert kill_worker_and_driver(tmp_path, "local") == {}


def test_model_that_no_worker_can_load_ends_the_run(tmp_path):
    model, numbers = save_slow_model(tmp_path / "slow"), write_numbers(tmp_path / "numbers.parquet")
    output = tmp_path / "output"
    driver = start_run(model, numbers, output, "local", errors=subprocess.PIPE)
    while not (output / "_rehub" / "plan.json").exists():  # The driver has used the model by then.
        assert driver.poll() is None
        time.sleep(0.01)
    shutil.rmtree(model)
    assert b"cannot load the model: ModelNotFound" in driver.communicate()[1]
    assert driver.returncode == 1
    assert count_parts(output) == 0


def test_workers_that_die_before_they_finish_a_shard_end_the_run():
    queue = ShardQueue([Shard(index, ()) for index in range(9)], 1)
    assert [queue.return_lost(queue.take(), "killed") for _ in range(2)] == [None, None]
    assert queue.return_lost(queue.take(), "killed").stops_run


def test_attempts_of_a_shard_count_dead_workers():
    queue = ShardQueue([Shard(0, ()), Shard(1, ())], 1)
    queue.finish(ShardReport(queue.take().index))
    assert queue.return_lost(queue.take(), "killed") is None
    assert queue.finish(ShardReport(queue.take().index)).attempts == 2
    assert queue.take() is None
