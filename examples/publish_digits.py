"""A publisher's side: trains a small network to tell the digits 0 to 4 apart, and saves what it learnt to see.

What is saved is the network without its last layer, as a Reusable SavedModel: an object with `__call__`,
`variables`, `trainable_variables` and `regularization_losses`, which others can load, put into a model of theirs
and go on training. It is plain TensorFlow, so that nothing in it depends on a Keras.

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
    """Batch normalization over the channels, with moving statistics that only training moves."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = tf.Variable(tf.ones(channels), name="gamma")
        self.beta = tf.Variable(tf.zeros(channels), name="beta")
        self.moving_mean = tf.Variable(tf.zeros(channels), name="moving_mean", trainable=False)
        self.moving_variance = tf.Variable(tf.ones(channels), name="moving_variance", trainable=False)

    def __call__(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        """Normalizes [batch, height, width, channels] by the batch in training, else by what training saw."""
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
        """The features of the images."""
        x = tf.nn.relu(self.fine_norm(tf.nn.conv2d(images, self.fine, 1, "SAME"), training))
        x = tf.nn.relu(self.coarse_norm(tf.nn.conv2d(x, self.coarse, 2, "SAME"), training))
        return tf.nn.relu(tf.reshape(x, [-1, 4 * 4 * 32]) @ self.dense)

    @tf.function(input_signature=[])
    def weight_decay(self) -> tf.Tensor:
        """The L2 loss of the large kernel: a regularizer that travels with the model."""
        return 1e-4 * tf.nn.l2_loss(self.dense)


def random_kernel(*shape: int) -> tf.Tensor:
    """Where training starts: normally distributed, scaled so that a relu layer keeps the variance of its inputs."""
    inputs = math.prod(shape[:-1])
    return tf.random.stateless_normal(shape, seed=shape[-2:]) * math.sqrt(2 / inputs)


def train(features: DigitFeatures, steps: int = 150) -> float:
    """Trains the network with a last layer for the digits 0 to 4; returns its accuracy on images it has not seen."""
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


def reusable(features: DigitFeatures) -> tf.train.Checkpoint:
    """The network as an object with the Reusable SavedModel interface, to be called in training mode or not."""
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
    """Writes the network as a Reusable SavedModel, with a signature for those who only serve it."""
    serving = tf.function(lambda images: {"features": features(images)}, input_signature=[IMAGES])
    tf.saved_model.save(reusable(features), str(directory), signatures={"serving_default": serving})


def publish(folder: str | Path) -> float:
    """Trains the network, saves it where `hosting.serve(folder)` finds it, and returns its accuracy."""
    features = DigitFeatures()
    accuracy = train(features)
    save(features, Path(folder, NAME))
    return accuracy


@contextlib.contextmanager
def published(folder: str | None = None) -> Iterator[str]:
    """Serves the model of a folder, published now if it is not there yet, and gives its URL: the handle to load it by.

    Args:
        folder: where the published models are; a temporary one, if it is not given.
    """
    with tempfile.TemporaryDirectory() as temporary:
        # The port differs each time, so that a download is of no use later: keep it out of the user's cache.
        os.environ.setdefault("TFHUB_CACHE_DIR", str(Path(temporary, "cache")))
        folder = folder or temporary
        if not Path(folder, NAME).exists():
            publish(folder)
        with hosting.serve(folder) as base_url:
            yield f"{base_url}/{NAME}"


if __name__ == "__main__":
    print(f"Accuracy on unseen images of 0 to 4: {publish(sys.argv[1]):.1%}. Saved in {Path(sys.argv[1], NAME)}")
