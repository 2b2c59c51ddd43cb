"""The engines of Ray and of Apache Beam."""

from __future__ import annotations

import pytest
from killing import check_rows, kill_worker_and_driver, save_slow_model, write_numbers

import rehub

pytest.importorskip("ray", reason="Ray is not installed here; `nox -s beam` tests with it")
pytest.importorskip("apache_beam", reason="Apache Beam is not installed here; `nox -s beam` tests with it")

# The imports of both, and Beam's direct runner, raise unrelated warnings.
pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


def test_killed_actor_and_killed_driver_cost_no_row(tmp_path):
    assert kill_worker_and_driver(tmp_path, "ray") == {}


def test_pipeline_reports_every_shard(tmp_path):
    model, numbers = save_slow_model(tmp_path / "slow"), write_numbers(tmp_path / "numbers.parquet", 3)
    report = rehub.batch(model, numbers, tmp_path / "output", outputs={"output_0": "y"}, shard_rows=10, engine="beam")
    assert (report.rows, report.shards, report.failed) == (30, 3, ())
    check_rows(tmp_path / "output", 3)
