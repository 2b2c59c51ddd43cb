"""Make a legacy module, export it, and fine-tune it in another graph: `hub.Module`, on every TensorFlow.

Usage: `python examples/legacy/fine_tune_module.py`
"""

from __future__ import annotations

import os
import tempfile

import tensorflow as tf

import rehub as hub

v1 = tf.compat.v1

TEXTS = ["a fine film", "fine", "not for me", "a film not fine for me", "for a film fine", "not"]
LIKED = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]


def bag_of_words() -> None:
    """Texts -> the means of the embeddings of their words, in 50 hash buckets."""
    texts = v1.placeholder(tf.string, [None], "texts")
    embeddings = v1.get_variable("embeddings", [50, 8], initializer=v1.random_normal_initializer(stddev=0.1, seed=1))
    words = v1.string_split(texts)
    buckets = tf.SparseTensor(words.indices, tf.strings.to_hash_bucket_fast(words.values, 50), words.dense_shape)
    hub.add_signature(inputs=texts, outputs=tf.nn.embedding_lookup_sparse(embeddings, buckets, None, combiner="mean"))


def export(path: str) -> None:
    """Write the module with its initial weights."""
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(hub.create_module_spec(bag_of_words))
        session.run(v1.global_variables_initializer())
        module.export(path, session)


def fine_tune(path: str, tuned: str) -> None:
    """Train the module with a linear head, and write the result."""
    with tf.Graph().as_default(), v1.Session() as session:
        module = hub.Module(path, trainable=True)
        head = v1.get_variable("head", [8, 1], initializer=v1.random_normal_initializer(seed=2))
        logits = tf.matmul(module(TEXTS), head)[:, 0]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.constant(LIKED), logits=logits))
        step = v1.train.GradientDescentOptimizer(1.0).minimize(loss)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        before = session.run(loss)
        for _ in range(200):
            session.run(step)
        print(
            f"loss: {before:.3f} before, {session.run(loss):.3f} after 200 steps, of {len(module.variables)} variable"
        )
        module.export(tuned, session)


def main() -> None:
    """Make, fine-tune and evaluate a module."""
    with tempfile.TemporaryDirectory() as directory:
        path, tuned = os.path.join(directory, "bag_of_words"), os.path.join(directory, "tuned")
        export(path)
        fine_tune(path, tuned)
        with hub.eval_function_for_module(tuned) as embed:
            print(f"the tuned module, loaded again: {embed(['a fine film']).shape}")


if __name__ == "__main__":
    main()
