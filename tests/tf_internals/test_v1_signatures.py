"""TensorFlow 1.15 loads the signatures that a session of it can run; `data/refused` has a session's results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2  # noqa: TID251

import rehub as hub

REFUSED = Path(__file__).parents[1] / "data" / "refused"
RESULTS = json.loads((REFUSED / "results.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(not saved_models.IS_TF1, reason="newer versions trace these models again")


def _encode_text(value):
    return value.encode("latin-1") if isinstance(value, str) else value


@pytest.mark.parametrize("name", ["fed_twice", "references", "no_shapes", "metrics", "ranks"])
def test_signatures_of_sessions_can_be_called(name):
    recorded = RESULTS[name]["serving_default"]
    with tf.Graph().as_default():
        model = hub.load(str(REFUSED / name))
        inputs = {key: tf.constant(list(map(_encode_text, value))) for key, value in recorded["inputs"].items()}
        outputs = model(inputs, as_dict=True)
        with tf.compat.v1.Session() as session:
            session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
            computed = session.run(outputs)
    assert sorted(computed) == sorted(recorded["outputs"])
    for key, expected in recorded["outputs"].items():
        np.testing.assert_allclose(computed[key], expected, rtol=1e-5, err_msg=key)


def test_a_placeholder_that_is_not_an_input_can_be_given():
    model = hub.load(str(REFUSED / "unfed"))
    with pytest.raises(
        hub.errors.InvalidModule, match=r"'keep' needs a value.* model.prune\(feeds, fetches\) .* takes keep:0"
    ):
        model(tf.ones([1, 3]))
    function = model.prune(["x:0", "keep:0"], "y:0")
    np.testing.assert_allclose(function(tf.ones([1, 3]), tf.constant(2.0)).numpy(), [[1.2, 1.8]], rtol=1e-5)


def test_inputs_have_the_dtypes_of_placeholders():
    """The signature says that its input is of float32."""
    recorded = RESULTS["no_shapes"]["names"]
    outputs = hub.load(str(REFUSED / "no_shapes"))(tf.constant(recorded["inputs"]["names"]), signature="names")
    np.testing.assert_allclose(outputs.numpy(), recorded["outputs"]["y"], rtol=1e-5)


def write_model(directory, main_op=None, **outputs):
    with tf.compat.v1.Session() as session:
        infos = {key: meta_graph_pb2.TensorInfo(name=value.name, dtype=1) for key, value in outputs.items()}
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(directory))
        signatures = {"train": tf.compat.v1.saved_model.build_signature_def({}, infos)}
        builder.add_meta_graph_and_variables(session, ["train"], signatures, main_op=main_op)
        builder.save()


def test_an_init_op_that_needs_a_placeholder_is_named(tmp_path):
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [], "value")
        variable = tf.compat.v1.get_variable("v", initializer=2.0, use_resource=True)
        write_model(tmp_path / "model", main_op=variable.assign(x).op, v=variable)
    with pytest.raises(hub.errors.InvalidModule, match="init op needs a placeholder.* 'value'"):
        hub.load(str(tmp_path / "model"))


def test_an_output_that_is_an_op_is_run(tmp_path):
    """Keras exports of TF1 list their training op among the outputs."""
    with tf.Graph().as_default():
        variable = tf.compat.v1.get_variable("v", initializer=2.0, use_resource=True)
        write_model(tmp_path / "model", loss=tf.constant(6.0), train_op=variable.assign_add(1.0).op)
    model = hub.load(str(tmp_path / "model"))
    outputs = model(as_dict=True)
    assert outputs["train_op"] is None
    assert outputs["loss"].numpy() == 6
    assert [each.numpy() for each in model.variables] == [3]


def test_a_signature_with_tensors_that_the_graph_lacks_is_refused_alone(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        there, nowhere = (meta_graph_pb2.TensorInfo(name=name, dtype=1) for name in ((x * 2).name, "nowhere:0"))
        taken = meta_graph_pb2.TensorInfo(name="x:0", dtype=1)
        build = tf.compat.v1.saved_model.build_signature_def
        signatures = {
            "serving_default": build({"x": taken}, {"y": there}),
            "no_output": build({"x": taken}, {"y": nowhere, "z": there}),
            "no_input": build({"x": taken, "other": nowhere}, {"y": there}),
        }
        builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    model = hub.load(str(tmp_path / "model"))
    assert model(tf.ones([1])).numpy().tolist() == [2]
    for signature, names in (("no_output", ["x"]), ("no_input", ["x", "other"])):
        with pytest.raises(hub.errors.InvalidModule, match=f"'{signature}' names tensors .* not have: nowhere:0"):
            model.signatures[signature](**dict.fromkeys(names, tf.ones([1])))
