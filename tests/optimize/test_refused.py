"""What `hub.load(..., optimize=)` refuses."""

from __future__ import annotations

import pytest
import saved_models
import tensorflow as tf

import rehub as hub

needs_tf2 = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 cannot optimize")


@pytest.fixture
def path(tmp_path):
    return str(saved_models.save_shift(tmp_path / "shift"))


@pytest.mark.skipif(not saved_models.IS_TF1, reason="about TensorFlow 1.15")
def test_tensorflow_1_is_refused(path):
    with pytest.raises(hub.errors.OptionsUnsupported, match="needs a TensorFlow from 2.15 on"):
        hub.load(path, optimize="inference")


def test_another_value_of_optimize_is_refused(path):
    with pytest.raises(hub.errors.InvalidSetting, match='optimize= takes "inference"'):
        hub.load(path, optimize="training")


def test_measure_with_needs_optimize(path):
    with pytest.raises(hub.errors.InvalidSetting, match="was not asked for"):
        hub.load(path, measure_with={"x": [1.0]})


@needs_tf2
def test_a_graph_and_a_strategy_are_refused(path):
    with tf.Graph().as_default(), pytest.raises(hub.errors.OptionsUnsupported, match="eager mode"):
        hub.load(path, optimize="inference")
    with tf.distribute.MirroredStrategy(["cpu:0"]).scope(), pytest.raises(hub.errors.OptionsUnsupported):
        hub.load(path, optimize="inference")


@needs_tf2
def test_names_that_are_not_inputs_are_refused_before_measuring(path):
    with pytest.raises(hub.errors.InvalidSetting, match=r"names 'y', but no signature or function .*: x\."):
        hub.load(path, optimize="inference", measure_with={"y": [1.0]})
    with pytest.raises(hub.errors.InvalidSetting, match="takes a dict"):
        hub.load(path, optimize="inference", measure_with=[1.0])
