"""Small models with the interfaces of three models on tfhub.dev: the notebooks run on them in CI.

They have the handles, the signatures and the output sizes of nnlm-en-dim50, in both formats, and of a MobileNetV2
feature vector. Their weights differ: random word vectors, and what a network learned from digits.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import tensorflow as tf

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import hosting
import publish_digits

import rehub as hub

BUCKETS, DIM = 2000, 50
FEATURES = 1280


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve the models on this machine in place of https://tfhub.dev, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        save_text_embedding(Path(folder, "google/nnlm-en-dim50/2"))
        save_text_module(Path(folder, "google/nnlm-en-dim50/1"))
        save_image_features(Path(folder, "google/tf2-preview/mobilenet_v2/feature_vector/4"))
        with hosting.serve(folder) as base_url:
            os.environ["REHUB_TFHUB_ENDPOINT"] = base_url
            os.environ["REHUB_CACHE_DIR"] = str(Path(folder, "cache"))
            yield base_url


def embed(vectors: tf.Variable, sentences: tf.Tensor) -> tf.Tensor:
    """The mean of the vectors of each sentence's words: strings [batch] -> float32 [batch, 50]."""
    words = tf.compat.v1.string_split(sentences)
    found = tf.gather(vectors, tf.strings.to_hash_bucket_fast(words.values, BUCKETS))
    count = tf.size(sentences, out_type=tf.int64)
    sums = tf.math.unsorted_segment_sum(found, words.indices[:, 0], count)
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(found[:, :1]), words.indices[:, 0], count)
    return tf.math.divide_no_nan(sums, tf.sqrt(lengths))


def save_text_embedding(directory: Path) -> None:
    """Write a TF2 SavedModel with the interface of nnlm-en-dim50/2."""
    vectors = tf.Variable(tf.random.stateless_normal([BUCKETS, DIM], seed=[1, 2]), name="embeddings")
    texts = tf.TensorSpec([None], tf.string)
    model = tf.train.Checkpoint(embeddings=vectors)
    model.__call__ = tf.function(lambda sentences: embed(vectors, sentences), input_signature=[texts])
    model.variables = model.trainable_variables = [vectors]
    model.regularization_losses = []
    tf.saved_model.save(model, str(directory))


def save_text_module(directory: Path) -> None:
    """Write a module in TF1 Hub format with the interface of nnlm-en-dim50/1."""
    v1 = tf.compat.v1

    def module_fn() -> None:
        sentences = v1.placeholder(tf.string, [None])
        with v1.variable_scope("embeddings", use_resource=False):
            vectors = v1.get_variable("weights", initializer=tf.random.stateless_normal([BUCKETS, DIM], seed=[1, 2]))
        hub.add_signature(inputs=sentences, outputs=embed(vectors, sentences))

    directory.parent.mkdir(parents=True, exist_ok=True)
    spec = hub.create_module_spec(module_fn)
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(spec)
        session.run(v1.global_variables_initializer())
        module.export(str(directory), session)


def save_image_features(directory: Path) -> None:
    """Write a TF2 SavedModel with the interface of a MobileNetV2 feature vector: images [batch, h, w, 3] in [0, 1]."""
    digits = publish_digits.DigitFeatures()
    publish_digits.train(digits)
    spread = tf.random.stateless_normal([64, FEATURES], seed=[3, 4]) / 8

    def features(images: tf.Tensor, training: bool = False) -> tf.Tensor:
        small = tf.image.resize(tf.image.rgb_to_grayscale(images), [8, 8])
        return tf.nn.relu(digits(small, training) @ spread)

    call = tf.function(features)
    for training in (True, False):
        call.get_concrete_function(tf.TensorSpec([None, None, None, 3], tf.float32), training=training)
    model = tf.train.Checkpoint(digits=digits)
    model.__call__ = call
    model.variables = list(digits.variables)
    model.trainable_variables = list(digits.trainable_variables)
    model.regularization_losses = [digits.weight_decay]
    tf.saved_model.save(model, str(directory))
