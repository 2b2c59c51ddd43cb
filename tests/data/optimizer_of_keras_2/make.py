"""Make model/, a model that Keras 2 trained with Adam and saved with it: python make.py, by TensorFlow 2.15."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
model.compile(tf.keras.optimizers.legacy.Adam(0.1), "mse")
model.fit(np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32), epochs=2, verbose=0)
model.save(Path(__file__).with_name("model"), save_format="tf")
print(model(np.eye(3, dtype=np.float32)).numpy().tolist())  # noqa: T201  EXPECTED of the test.
