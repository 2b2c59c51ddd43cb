"""Make models with an Adam of Keras 2: python make.py, by TensorFlow 2.15.

model/ is a model that Keras trained and saved; trainer/ is an object with a function that trains.
"""

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


class Trainer(tf.Module):
    """A weight, and a function that makes a step of training; it returns the new weight."""

    def __init__(self):
        super().__init__()
        self.weight = tf.Variable([1.0, 2.0])
        self.optimizer = tf.keras.optimizers.legacy.Adam(0.1)

    @tf.function(input_signature=[tf.TensorSpec([2])])
    def train(self, x):
        """Make a step with the loss (x * weight) ** 2."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((x * self.weight) ** 2)
        self.optimizer.apply_gradients([(tape.gradient(loss, self.weight), self.weight)])
        return self.weight.read_value()

    @tf.function(input_signature=[tf.TensorSpec([2])])
    def scale(self, x):
        """Multiply by the weight."""
        return x * self.weight


trainer = Trainer()
trainer.train(tf.constant([1.0, 2.0]))
tf.saved_model.save(trainer, str(Path(__file__).with_name("trainer")), signatures=trainer.scale)
print(trainer.train(tf.constant([5.0, -1.0])).numpy().tolist())  # noqa: T201  EXPECTED_WEIGHT of the test.
