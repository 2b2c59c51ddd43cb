"""Publish a model: train a small network on the digits 0 to 4, and save it for others to fine-tune.

The script saves the network without its last layer, as a Reusable SavedModel: an object with `__call__`, `variables`,
`trainable_variables` and `regularization_losses`. Others can load it, use it in their models and train it further. It
is plain TensorFlow, so it does not depend on Keras.

Usage: `python examples/publish_digits.py FOLDER`
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import digits
import hosting
import tensorflow as tf

NAME = "rehub-examples/digit-features/1"
IMAGES = tf.TensorSpec([None, 8, 8, 1], tf.float32, name="images")


class BatchNorm(tf.Module):
    """Batch normalization over the channels, with moving statistics that only training updates."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = tf.Variable(tf.ones(channels), name="gamma")
        self.beta = tf.Variable(tf.zeros(channels), name="beta")
        self.moving_mean = tf.Variable(tf.zeros(channels), name="moving_mean", trainable=False)
        self.moving_variance = tf.Variable(tf.ones(channels), name="moving_variance", trainable=False)

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalize [batch, height, width, channels] by the batch in training, else by the moving statistics."""
        if training:
            mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
            self.moving_mean.assign_sub(0.1 * (self.moving_mean - mean))
            self.moving_variance.assign_sub(0.1 * (self.moving_variance - variance))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, variance_epsilon=1e-3)


class DigitFeatures(tf.Module):
    """[batch, 8, 8, 1] float32 images in [0, 1] -> [batch, 64] float32 features."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = tf.Variable(random_kernel(3, 3, 1, 16), name="fine")
        self.fine_norm = BatchNorm(16)
        self.coarse = tf.Variable(random_kernel(3, 3, 16, 32), name="coarse")
        self.coarse_norm = BatchNorm(32)
        self.dense = tf.Variable(random_kernel(4 * 4 * 32, 64), name="dense")

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the features of the images."""
        x = tf.nn.relu(self.fine_norm(tf.nn.conv2d(images, self.fine, 1, "SAME"), training))
        x = tf.nn.relu(self.coarse_norm(tf.nn.conv2d(x, self.coarse, 2, "SAME"), training))
        return tf.nn.relu(tf.reshape(x, [-1, 4 * 4 * 32]) @ self.dense)

    @tf.function(input_signature=[])
    def weight_decay(self) -> tf.Tensor:
        """Return the L2 loss of the large kernel: a regularizer that is saved with the model."""
        return 1e-4 * tf.nn.l2_loss(self.dense)


def random_kernel(*shape: int) -> tf.Tensor:
    """Return normally distributed initial values, scaled so that a relu layer keeps the variance of its inputs."""
    inputs = math.prod(shape[:-1])
    return tf.random.stateless_normal(shape, seed=shape[-2:]) * math.sqrt(2 / inputs)


def train(features: DigitFeatures, steps: int = 150) -> float:
    """Train the network with a last layer for the digits 0 to 4; return its accuracy on unseen images."""
    training, testing = digits.load((0, 1, 2, 3, 4))
    head = tf.Variable(tf.zeros([64, 5]))
    variables = [*features.trainable_variables, head]
    batches = tf.data.Dataset.from_tensor_slices(training).shuffle(1000, seed=7).repeat().batch(64).take(steps)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = features(images, training=True) @ head
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses) + features.weight_decay()
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(0.05 * gradient)

    for images, labels in batches:
        step(images, labels)
    predictions = tf.argmax(features(testing.images) @ head, axis=-1)
    return float(tf.reduce_mean(tf.cast(predictions == testing.labels, tf.float32)))


def make_reusable(features: DigitFeatures) -> tf.train.Checkpoint:
    """Return the network as an object with the Reusable SavedModel interface, traced in both training modes."""
    call = tf.function(features.__call__)
    for training in (True, False):
        call.get_concrete_function(IMAGES, training=training)
    model = tf.train.Checkpoint(features=features)
    model.__call__ = call
    model.variables = list(features.variables)
    model.trainable_variables = list(features.trainable_variables)
    model.regularization_losses = [features.weight_decay]
    return model


def save(features: DigitFeatures, directory: str | Path) -> None:
    """Write the network as a Reusable SavedModel, with a signature for serving."""
    serving = tf.function(lambda images: {"features": features(images)}, input_signature=[IMAGES])
    tf.saved_model.save(make_reusable(features), str(directory), signatures={"serving_default": serving})


def publish(folder: str | Path) -> float:
    """Train the network, save it where `hosting.serve(folder)` finds it, and return its accuracy."""
    features = DigitFeatures()
    accuracy = train(features)
    save(features, Path(folder, NAME))
    return accuracy


@contextlib.contextmanager
def published(folder: str | None = None) -> Iterator[str]:
    """Serve the model of a folder, and yield its URL, which is its handle. Publish it first if necessary.

    Args:
        folder: the published models; None for a temporary folder.
    """
    with tempfile.TemporaryDirectory() as temporary:
        # The port differs each time, so a download is useless later: keep it out of the user's cache.
        os.environ.setdefault("TFHUB_CACHE_DIR", str(Path(temporary, "cache")))
        folder = folder or temporary
        if not Path(folder, NAME).exists():
            publish(folder)
        with hosting.serve(folder) as base_url:
            yield f"{base_url}/{NAME}"


if __name__ == "__main__":
    print(f"Accuracy on unseen images of 0 to 4: {publish(sys.argv[1]):.1%}. Saved in {Path(sys.argv[1], NAME)}")
