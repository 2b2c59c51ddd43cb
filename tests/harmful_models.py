"""Models that could do harm, for tests of what finds and refuses them."""

from __future__ import annotations

from pathlib import Path

import saved_models
import tensorflow as tf

import rehub as hub
from rehub import tf_internals

v1 = tf.compat.v1
SECRET = "/etc/secret"


def dangers(directory):
    """The ops that a scan calls dangers, with what they do."""
    return {(finding.op, finding.kind) for finding in hub.scan(str(directory)).dangers}


def save(directory, function):
    """A TF2 SavedModel that computes a function of a vector of strings."""
    model = tf.Module()
    model.use = tf.function(function, input_signature=[saved_models.STRINGS])
    tf.saved_model.save(model, str(directory), signatures=model.use)
    return str(directory)


def save_graph(directory, build, main_op=None, tag_sets=(("serve",),)):
    """A TF1 SavedModel; `build` makes, of a vector of strings, the output of each graph variant by its number."""
    builder = v1.saved_model.Builder(str(directory))
    for number, tags in enumerate(tag_sets):
        with tf.Graph().as_default(), v1.Session() as session:
            words = v1.placeholder(tf.string, [None], "words")
            v1.get_variable("w", initializer=3.0, use_resource=True)
            output = build(words, number)
            session.run(v1.global_variables_initializer())
            signature = v1.saved_model.predict_signature_def({"words": words}, {"output": output})
            settings_ = {"signature_def_map": {"serving_default": signature}, "main_op": main_op() if main_op else None}
            if number == 0:
                builder.add_meta_graph_and_variables(session, list(tags), **settings_)
            else:
                builder.add_meta_graph(list(tags), **settings_)
    builder.save()
    return str(directory)


def edit(directory, change):
    """Changes the one graph variant of a model on disk."""
    file = Path(directory) / "saved_model.pb"
    model = tf_internals.protos.new_saved_model()
    model.ParseFromString(file.read_bytes())
    change(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())


def reads(words):
    return tf.strings.join([words, tf.io.read_file(SECRET)])


def writes(words):
    with tf.control_dependencies([tf.io.write_file("/tmp/harm", "harm")]):
        return tf.identity(words)


def saves(words):
    with tf.control_dependencies(
        [tf.raw_ops.SaveV2(prefix="/tmp/harm", tensor_names=["a"], shape_and_slices=[""], tensors=[words])]
    ):
        return tf.identity(words)


def restores(words):
    return words + tf.raw_ops.RestoreV2(prefix=SECRET, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.string])[0]


def runs_python(words):
    return tf.numpy_function(lambda value: value, [words], tf.string)


def prints_into_a_file(words):
    with tf.control_dependencies([tf.raw_ops.PrintV2(input=words[0], output_stream="file:///tmp/harm")]):
        return tf.identity(words)


def maps_memory(words):
    return words + tf.raw_ops.ImmutableConst(dtype=tf.string, shape=[1], memory_region_name=SECRET)


def lists_files(words):
    return words + tf.io.matching_files("/etc/*")[0]


def graph_that_reads():
    with tf.Graph().as_default() as graph:
        tf.io.read_file(SECRET, name="within")
    return graph.as_graph_def().SerializeToString()


def save_that_writes(directory, file):
    """A TF1 SavedModel that writes a file when its tables are initialized, as TensorFlow does when it loads it."""
    return save_graph(directory, lambda words, _: tf.identity(words), lambda: tf.io.write_file(str(file), ""))
