"""The models of images that `batch.py` measures: `python image_model.py DIRECTORY`.

`small_cnn` is so small that decoding costs as much as the model; `mobilenet` is MobileNetV2, with random weights.
"""

from __future__ import annotations

import sys

import tensorflow as tf

SIZE, CHANNELS = 128, (3, 32, 64, 128)


class Features(tf.Module):
    """Images -> features."""

    def __init__(self) -> None:
        super().__init__()
        pairs = zip(CHANNELS, CHANNELS[1:])
        self.kernels = [tf.Variable(tf.random.stateless_normal([3, 3, *pair], pair, stddev=0.1)) for pair in pairs]

    @tf.function(input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, "images")])
    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Return float32[n, 128]."""
        for kernel in self.kernels:
            images = tf.nn.relu(tf.nn.conv2d(images, kernel, strides=2, padding="SAME"))
        return tf.reduce_mean(images, [1, 2])


if __name__ == "__main__":
    model = Features()
    tf.saved_model.save(model, f"{sys.argv[1]}/small_cnn", model.__call__)
    mobilenet = tf.keras.applications.MobileNetV2((224, 224, 3), weights=None, include_top=False, pooling="avg")
    tf.saved_model.save(mobilenet, f"{sys.argv[1]}/mobilenet")
