"""Models of no newer TensorFlow, which have what the running one cannot load or run."""

from __future__ import annotations

import saved_models
import tensorflow as tf

import rehub as hub

assert saved_models  # It enables eager mode in TensorFlow 1.15.


def test_buckets_of_an_old_transform_are_found(tmp_path):
    class Transform(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None])])
        def __call__(self, x):
            return tf.raw_ops.BoostedTreesBucketize(float_values=[x, -x], bucket_boundaries=[[0.0, 1.0, 2.0], [1.0]])

    tf.saved_model.save(Transform(), str(tmp_path))
    first, second = hub.load(str(tmp_path))(tf.constant([-1.0, 0.0, 0.5, 1.0, 2.0, 5.0]))
    assert first.numpy().tolist() == [0, 0, 1, 1, 2, 2]
    assert second.numpy().tolist() == [0] * 6


def test_buckets_of_a_graph_of_tf1_are_found(tmp_path):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None])
        (buckets,) = tf.raw_ops.BoostedTreesBucketize(float_values=[x], bucket_boundaries=[[0.0, 1.0]])
        tf.compat.v1.saved_model.simple_save(session, path, {"x": x}, {"y": buckets})
    found = hub.load(path).signatures["serving_default"](tf.constant([-1.0, 0.5, 5.0]))["y"]
    assert found.numpy().tolist() == [0, 1, 1]


def test_a_dict_of_variables_is_restored_by_the_version_that_wrote_it(tmp_path):
    module = tf.Module()
    module.parts = {"scale": tf.Variable(2.0)}
    module.call = tf.function(lambda x: x * module.parts["scale"], input_signature=[tf.TensorSpec([])])
    tf.saved_model.save(module, str(tmp_path))
    model = hub.load(str(tmp_path))
    assert (model.call(tf.constant(3.0)).numpy(), len(hub.load_report(model).left_out)) == (6.0, 0)
