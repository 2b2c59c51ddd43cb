"""The engines of Ray and of Apache Beam."""

from __future__ import annotations

import subprocess

import pytest
from killing import (
    SHARDS,
    check_rows,
    count_parts,
    find_descendants,
    kill,
    kill_worker_and_driver,
    save_slow_model,
    start_run,
    wait_for_end,
    wait_for_parts,
    write_numbers,
)

import rehub

pytest.importorskip("ray", reason="Ray is not installed here; `nox -s beam` tests with it")
pytest.importorskip("apache_beam", reason="Apache Beam is not installed here; `nox -s beam` tests with it")

# The imports of both, and Beam's direct runner, raise unrelated warnings.
pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


def test_killed_actor_and_killed_driver_cost_no_row(tmp_path):
    assert kill_worker_and_driver(tmp_path, "ray") == {}


def test_killed_process_of_a_pipeline_ends_the_run_with_an_error(tmp_path):
    model, numbers = save_slow_model(tmp_path / "slow"), write_numbers(tmp_path / "numbers.parquet")
    driver = start_run(model, numbers, tmp_path / "output", "beam", errors=subprocess.PIPE)
    wait_for_parts(tmp_path / "output", 1, driver)
    seen = find_descendants(driver.pid)
    kill(next(pid for pid, command in seen.items() if "sdk_worker_main" in command))
    assert b"Start the run again" in driver.communicate()[1]
    assert driver.returncode == 1
    assert wait_for_end(seen) == {}
    assert 1 <= count_parts(tmp_path / "output") < SHARDS


def test_pipeline_reports_every_shard(tmp_path):
    model, numbers = save_slow_model(tmp_path / "slow"), write_numbers(tmp_path / "numbers.parquet", 3)
    report = rehub.batch(model, numbers, tmp_path / "output", outputs={"output_0": "y"}, shard_rows=10, engine="beam")
    assert (report.rows, report.shards, report.failed) == (30, 3, ())
    check_rows(tmp_path / "output", 3)
