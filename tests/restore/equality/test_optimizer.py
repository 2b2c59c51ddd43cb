"""A model that was saved with its optimizer, in a program that uses Keras 2."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import saved_models

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(
        saved_models.IS_TF1 or importlib.util.find_spec("tf_keras") is None, reason="tf_keras is not installed"
    ),
]

SAVE = """
import sys
import tensorflow as tf
from tf_keras.optimizers import legacy

v = tf.Variable([1.0, 2.0])
model = tf.train.Checkpoint(v=v, optimizer=legacy.Adam(0.1))
model.optimizer.minimize(lambda: tf.reduce_sum(v * v), [v])
model.f = tf.function(lambda x: x * v, [tf.TensorSpec([2], tf.float32)])
tf.saved_model.save(model, sys.argv[1])
"""
LOAD = """
import sys
import tensorflow as tf
import rehub as hub

Keras2 = tf.keras if tf.__version__.startswith("2.15") else __import__("tf_keras")


class Doubled(Keras2.layers.Layer):
    def call(self, x):
        return 2.0 * x


Keras2.optimizers.legacy.Adam
model = hub.load(sys.argv[1], loader="lazy")
assert [tuple(each.shape) for each in model.optimizer.weights] == [(2,), (2,)]  # m and v of Adam
layers = Keras2.Sequential([Keras2.layers.Input((2,)), Doubled()])
Keras2.models.model_from_json(layers.to_json(), custom_objects={"Doubled": Doubled})
"""


def test_loading_it_does_not_break_keras(tmp_path):
    for code in (SAVE, LOAD):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
