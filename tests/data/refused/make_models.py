"""Write the SavedModels of this directory, which TensorFlow 2 refuses, with the results of a session of TF 1.15.

python make_models.py DIRECTORY    # in an environment with TensorFlow 1.15
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2  # noqa: TID251
from tensorflow.python.ops import (  # noqa: TID251
    boosted_trees_ops,
    gen_array_ops,
    gen_lookup_ops,
    gen_parsing_ops,
)

v1 = tf.compat.v1

X = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
MODELS = []


def model(build):
    MODELS.append(build)
    return build


def floats():
    return v1.placeholder(tf.float32, [None, 3], "x")


def dense(x, name="w", use_resource=False):
    weights = np.arange(6, dtype=np.float32).reshape(3, 2) / 10
    w = v1.get_variable(name, initializer=weights, use_resource=use_resource)
    return tf.matmul(x, w), w


@model
def fed_twice():
    """A loop too, whose gradient is wanted."""
    x = floats()
    y, w = dense(x)
    step = lambda i, a: (i + 1, tf.tanh(tf.matmul(tf.matmul(a, w, transpose_b=True), w)))  # noqa: E731
    _, z = tf.while_loop(lambda i, a: i < 3, step, [0, y])
    return {"serving_default": ({"a": x, "b": x}, {"z": z})}, {"serving_default": {"a": X, "b": X}}


@model
def references():
    """A reference variable, one of its parts, and an assignment as outputs; a reference that is fed."""
    x = floats()
    y, w = dense(x)
    partitioner, ones = v1.fixed_size_partitioner(2), v1.ones_initializer()
    parts = list(v1.get_variable("p", [2, 3], initializer=ones, partitioner=partitioner, use_resource=False))
    count = v1.assign_add(v1.get_variable("count", initializer=0.0, trainable=False, use_resource=False), 1.0)
    signatures = {
        "serving_default": ({"x": x}, {"y": y, "w": gen_array_ops.ref_identity(w._ref()), "part": parts[1]._ref()}),
        "count": ({}, {"count": count}),
        "fed": ({"x": x, "w": w._ref()}, {"y": y}),
    }
    return signatures, {"serving_default": {"x": X}, "count": {}, "fed": {"x": X, "w": np.ones([3, 2], np.float32)}}


@model
def other_keys():
    """Variables with other names in the checkpoint, one of them in no collection; one that the init op sets."""
    x = floats()
    y, w = dense(x)
    hidden = v1.get_variable("hidden", initializer=[3.0, 4.0], collections=[], use_resource=True)
    local = v1.get_variable("local", initializer=5.0, collections=["local_variables"], use_resource=False)
    signatures = {"serving_default": ({"x": x}, {"y": y + hidden, "local": local._ref()})}
    saver = v1.train.Saver({"old/w": w, "old/hidden": hidden})
    initialized = [w.initializer, hidden.initializer]
    return signatures, {"serving_default": {"x": X}}, {"saver": saver, "main_op": local.initializer}, initialized


@model
def tables():
    """A table in the checkpoint, one that the init op fills, and one of TF1's first kind."""
    s = v1.placeholder(tf.string, [None], "s")
    saved, filled = (tf.contrib.lookup.MutableHashTable(tf.string, tf.int64, -1, checkpoint=c) for c in (True, False))
    keys, values = tf.constant(["a", "b"]), tf.constant([3, 4], tf.int64)
    first = gen_lookup_ops.hash_table(key_dtype=tf.string, value_dtype=tf.int64)
    init = [filled.insert(keys, values + 1), gen_lookup_ops.initialize_table(first, keys, values + 2)]
    v = v1.get_variable("v", initializer=2.0, use_resource=False)
    found = gen_lookup_ops.lookup_table_find(first, s, tf.constant(-1, tf.int64))
    outputs = {"saved": saved.lookup(s), "filled": filled.lookup(s), "first": found, "v": v._ref()}
    signatures = {"serving_default": ({"s": s}, outputs)}
    feeds = {"serving_default": {"s": np.array([b"b", b"z", b"a"])}}
    return signatures, feeds, {"main_op": tf.group(init)}, [v.initializer, saved.insert(keys, values)]


