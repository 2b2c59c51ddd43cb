"""Restored models under the strategies of tf.distribute: trained on several devices equally as on one."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from cluster import free_ports, running_cluster
from forked_programs import ForkedProgram
from linear_model import save_linear_model
from module_fns import export_module
from saved_models import IS_TF1, tf

import rehub as hub

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(IS_TF1, reason="strategies of TensorFlow 1.15 have other names and interfaces"),
]

KERAS_3 = getattr(tf.keras, "__version__", "2").startswith("3")
TRAINING = Path(__file__).parent / "training.py"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_linear_model(tmp_path_factory.mktemp("model") / "1", regularized=True)


def start(model, *how, **environment):
    return ForkedProgram(TRAINING, model, *how, environment={"CUDA_VISIBLE_DEVICES": "", **environment})


def result_of(*programs):
    """Wait for the programs; return the result of one, or the list of the results of several."""
    with contextlib.ExitStack() as running:
        for program in programs:
            running.enter_context(program)
        results = [json.loads(program.output().splitlines()[-1]) for program in programs]
    return results if len(results) > 1 else results[0]


@pytest.fixture(scope="module")
def on_one_device(model):
    return result_of(start(model, "one_device"))


def assert_alike(result, expected):
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-6)
    for weight, expected_weight in zip(result[2], expected[2]):
        np.testing.assert_allclose(weight, expected_weight, rtol=1e-6)


def test_a_layer_is_trained_equally_on_one_and_two_devices(model, on_one_device):
    result = result_of(start(model, "mirrored"))
    assert (on_one_device[0], result[0]) == (1, 2)
    assert_alike(result, on_one_device)


@pytest.fixture(scope="module")
def legacy_module(tmp_path_factory):
    """x -> x @ w in TF1 Hub format, with a regularization loss and a moving mean of x."""
    v1 = tf.compat.v1

    def module_fn():
        x = v1.placeholder(tf.float32, [None, 1])
        w = v1.get_variable("w", initializer=[[1.0, 2.0]], regularizer=lambda w: 0.01 * tf.reduce_sum(w**2))
        mean = v1.get_variable("mean", initializer=5.0, trainable=False)
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.assign_sub(mean, 0.1 * (mean - tf.reduce_mean(x))))
        hub.add_signature(inputs=x, outputs=tf.matmul(x, w))

    return export_module(module_fn, tmp_path_factory.mktemp("legacy") / "1")


def test_a_legacy_module_is_trained_equally_on_one_and_two_devices(legacy_module):
    expected = result_of(start(legacy_module, "one_device"))
    result = result_of(start(legacy_module, "mirrored"))
    assert (expected[0], result[0]) == (1, 2)
    assert_alike(result, expected)
    (mean,) = [weight for weight in expected[2] if np.ndim(weight) == 0]
    assert mean < 5.0


def test_a_model_is_trained_with_its_variables_on_parameter_servers(model):
    with running_cluster(ps=1, worker=1) as cluster:
        process = start(model, "parameter_servers", "loop", CLUSTER=json.dumps(cluster))
        _, losses, (weight,), (device,) = result_of(process)
    assert "/job:ps" in device
    # The same, by hand: the gradient of mean((x * sum(w) - y)**2).
    x = np.linspace(-1, 1, 32)
    w, expected = np.array([1.0, 2.0]), []
    for _ in range(5):
        difference = x * w.sum() - (3 * x + 1)
        expected.append(np.mean(difference**2))
        w = w - 0.1 * np.mean(2 * difference * x)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_allclose(weight[0], w, rtol=1e-5)


@pytest.mark.skipif(KERAS_3, reason="fit of Keras 3 does not know ParameterServerStrategy")
@pytest.mark.parametrize("way", ["layer", "layer_of_loaded"])
def test_a_layer_is_trained_with_its_weights_on_parameter_servers(way, model, on_one_device):
    with running_cluster(ps=2, worker=1) as cluster:
        result = result_of(start(model, "parameter_servers", way, CLUSTER=json.dumps(cluster)))
    (device,) = result[3]
    assert "/job:ps" in device
    assert_alike(result, on_one_device)


@pytest.mark.skipif(KERAS_3, reason="fit of Keras 3 fails under MultiWorkerMirroredStrategy, whatever the layers")
def test_a_layer_is_trained_equally_by_one_and_two_workers(model, on_one_device):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(2)]
    results = result_of(*[start(model, "workers", TF_CONFIG=json.dumps(task)) for task in tasks])
    assert [result[0] for result in results] == [2, 2]
    for result in results:
        assert_alike(result, on_one_device)
