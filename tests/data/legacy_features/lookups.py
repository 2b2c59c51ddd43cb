"""Modules with tables, strings, and sparse or ragged tensors."""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
from conditionals import weights
from feature import always, feature, floats, words
from loops import signature
from tensorflow import contrib
from tensorflow.python.ops import gen_lookup_ops  # noqa: TID251  No public name makes tables of references.


def vocabulary():
    path = pathlib.Path(tempfile.mkdtemp()) / "words.txt"
    path.write_text("cat\ndog\nfish\nowl\n")
    return str(path)


@feature(words=words(5))
def tables():
    text = tf.placeholder(tf.string, [None])
    file = vocabulary()
    by_file = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(file, tf.string, 0 - 2, tf.int64, 0 - 1), np.int64(4)
    )
    by_value = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(["cat", "dog"]), tf.constant([1.0, 2.0])), 0.5
    )
    with_buckets = contrib.lookup.index_table_from_file(file, num_oov_buckets=3)
    back = contrib.lookup.index_to_string_table_from_file(file)
    table = weights("table", (7, 2))
    ids = with_buckets.lookup(text)
    outputs = {
        "by_file": tf.gather(table, by_file.lookup(text)),
        "by_value": by_value.lookup(text)[:, tf.newaxis] * table[0],
        "ids": ids,
        "with_buckets": tf.nn.embedding_lookup(table, ids),
        "back": back.lookup(ids),
        "size": with_buckets.size(),
    }
    signature(outputs, words=text)


@feature(words=words(5))
def tables_of_references():
    """Tables as TensorFlow 1.0 made them: a reference to a string."""
    text = tf.placeholder(tf.string, [None])
    table = gen_lookup_ops.hash_table(tf.string, tf.int64, shared_name="old_table", name="old_table")
    keys, values = tf.constant(["cat", "dog"]), tf.constant([0, 1], tf.int64)
    initializer = gen_lookup_ops.initialize_table(table, keys, values)
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, initializer)
    ids = gen_lookup_ops.lookup_table_find(table, text, tf.constant(2, tf.int64))
    signature({"y": tf.gather(weights(), ids), "size": gen_lookup_ops.lookup_table_size(table)}, words=text)


@feature(words=words(4))
def table_in_loop():
    text = tf.placeholder(tf.string, [None])
    table = contrib.lookup.index_table_from_tensor(["cat", "dog"], num_oov_buckets=1)
    w = weights()
    signature(tf.map_fn(lambda word: tf.gather(w, table.lookup(word)), text, tf.float32), words=text)


@feature(
    **{
        "x.indices": always([[0, 0], [0, 2], [1, 1]], "int64"),
        "x.values": floats(3),
        "x.dense_shape": always([2, 3], "int64"),
    }
)
def sparse_tensors():
    x = tf.sparse_placeholder(tf.float32, [None, 3])
    w = weights()
    scaled = tf.SparseTensor(x.indices, x.values * w[0, 0], x.dense_shape)
    signature({"y": tf.sparse.sparse_dense_matmul(x, w), "scaled": scaled, "same": x}, x=x)


@feature(**{"x.row_splits": always([0, 2, 2, 3], "int64"), "x.flat_values": floats(3)})
def ragged_tensors():
    x = tf.ragged.placeholder(tf.float32, 1, [])
    w = weights()
    scaled = x * w[0, 0]
    signature({"y": tf.reduce_sum(scaled, 1), "scaled": scaled}, x=x)


@feature(words=words(3))
def strings():
    text = tf.placeholder(tf.string, [None])
    tokens = tf.string_split(text, "i")
    hashed = tf.SparseTensor(tokens.indices, tf.string_to_hash_bucket_fast(tokens.values, 7), tokens.dense_shape)
    y = tf.nn.safe_embedding_lookup_sparse([weights("table", (7, 2))], hashed, combiner="mean")
    signature({"y": y, "upper": tf.strings.join([text, "!"]), "tokens": tokens}, words=text)


@feature(words=words(3))
def feature_columns():
    text = tf.placeholder(tf.string, [None])
    with_vocabulary = tf.feature_column.categorical_column_with_vocabulary_list
    column = with_vocabulary("words", ["cat", "dog", "owl"], num_oov_buckets=1)
    embedded = tf.feature_column.embedding_column(column, 2)
    y = tf.feature_column.input_layer({"words": text}, [embedded, tf.feature_column.indicator_column(column)])
    signature(tf.layers.dense(y, 2), words=text)