@model
def ranks():
    """ParseExample of ranks that shape inference refuses: `change_ranks` makes them so."""
    s = v1.placeholder(tf.string, [None], "examples")
    parsed = gen_parsing_ops.parse_example(
        serialized=s,
        names=tf.constant([], tf.string, name="names"),
        sparse_keys=[tf.constant("k", name="key")],
        dense_keys=[tf.constant("a")],
        dense_defaults=[tf.constant([1.5])],
        sparse_types=[tf.int64],
        dense_shapes=[[1]],
    )
    example = tf.train.Example()
    example.features.feature["a"].float_list.value.append(2.0)
    example.features.feature["k"].int64_list.value.append(7)
    outputs = {"y": parsed.dense_values[0] * v1.get_variable("v", initializer=3.0), "k": parsed.sparse_values[0]}
    feeds = {"serving_default": {"examples": np.array([example.SerializeToString(), b""])}}
    return {"serving_default": ({"examples": s}, outputs)}, feeds


def change_ranks(nodes, signatures):
    for node in nodes.values():
        node.attr.pop("_output_shapes", None)
    nodes["examples"].attr["shape"].shape.Clear()
    nodes["names"].attr["value"].tensor.tensor_shape.Clear()
    nodes["names"].attr["value"].tensor.string_val.append(b"")
    nodes["key"].attr["value"].tensor.tensor_shape.dim.add().size = 1


@model
def signatures():
    """Signatures that are wrong in ways that TF1 does not notice, or only when they are run."""
    x = floats()
    y, _ = dense(x)
    unknown = tf.identity(y, "unknown")
    names = ["serving_default", "without_index", "other_shape", "missing"]
    found = {name: ({"x": x}, {"y": y}) for name in names}
    found["unknown_op"] = ({"x": x}, {"y": unknown})
    return found, {name: {"x": X} for name in names[:3]}


def change_signatures(nodes, signatures):
    nodes["unknown"].op = "TrainingOnly"
    nodes["unknown"].attr.clear()
    for info in (signatures["without_index"].inputs["x"], signatures["without_index"].outputs["y"]):
        info.name = info.name.partition(":")[0]
    signatures["other_shape"].outputs["y"].tensor_shape.dim[1].size = 7
    signatures["missing"].outputs["y"].name = "nowhere:0"


@model
def no_shapes():
    """Signatures without shapes, with a wrong dtype; an input that is no placeholder; a graph of an old producer."""
    names = v1.placeholder(tf.string, None, "names")
    lengths = tf.identity(tf.cast(tf.strings.length(tf.reshape(names, [-1, 1])), tf.float32), "lengths")
    y = lengths * v1.get_variable("v", initializer=[2.0, 3.0])
    signatures = {"serving_default": ({"lengths": lengths}, {"y": y}), "names": ({"names": names}, {"y": y})}
    return signatures, {"serving_default": {"lengths": X[:, :1]}, "names": {"names": np.array([b"ab", b"c"])}}


def change_no_shapes(nodes, signatures):
    for node in nodes.values():
        node.attr.pop("_output_shapes", None)
    nodes["names"].attr["shape"].shape.Clear()
    for signature in signatures.values():
        for info in (*signature.inputs.values(), *signature.outputs.values()):
            info.ClearField("tensor_shape")
            info.dtype = tf.float32.as_datatype_enum


@model
def dropped_ops():
    """Ops that TensorFlow 2 does not have, or no kernels for."""
    x = floats()
    values = tf.reshape(x, [-1])
    (buckets,) = boosted_trees_ops.boosted_trees_bucketize([values], [tf.constant([1.5, 3.0, 5.5])])
    ids, parents = (v1.placeholder(tf.int32, [None, None, 2], name) for name in ("ids", "parents"))
    lengths = v1.placeholder(tf.int32, [None], "lengths")
    beams = tf.contrib.seq2seq.gather_tree(ids, parents, lengths, 9)
    images = v1.placeholder(tf.float32, [None, 2, 3, 1], "images")
    turned = tf.contrib.image.rotate(images, 0.3, "BILINEAR") * v1.get_variable("v", initializer=2.0)
    signatures = {
        "serving_default": ({"x": x}, {"buckets": buckets}),
        "beams": ({"ids": ids, "parents": parents, "lengths": lengths}, {"beams": beams}),
        "images": ({"images": images}, {"turned": turned}),
    }
    random = np.random.RandomState(1)
    fed = {
        "ids": random.randint(0, 9, [5, 4, 2]).astype(np.int32),
        "parents": random.randint(0, 2, [5, 4, 2]).astype(np.int32),
        "lengths": np.array([5, 3, 0, 7], np.int32),
    }
    fed["ids"][1, 0] = 9
    inputs = np.array([[-1, 1.5, 2], [3, 5.5, 9]], np.float32)
    return signatures, {"serving_default": {"x": inputs}, "beams": fed, "images": {"images": X.reshape(1, 2, 3, 1)}}


