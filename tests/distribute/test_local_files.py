"""Local models loaded onto other machines: the servers of the cluster do not see the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster import running_cluster
from forked_programs import run_forked
from saved_models import save_shift, tf

pytestmark = pytest.mark.skipif(
    not hasattr(tf.saved_model, "LoadOptions"), reason="tf.saved_model.LoadOptions came with TensorFlow 2.3"
)

LOADING = Path(__file__).parent / "load_on_cluster.py"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start a cluster whose servers have an empty working directory, so that a relative path does not exist there."""
    with running_cluster(tmp_path_factory.mktemp("servers"), ps=1, worker=1) as cluster:
        yield cluster


@pytest.mark.parametrize(("how", "job"), [("parameter_servers", "ps"), ("device", "worker")])
def test_a_local_model_is_read_locally_for_variables_on_other_machines(how, job, cluster, tmp_path):
    save_shift(tmp_path / "model")
    environment = {"CUDA_VISIBLE_DEVICES": "", "CLUSTER": json.dumps(cluster)}
    output = run_forked(LOADING, "model", how, cwd=tmp_path, environment=environment)
    outcomes = json.loads(output.splitlines()[-1])
    loaded = [f"/job:{job}/replica:0/task:0/device:CPU:0", [2.0]]
    not_found = "Failed to find any matching files for model/variables/variables"
    assert not_found in outcomes["tensorflow"]
    assert outcomes["rehub"] == loaded
    assert outcomes["other options"] == loaded
    assert not outcomes["options changed"]
    assert not_found in outcomes["read elsewhere"]
