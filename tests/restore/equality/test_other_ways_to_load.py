"""The object of `hub.load` equals TensorFlow's with LoadOptions, in graphs of TF1, under strategies, and from TF1."""

from __future__ import annotations

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from equality_models import save_kitchen, save_lookup
from forked_programs import run_forked

import rehub as hub

pytestmark = pytest.mark.skipif(saved_models.IS_TF1, reason="TensorFlow 1.15 loads by its own loader")
v1 = tf.compat.v1


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("ways") / "kitchen")
    save_kitchen(path)
    return path


def called(signature):
    """The outputs of a signature, or its error."""
    inputs = {
        key: tf.ones([size or 2 for size in spec.shape], spec.dtype)
        for key, spec in signature_inputs(signature).items()
    }
    try:
        return {key: value.numpy().tolist() for key, value in signature(**inputs).items()}
    except tf.errors.OpError as error:
        return type(error).__name__


def signature_inputs(signature):
    return signature.structured_input_signature[1]


def value(variable):
    try:
        return variable.name, variable.device, variable.numpy().tolist()
    except tf.errors.OpError as error:
        return variable.name, variable.device, type(error).__name__


OPTIONS = {
    "none": {},
    "partial": {"allow_partial_checkpoint": True},
    "io_device": {"experimental_io_device": "/job:localhost"},
    "skipped": {"experimental_skip_checkpoint": True},
    "devices": {"experimental_variable_policy": "save_variable_devices"},
    "aliases": {"experimental_load_function_aliases": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_load_option_does_what_it_does_in_tensorflow(name, kitchen):
    options = tf.saved_model.LoadOptions(**OPTIONS[name])
    ours, theirs = hub.load(kitchen, options=options), tf.saved_model.load(kitchen, options=options)
    for signature in ours.signatures:
        pair = ours.signatures[signature], theirs.signatures[signature]
        assert [value(each) for each in pair[0].variables] == [value(each) for each in pair[1].variables]
        assert called(pair[0]) == called(pair[1])
    assert (hub.load_report(ours).loader == "tensorflow") == (name == "aliases")


def test_a_partial_checkpoint_is_enough_if_that_is_allowed(tmp_path):
    path = saved_models.save_shift(tmp_path / "model")
    variables = tmp_path / "model" / "variables"
    for file in variables.iterdir():
        file.unlink()
    model = tf.train.Checkpoint(v=tf.Variable([7.0]))
    model.write(str(variables / "variables"))
    options = tf.saved_model.LoadOptions(allow_partial_checkpoint=True)
    ours, theirs = hub.load(path, options=options), tf.saved_model.load(path, options=options)
    assert ours.v.numpy().tolist() == theirs.v.numpy().tolist() == [7.0]
    assert value(ours.inner.w) == value(theirs.inner.w)
    for load in (hub.load, tf.saved_model.load):
        with pytest.raises((ValueError, AssertionError)):
            load(path)


def test_a_graph_of_tf1_and_its_session_compute_the_same(tmp_path):
    path = saved_models.save_lookup(tmp_path / "model")
    results = []
    for load in (hub.load, tf.saved_model.load):
        with tf.Graph().as_default(), v1.Session() as session:
            model = load(path)
            outputs = model.signatures["serving_default"](tf.constant([1.0, 2.0])), model.find(tf.constant(["c", "x"]))
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            results.append([session.run(outputs), [each.name for each in v1.global_variables()]])
    np.testing.assert_equal(results[0], results[1])


def test_a_graph_variant_of_several_is_tensorflows(tmp_path):
    path = saved_models.save_v1(tmp_path / "model", (("serve",), ("serve", "other")))
    for tags in (["serve"], ["other", "serve"]):
        results = []
        for load in (hub.load, tf.saved_model.load):
            model = load(path, tags=tags)
            outputs = model.signatures["serving_default"](x=tf.constant([1.0]), y=tf.constant([2.0]))
            place = model.signatures["find"](words=tf.constant(["b", "?"]))["place"]
            found = {key: each.numpy().tolist() for key, each in {**outputs, "place": place}.items()}
            results.append([sorted(model.signatures), found, [each.numpy().tolist() for each in model.variables]])
        assert results[0] == results[1]
        assert hub.load_report(hub.load(path, tags=tags)).reason == "it has several MetaGraphs"


@pytest.mark.skipif(not hasattr(tf, "estimator"), reason="this TensorFlow has no Estimator")
def test_an_estimator_is_tensorflows(tmp_path):
    column = tf.feature_column.numeric_column("x", [2])
    estimator = tf.estimator.LinearRegressor([column], str(tmp_path / "training"))
    estimator.train(lambda: ({"x": tf.constant([[1.0, 2.0]])}, tf.constant([[3.0]])), steps=3)
    parsing = tf.feature_column.make_parse_example_spec([column])
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(parsing)
    path = estimator.export_saved_model(str(tmp_path / "exported"), receiver).decode()
    features = tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0]))})
    example = tf.constant([tf.train.Example(features=features).SerializeToString()])
    ours, theirs = hub.load(path), tf.saved_model.load(path)
    assert sorted(ours.signatures) == sorted(theirs.signatures)
    for name in ours.signatures:
        (key,) = signature_inputs(ours.signatures[name])
        results = [obj.signatures[name](**{key: example}) for obj in (ours, theirs)]
        assert {key: each.numpy().tolist() for key, each in results[0].items()} == {
            key: each.numpy().tolist() for key, each in results[1].items()
        }


ON_TWO_DEVICES = """
import sys, tensorflow as tf, rehub as hub

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def trained(load):
    with strategy.scope():
        model = load(sys.argv[1])

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x) ** 2)
        for variable, gradient in zip(model.trainable, tape.gradient(loss, model.trainable)):
            variable.assign_sub(0.01 * gradient)
        return loss

    data = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices([1.0, -2.0]).repeat(2).batch(2))
    losses = [strategy.reduce("SUM", strategy.run(step, (x,)), axis=None).numpy().tolist() for x in data]
    copies = [[str(each.device) for each in strategy.experimental_local_results(v)] for v in model.trainable]
    return losses, copies, [variable.numpy().tolist() for variable in model.trainable]


ours, theirs = trained(hub.load), trained(tf.saved_model.load)
assert ours == theirs, (ours, theirs)
on_one = tf.config.list_logical_devices("CPU")[1].name
with tf.device(on_one):
    ours, theirs = hub.load(sys.argv[1]), tf.saved_model.load(sys.argv[1])
    assert ours(tf.constant([3.0])).numpy().tolist() == theirs(tf.constant([3.0])).numpy().tolist()
assert ours.v.device == theirs.v.device, (ours.v.device, theirs.v.device)
print("THE SAME", theirs.v.device)
"""


def test_a_model_on_two_devices_is_tensorflows(tmp_path):
    model = saved_models.Shift()
    model.trainable = [model.v, model.inner.w]
    tf.saved_model.save(model, str(tmp_path / "model"))
    printed = run_forked(ON_TWO_DEVICES, tmp_path / "model")
    assert "THE SAME /job:localhost/replica:0/task:0/device:CPU:1" in printed


def test_assets_are_found_where_the_model_was_moved_to(tmp_path):
    save_lookup(tmp_path / "lookup")
    moved = tmp_path / "elsewhere"
    (tmp_path / "lookup").rename(moved)
    ours, theirs = hub.load(str(moved)), tf.saved_model.load(str(moved))
    words = tf.constant(["a", "c"])
    assert ours.find(words).numpy().tolist() == theirs.find(words).numpy().tolist()
