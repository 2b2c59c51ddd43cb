"""Small models for bulk inference: one SavedModel with a signature for each kind of input and output."""

from __future__ import annotations

import tensorflow as tf


class Model(tf.Module):
    """Signatures whose results are easy to tell from the inputs."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def count(self, text):
        """The length of each text, as a vector and as a string; "boom" fails the whole batch."""
        tf.debugging.assert_none_equal(text, "boom", message="a text explodes")
        size = tf.strings.length(text)
        vector = tf.cast(tf.stack([size, size * 10], 1), tf.float32)
        return {"vector": vector, "shout": tf.strings.upper(text, encoding="utf-8"), "size": size}

    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x"), tf.TensorSpec([None], tf.int32, name="id")]
    )
    def add(self, x, id):  # noqa: A002
        """A matrix of 2 by 2 for each row."""
        return {"grid": tf.stack([x, x + tf.cast(id[:, None], tf.float32)], 1), "odd": id % 2 == 1}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="ids")])
    def tokens(self, ids):
        """The sum of a row, its tokens doubled, also without a known shape, and how many they are."""
        twice = ids * 2
        return {
            "sum": tf.reduce_sum(ids, 1),
            "twice": twice,
            "shapeless": tf.reshape(twice, tf.boolean_mask(tf.shape(twice), [True, True])),
            "width": tf.fill([tf.shape(ids)[0]], tf.shape(ids)[1]),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 3], tf.float32, name="image")])
    def mean(self, image):
        """The mean of each channel."""
        return {"mean": tf.reduce_mean(image, [1, 2])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def words(self, text):
        """The words of all texts in one list, with counts; and the words of each, padded."""
        split = tf.strings.split(text)
        return {"words": split.flat_values, "count": split.row_lengths(), "padded": split.to_tensor("")}

    @tf.function(input_signature=[tf.TensorSpec([4], tf.float32, name="x")])
    def four(self, x):
        """Takes batches of four rows, and no others."""
        return {"y": x + 1}


def save_batch_model(directory):
    """Save the model; return its directory."""
    model = Model()
    names = ("count", "add", "tokens", "mean", "words", "four")
    tf.saved_model.save(model, str(directory), signatures={name: getattr(model, name) for name in names})
    return str(directory)
