"""Restored models in sessions of TF1 whose variables are on the parameter servers of a real cluster."""

from __future__ import annotations

import pytest
from cluster import running_cluster
from saved_models import save_shift, tf

import rehub as hub

v1 = tf.compat.v1


@pytest.fixture(scope="module")
def cluster():
    with running_cluster(ps=2, worker=1) as cluster:
        yield cluster


@pytest.fixture
def target(cluster):
    return "grpc://" + cluster["worker"][0]


@pytest.fixture
def model(tmp_path, cluster):
    """Build a graph with a model whose variables are spread over the parameter servers."""
    path = save_shift(tmp_path / "model")
    devices = v1.train.replica_device_setter(cluster=cluster, worker_device="/job:worker/task:0")
    with tf.Graph().as_default():
        with v1.device(devices):
            restored = hub.load(path)
        yield restored


def training(model, x):
    loss = tf.reduce_sum(tf.square(model(x) - 11.0))
    step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=[model.v, model.inner.w])
    return [loss, step]


def test_training_with_shared_devices_converges_with_variables_on_the_parameter_servers(model, target):
    x = v1.placeholder(tf.float32, [None])
    step = training(model, x)
    with v1.Session(target, config=hub.session_config()) as session:
        session.run(v1.global_variables_initializer())
        losses = [session.run(step, {x: [1.0]})[0] for _ in range(30)]
    assert losses[0] == 36.0 and losses[-1] < 1e-6
    assert {variable.device for variable in v1.global_variables()} == {"/job:ps/task:0", "/job:ps/task:1"}


def test_the_error_without_shared_devices_shows_the_line_to_add(model, target):
    x = v1.placeholder(tf.float32, [None])
    step = training(model, x)
    with v1.Session(target) as session:
        session.run(v1.global_variables_initializer())
        with pytest.raises(hub.errors.SharedDevicesRequired, match=r"config=hub\.session_config\(\)") as caught:
            session.run(step, {x: [1.0]})
    assert isinstance(caught.value, tf.errors.InternalError)
    assert "does not match any device" in str(caught.value)


def test_other_errors_of_such_sessions_are_unchanged(model, target):
    with v1.Session(target, config=hub.session_config()) as session, pytest.raises(tf.errors.OpError) as caught:
        session.run(v1.placeholder(tf.float32, []))
    assert not isinstance(caught.value, hub.HubError)


def test_a_config_is_copied_with_its_settings():
    mine = v1.ConfigProto(log_device_placement=True)
    shared = hub.session_config(mine)
    assert shared.log_device_placement
    assert shared != mine
    assert "share_cluster_devices_in_session: true" in str(shared)
    assert "share_cluster_devices_in_session" not in str(mine)
    assert hub.session_config(shared) == shared


def test_an_object_that_is_not_a_config_is_refused():
    with pytest.raises(ValueError, match=r"takes a tf\.compat\.v1\.ConfigProto"):
        hub.session_config({"log_device_placement": True})