@model
def datasets():
    """A data set with functions, which is not traced again but copied. An input is fed twice, as in `fed_twice`."""
    x = floats()
    rows = tf.data.Dataset.from_tensor_slices(x).map(lambda row: tf.cond(row[0] > 2, lambda: row * 2, lambda: row))
    y, _ = dense(tf.data.experimental.get_single_element(rows.map(lambda row: row + 1).batch(2)))
    return {"serving_default": ({"a": x, "b": x}, {"y": y})}, {"serving_default": {"a": X, "b": X}}


@model
def metrics():
    """The value of a metric, which a session reads before it is updated. An input is fed twice, as in `fed_twice`."""
    x = floats()
    y, _ = dense(x)
    with v1.variable_scope("", use_resource=True):
        value, update = v1.metrics.mean(y)
    signatures = {"serving_default": ({"a": x, "b": x}, {"update": update, "value": value})}
    init = v1.local_variables_initializer()
    return signatures, {"serving_default": {"a": X, "b": X}}, {"main_op": init}, v1.global_variables_initializer()


@model
def unfed():
    """An output that needs more than the signature's inputs."""
    x = floats()
    keep = v1.placeholder(tf.float32, [], "keep")
    y, _ = dense(x * keep)
    return {"serving_default": ({"x": x}, {"y": tf.identity(y, "y")})}, {}


def main(directory):
    results = {}
    for build in MODELS:
        path = os.path.join(directory, build.__name__)
        with tf.Graph().as_default(), v1.Session() as session:
            built = build()
            session.run(built[3] if len(built) > 3 else v1.global_variables_initializer())
            infos = v1.saved_model.build_tensor_info
            defs = {
                name: v1.saved_model.build_signature_def(*({k: infos(t) for k, t in part.items()} for part in parts))
                for name, parts in built[0].items()
            }
            options = built[2] if len(built) > 2 else {}
            builder = v1.saved_model.Builder(path)
            builder.add_meta_graph_and_variables(session, ["serve"], defs, strip_default_attrs=True, **options)
            builder.save()
        results[build.__name__] = run_signatures(path, built[0], built[1])
        change = globals().get(f"change_{build.__name__}")
        if change is not None:
            file = Path(path, "saved_model.pb")
            saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
            graph = saved.meta_graphs[0]
            change({node.name: node for node in graph.graph_def.node}, graph.signature_def)
            if build is no_shapes:
                graph.graph_def.versions.producer = 21
            file.write_bytes(saved.SerializeToString())
    with open(os.path.join(directory, "results.json"), "w") as file:
        json.dump(results, file, indent=1, sort_keys=True)


def run_signatures(path, signatures, feeds):
    found = {}
    for name, feed in feeds.items():
        with tf.Graph().as_default(), v1.Session() as session:
            v1.saved_model.load(session, ["serve"], path)
            inputs, outputs = ({key: tensor.name for key, tensor in part.items()} for part in signatures[name])
            values = session.run(outputs, {inputs[key]: value for key, value in feed.items()})
        found[name] = {
            "inputs": {key: list_values(value) for key, value in feed.items()},
            "outputs": {key: value.tolist() for key, value in values.items()},
        }
    return found


def list_values(array):
    texts = array.dtype.kind == "S"
    return [value.decode("latin-1") for value in array.tolist()] if texts else array.tolist()


if __name__ == "__main__":
    main(sys.argv[1])
