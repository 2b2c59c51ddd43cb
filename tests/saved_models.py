"""The models that tests load: SavedModels of TF2 and TF1 that are written here, legacy modules from `data/`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import tensorflow as tf
from model_cache import saved_once

from rehub import tf_internals

if tf.__version__.startswith("1."):
    tf.compat.v1.enable_v2_behavior()

LEGACY = Path(__file__).parent / "data" / "legacy"
PUBLISHED = Path(os.environ.get("REHUB_TEST_MODELS", str(Path(__file__).parents[2] / "shared" / "models")))

IS_TF1 = tf.__version__.startswith("1.")
FLOATS = tf.TensorSpec([None], tf.float32)
STRINGS = tf.TensorSpec([None], tf.string)


def vocabulary_table(file):
    """Word -> number of its line; -1 for others. The file becomes an asset of the model."""
    index = tf.lookup.TextFileIndex
    initializer = tf.lookup.TextFileInitializer(file, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
    return tf.lookup.StaticHashTable(initializer, -1)


class Scale(tf.Module):
    """x * w."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable([3.0])

    @tf.function(input_signature=[FLOATS])
    def scale(self, x):
        return x * self.w


class Shift(tf.Module):
    """x * w + v, w in a submodule; no table, so that nothing in it is in a reference cycle."""

    def __init__(self):
        super().__init__()
        self.v = tf.Variable([2.0])
        self.inner = Scale()
        self.parts = [Scale()]

    @tf.function(input_signature=[FLOATS])
    def __call__(self, x):
        return self.inner.scale(x) + self.v


class Lookup(Shift):
    """Adds a table made from an asset: the place of a string in the vocabulary a, b, c."""

    def __init__(self, vocabulary):
        super().__init__()
        self.table = vocabulary_table(vocabulary)

    @tf.function(input_signature=[STRINGS])
    def find(self, words):
        return self.table.lookup(words)


@saved_once
def save_shift(directory):
    """A TF2 SavedModel with variables: __call__, inner.scale, a list `parts`, signature serving_default."""
    model = Shift()
    tf.saved_model.save(model, str(directory), signatures=model.__call__)
    return str(directory)


@saved_once
def save_lookup(directory):
    """The same with a table and an asset, method and signature `find`."""
    vocabulary = Path(str(directory) + ".vocabulary")
    vocabulary.write_text("a\nb\nc\n")
    model = Lookup(str(vocabulary))
    signatures = {"serving_default": model.__call__, "find": model.find}
    tf.saved_model.save(model, str(directory), signatures=signatures)
    vocabulary.unlink()  # The SavedModel has a copy among its assets.
    return str(directory)


@saved_once
def save_v1(directory, tag_sets=(("serve",),), as_text=False):
    """A TF1 SavedModel: signatures serving_default (x, y -> default, difference) and find (words -> place)."""
    vocabulary = Path(str(directory) + ".vocabulary")
    vocabulary.write_text("a\nb\nc\n")
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(directory))
    for number, tags in enumerate(tag_sets):
        with tf.Graph().as_default(), v1.Session() as session:
            x, y = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.float32, [None], "y")
            w = v1.get_variable("w", initializer=3.0, use_resource=True)
            table = vocabulary_table(str(vocabulary))
            words = v1.placeholder(tf.string, [None], "words")
            signature = v1.saved_model.predict_signature_def
            signatures = {
                "serving_default": signature({"x": x, "y": y}, {"default": w * x + y, "difference": w * x - y}),
                "find": signature({"words": words}, {"place": table.lookup(words)}),
            }
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            settings = {
                "signature_def_map": signatures,
                "assets_collection": v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
                "main_op": v1.tables_initializer(),
            }
            if number == 0:
                builder.add_meta_graph_and_variables(session, list(tags), **settings)
            else:
                builder.add_meta_graph(list(tags), **settings)
    builder.save(as_text)
    vocabulary.unlink()
    return str(directory)


class Replacing(tf.Module):
    """Replaces by a regular expression: a model whose only unusual op has a name of twelve letters."""

    @tf.function(input_signature=[STRINGS])
    def __call__(self, words):
        return tf.raw_ops.RegexReplace(input=words, pattern="a", rewrite="b")


@saved_once
def save_replacing(directory):
    """A TF2 SavedModel that uses the op RegexReplace."""
    model = Replacing()
    tf.saved_model.save(model, str(directory), signatures=model.__call__)
    return str(directory)


@saved_once
def save_replacing_v1(directory):
    """A TF1 SavedModel that uses the op RegexReplace."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        words = v1.placeholder(tf.string, [None], "words")
        replaced = tf.raw_ops.RegexReplace(input=words, pattern="a", rewrite="b")
        v1.saved_model.simple_save(session, str(directory), {"words": words}, {"replaced": replaced})
    return str(directory)


def copy(model, directory):
    """Copy a model, for a test to change."""
    shutil.copytree(str(model), str(directory))
    return str(directory)


def rename_op(directory, new, *, in_list=True, in_graph=True):
    """Replace the name RegexReplace in a saved_model.pb by that of another op, of the same length.

    The first occurrence is in the writer's list of ops, the others are in the graph.
    """
    old = b"RegexReplace"
    assert len(new) == len(old)
    file = Path(directory) / "saved_model.pb"
    before, found, after = file.read_bytes().partition(old)
    assert found
    listed = new.encode() if in_list else old
    graph = after.replace(old, new.encode()) if in_graph else after
    file.write_bytes(before + listed + graph)
    return directory


def change_nodes(directory, op, change):
    """Change the NodeDefs of an op in the graph of a TF1 SavedModel."""
    file = Path(directory) / "saved_model.pb"
    message = tf_internals.protos.parse_message("SavedModel", file.read_bytes())
    for metagraph in message.meta_graphs:
        for node in metagraph.graph_def.node:
            if node.op == op:
                change(node)
    file.write_bytes(message.SerializeToString())
