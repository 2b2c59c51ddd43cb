"""The engine of one machine, with several processes."""

from __future__ import annotations

import sys
import time

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed here")

from killing import (
    check_rows,
    count_parts,
    find_descendants,
    find_workers,
    kill,
    save_slow_model,
    start_run,
    wait_for_end,
    write_numbers,
)
from saved_models import tf

import rehub

pytestmark = [
    pytest.mark.skipif(tf.__version__.startswith("1."), reason="bulk inference needs TF2"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


def test_killed_worker_and_killed_driver_cost_no_row(tmp_path):
    model, numbers = save_slow_model(tmp_path / "slow"), write_numbers(tmp_path / "numbers.parquet")
    output = tmp_path / "output"
    driver = start_run(model, numbers, output, "local")
    wait_for_parts(output, 1, driver)
    (first, _) = find_workers(find_descendants(driver.pid))
    kill(first)
    wait_for_parts(output, 20, driver)
    workers = find_descendants(driver.pid)
    kill(driver.pid)
    driver.wait()
    assert wait_for_end(workers) == {}
    report = rehub.batch(model, numbers, output, outputs={"output_0": "y"}, shard_rows=10)
    assert report.resumed >= 20
    check_rows(output)


def wait_for_parts(output, count, driver):
    """Wait until a driver has so many shards."""
    while count_parts(output) < count:
        assert driver.poll() is None
        time.sleep(0.01)
