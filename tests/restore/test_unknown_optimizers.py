"""Models that Keras 2 saved with their optimizer, also where no Keras 2 is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf

import rehub as hub
from rehub import tf_internals

assert saved_models  # It enables eager mode in TensorFlow 1.15.
MODEL = str(Path(__file__).parents[1] / "data" / "optimizer_of_keras_2" / "model")  # Made by make.py beside it.
EXPECTED = [[-0.33364856, -0.02076808], [0.3744911, -0.46433607], [-0.5982078, -0.28882107]]
HAS_KERAS_2 = tf_internals.tensorflow_version() < (2, 16) or importlib.util.find_spec("tf_keras") is not None


@pytest.mark.parametrize("loader", ["auto", "tensorflow"])
def test_a_model_is_loaded_without_its_optimizer_where_no_keras_has_it(loader):
    model = hub.load(MODEL, loader=loader)
    (output,) = model.signatures["serving_default"](tf.eye(3)).values()
    np.testing.assert_allclose(output, EXPECTED, rtol=1e-5)
    left_out = hub.load_report(model).left_out
    if HAS_KERAS_2:
        assert left_out == () or tf_internals.tensorflow_version() < (2, 0)
    else:
        assert left_out == ("4 variables of an optimizer of Keras 2, which is not installed",)


def test_a_layer_trains_such_a_model():
    layer = hub.KerasLayer(MODEL, trainable=True)
    assert [weight.shape.as_list() for weight in layer.trainable_weights] == [[3, 2], [2]]
