"""Estimators with parameter servers: the chief and the servers are separate processes."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from cluster import free_ports
from forked_programs import ForkedProgram
from linear_model import save_linear_model
from saved_models import tf

pytestmark = pytest.mark.skipif(
    not hasattr(tf.compat.v1, "estimator"), reason="TensorFlow 2.16 and newer come without Estimator"
)

TRAINING = Path(__file__).parent / "estimator_training.py"


@pytest.fixture
def model(tmp_path):
    return save_linear_model(tmp_path / "model")


@pytest.mark.parametrize("how", ["load", "layer"])
def test_a_restored_model_is_trained_with_its_variables_on_parameter_servers(model, how, tmp_path):
    ports = free_ports(3)
    cluster = {"chief": [f"127.0.0.1:{ports[0]}"], "ps": [f"127.0.0.1:{port}" for port in ports[1:]]}

    def start(job, index):
        task = {"cluster": cluster, "task": {"type": job, "index": index}}
        environment = {"CUDA_VISIBLE_DEVICES": "", "TF_CONFIG": json.dumps(task)}
        return ForkedProgram(TRAINING, model, tmp_path / "trained", how, environment=environment)

    with contextlib.ExitStack() as tasks:
        chief, *_ = [tasks.enter_context(start(*task)) for task in (("chief", 0), ("ps", 0), ("ps", 1))]
        output = chief.output()
    words = [line.split(" ", 1) for line in output.splitlines() if line.startswith(("PLACE ", "RESULT "))]
    assert {place for kind, place in words if kind == "PLACE"} == {"/job:ps/task:0", "/job:ps/task:1"}
    (values,) = [json.loads(result) for kind, result in words if kind == "RESULT"]
    assert values["global_step"] == 100
    (weights,) = [value for value in values.values() if isinstance(value, list)]
    assert sum(weights[0]) == pytest.approx(3.0, rel=1e-4)
