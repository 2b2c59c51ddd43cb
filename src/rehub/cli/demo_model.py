"""The small sentence model that `rehub demo` writes and trains: the mean of word vectors."""

from __future__ import annotations

from typing import Any

BUCKETS, SIZE = 1000, 16

SENTENCES = (
    "a fine film",
    "a wonderful cast and a fine story",
    "funny and warm",
    "the best film of the year",
    "not for me",
    "a dull story and a weak cast",
    "boring from start to end",
    "the worst film of the year",
)
LABELS = (1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
UNSEEN = ("a wonderful year", "a boring start")


def save_sentence_model(tf: Any, directory: str) -> None:
    """Write a Reusable SavedModel that maps strings of shape [batch] to float32 vectors of shape [batch, 16].

    The word vectors are random until the model is trained. A word is looked up by its hash, so the model has no
    vocabulary.
    """
    vectors = tf.Variable(tf.random.stateless_normal([BUCKETS, SIZE], seed=[1, 2]), name="vectors")
    texts = tf.TensorSpec([None], tf.string, name="sentences")

    def embed(sentences: Any, training: bool = False) -> Any:
        del training  # It has no layer, such as dropout, that differs in training.
        words = tf.compat.v1.string_split(sentences)  # Sparse, and in TensorFlow 1.15 too.
        buckets = tf.strings.to_hash_bucket_fast(words.values, BUCKETS)
        found = tf.gather(vectors, buckets)
        sentence = words.indices[:, 0]
        count = tf.shape(sentences)[0]
        sums = tf.math.unsorted_segment_sum(found, sentence, count)
        lengths = tf.math.unsorted_segment_sum(tf.ones_like(sentence, tf.float32), sentence, count)
        return tf.math.divide_no_nan(sums, lengths[:, tf.newaxis])

    call = tf.function(embed)
    for training in (True, False):
        call.get_concrete_function(texts, training=training)
    model = tf.train.Checkpoint(vectors=vectors)
    model.__call__ = call
    model.variables = [vectors]
    model.trainable_variables = [vectors]
    model.regularization_losses = []
    serving = tf.function(lambda sentences: {"vectors": embed(sentences)}, input_signature=[texts])
    tf.saved_model.save(model, directory, signatures={"serving_default": serving})
