"""hub.convert: a model of TF1 becomes a TF2 SavedModel that plain TensorFlow loads and trains."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import saved_models
import tensorflow as tf
from module_fns import export_module
from retraining import Retraining, assert_outputs, assert_values_are_final, parts_by_name
from saved_models import LEGACY, PUBLISHED
from trajectories import load_trajectories, with_each_trajectory

import rehub as hub
from rehub.errors import (
    ConversionFailed,
    ExportTargetTaken,
    InvalidModule,
    MissingOp,
    SignatureNotFound,
    TagsNotFound,
    UnsupportedFormat,
)

# A sparse or ragged input of a single-input signature is given in a dict, as Retraining does.


@with_each_trajectory()
def test_a_conversion_loaded_by_tensorflow_is_trained_as_by_tf_1_15(trajectory, converted):
    model = tf.saved_model.load(converted(trajectory.module))
    losses = Retraining(trajectory, model).run(in_function=True)
    np.testing.assert_allclose(losses, trajectory.recorded["losses"], rtol=0, atol=trajectory.tolerance)
    assert_values_are_final(trajectory, parts_by_name(model))
    assert_outputs(trajectory, model, "after", trajectory.tolerance)


def test_the_call_is_that_of_the_loaded_module(converted):
    path = str(LEGACY / "conv_bn")
    module, model = hub.load(path), tf.saved_model.load(converted("conv_bn"))
    images = tf.random.stateless_uniform([2, *hub.get_expected_image_size(module), 3], seed=[1, 2])
    for arguments in (
        {},
        {"signature": "image_feature_vector"},
        {"as_dict": True},
        {"training": True, "update_ops": False},
        {"signature": "image_feature_vector", "as_dict": True, "training": True, "update_ops": False},
    ):
        for inputs in (images, {"images": images}):
            tf.nest.map_structure(
                lambda new, old: np.testing.assert_allclose(new, old, rtol=1e-6, atol=1e-6),
                model(inputs, **arguments),
                module(inputs, **arguments),
            )


def test_the_report_has_what_was_found_kept_and_compared(tmp_path):
    report = hub.convert(str(LEGACY / "conv_bn"), tmp_path / "new")
    assert report.kind == "legacy module"
    assert report.signatures == ("default", "image_feature_vector", "with_dropout")
    assert (report.variables, report.update_ops, report.regularization_losses) == (17, 6, 5)
    assert report.attached_messages == ("image_module_info",)
    by_place = {(each.signature, each.mode): each for each in report.comparisons}
    assert by_place["default", "training"].compared == ("outputs", "gradients", "updated variables")
    assert all(each.difference < 1e-5 for each in report.comparisons)
    assert "random" in by_place["with_dropout", "inference"].not_compared


def test_attachments_are_converted(converted):
    module, model = hub.load(str(LEGACY / "conv_bn")), hub.load(converted("conv_bn"))
    assert hub.get_expected_image_size(model) == hub.get_expected_image_size(module)
    assert hub.get_num_image_channels(model) == 3


def test_a_layer_trains_a_conversion(converted):
    layer = hub.KerasLayer(converted("text_embed"), trainable=True)
    model = tf.keras.Sequential([tf.keras.layers.Input([], dtype="string"), layer, tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = layer.resolved_object.variables[0].numpy()
    model.fit(tf.constant(["the cat", "a dog"]), np.ones([2, 1], np.float32), verbose=0)
    assert (layer.resolved_object.variables[0].numpy() != before).any()


def test_tfsm_layer_trains_a_conversion(converted):
    keras = pytest.importorskip("keras")
    if not hasattr(keras.layers, "TFSMLayer"):
        pytest.skip("TFSMLayer came with Keras 3")
    layer = keras.layers.TFSMLayer(converted("conv_bn"), call_endpoint="serve", call_training_endpoint="train")
    images = np.random.default_rng(1).random([4, 16, 16, 3], np.float32)
    module = hub.load(str(LEGACY / "conv_bn"))
    np.testing.assert_allclose(layer(images), module(images), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(layer(images, training=True), module(images, training=True), rtol=1e-5, atol=1e-5)
    assert len(layer.trainable_weights) == len(module.trainable_variables)


@pytest.mark.peers
def test_the_layer_of_tensorflow_hub_trains_a_conversion(converted):
    tensorflow_hub = pytest.importorskip("tensorflow_hub", reason="tensorflow_hub is not installed here, or broken")
    (trajectory,) = [each for each in load_trajectories() if each.module == "conv_bn"]
    layer = tensorflow_hub.KerasLayer(converted("conv_bn"), trainable=True)
    assert len(layer.trainable_weights) == len(trajectory.recipe["trainable_variables"])
    assert len(layer.losses) == trajectory.recipe["n_regularization_losses"]
    images = trajectory.data["steps/images"][0]
    module = hub.load(str(LEGACY / "conv_bn"))
    np.testing.assert_allclose(layer(images, training=True), module(images, training=True), rtol=1e-5, atol=1e-5)


def test_signatures_of_a_conversion_are_those_of_the_module(converted):
    module, model = hub.load(str(LEGACY / "text_embed")), tf.saved_model.load(converted("text_embed"))
    assert sorted(model.signatures) == sorted(module.signatures)
    words = tf.constant(["the cat", "dog"])
    for name in module.signatures:
        ours, its = module.signatures[name](words), model.signatures[name](words)
        assert sorted(its) == sorted(ours)
        np.testing.assert_array_equal(its["default"], ours["default"])


def test_a_published_module_computes_the_same_after_conversion(tmp_path):
    dm21 = PUBLISHED / "dm21"
    if not dm21.is_dir():
        pytest.skip(f"the published models are not at {PUBLISHED}")
    report = hub.convert(str(dm21), tmp_path / "new")
    assert report.regularization_losses == 12
    assert {each.mode: each.compared for each in report.comparisons} == {
        "inference": ("outputs",),
        "training": ("outputs", "gradients", "updated variables"),
    }
    assert max(each.difference for each in report.comparisons) < 1e-5


def test_a_tf1_savedmodel_is_converted_with_its_table(tmp_path):
    path = saved_models.save_v1(tmp_path / "v1")
    report = hub.convert(path, tmp_path / "new")
    assert report.kind == "TF1 SavedModel"
    assert report.signatures[0] == "serving_default"
    model = tf.saved_model.load(str(tmp_path / "new"))
    inputs = {"x": tf.constant([1.0]), "y": tf.constant([2.0])}
    assert model(inputs, as_dict=True)["difference"].numpy().tolist() == [1.0]
    assert model(tf.constant(["c", "a"]), signature="find").numpy().tolist() == [2, 0]


def test_another_signature_can_be_the_default(tmp_path):
    hub.convert(str(LEGACY / "text_embed"), tmp_path / "new", signature="tokens")
    model = tf.saved_model.load(str(tmp_path / "new"))
    words = tf.constant(["the cat"])
    np.testing.assert_array_equal(model(words), hub.load(str(LEGACY / "text_embed"))(words, signature="tokens"))
    with pytest.raises(SignatureNotFound, match="no signature 'nope'; it has: default, tokens"):
        hub.convert(str(LEGACY / "text_embed"), tmp_path / "other", signature="nope")
    assert not (tmp_path / "other").exists()


def test_an_existing_model_is_replaced_only_with_overwrite(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "precious.txt").write_text("mine")
    with pytest.raises(ExportTargetTaken, match=r"precious\.txt is there already"):
        hub.convert(str(LEGACY / "text_embed"), tmp_path / "new")
    assert (tmp_path / "new" / "precious.txt").read_text() == "mine"
    hub.convert(str(LEGACY / "text_embed"), tmp_path / "new", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]
    assert hub.load(tmp_path / "new")(["the cat"]).shape == hub.load(str(LEGACY / "text_embed"))(["the cat"]).shape


def test_a_tf2_savedmodel_is_refused(tmp_path):
    saved_models.save_lookup(tmp_path / "tf2")  # It has an asset.
    with pytest.raises(UnsupportedFormat, match="is a TF2 SavedModel already"):
        hub.convert(tmp_path / "tf2", tmp_path / "new")


def test_a_model_without_a_default_signature_says_how_one_is_chosen(tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [], "x")
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": x * 2.0})
        builder = v1.saved_model.Builder(str(tmp_path / "v1"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"double": signature, "twice": signature})
        builder.save()
    with pytest.raises(SignatureNotFound, match=r"it has: double, twice\. Choose one.*--signature NAME"):
        hub.convert(tmp_path / "v1", tmp_path / "new")


def test_one_of_several_variants_has_to_be_chosen(tmp_path):
    path = saved_models.save_v1(tmp_path / "v1", tag_sets=(("serve",), ("serve", "gpu")))
    with pytest.raises(TagsNotFound, match=r"\['gpu', 'serve'\], \['serve'\]"):
        hub.convert(path, tmp_path / "new")
    hub.convert(path, tmp_path / "new", tags=["serve"])


def test_a_conversion_that_differs_from_the_original_is_not_written(tmp_path):
    @tf.RegisterGradient("CustomGradient-20151109")
    def tenfold(op, gradient, *others):
        return [10.0 * gradient, *others]

    def identity_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None])
        y = x * tf.compat.v1.get_variable("w", [])
        with tf.compat.v1.get_default_graph().gradient_override_map({"Identity": "CustomGradient-20151109"}):
            hub.add_signature(inputs=x, outputs=tf.identity(y))

    path = export_module(identity_fn, tmp_path / "module")
    with pytest.raises(ConversionFailed, match="in training, signature 'default' computes something else"):
        hub.convert(path, tmp_path / "new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["module"]


def export_with_references(module_fn, path):
    """Write a legacy module of reference variables."""

    def module_fn_of_references():
        with tf.compat.v1.variable_scope(tf.compat.v1.get_variable_scope(), use_resource=False):
            module_fn()

    return export_module(module_fn_of_references, path)


def test_modules_that_change_state_in_the_forward_pass_are_converted(tmp_path):
    def counting_fn():
        v1 = tf.compat.v1
        x, w = v1.placeholder(tf.float32, [None]), v1.get_variable("w", [], initializer=v1.ones_initializer())
        count = v1.get_variable("count", [], initializer=v1.zeros_initializer(), trainable=False)
        with tf.control_dependencies([v1.assign_add(count, 1.0)]):
            y = x * w + count
        hub.add_signature("counted", inputs=x, outputs=y)
        z = v1.placeholder(tf.float32, [None])
        hub.add_signature("then", inputs=z, outputs=z * count)

    report = hub.convert(export_with_references(counting_fn, tmp_path / "old"), tmp_path / "new", signature="then")
    compared = {(each.signature, each.mode): each.compared for each in report.comparisons}
    assert compared["counted", "inference"] == ("outputs", "updated variables")
    assert compared["counted", "training"] == ("outputs", "gradients", "updated variables")
    assert compared["then", "inference"] == ("outputs",)
    model = tf.saved_model.load(str(tmp_path / "new"))
    assert [model([2.0], signature="counted").numpy().tolist() for _ in range(2)] == [[3.0], [4.0]]


def test_updates_that_fail_on_made_up_inputs_do_not_affect_the_next_comparison(tmp_path):
    def failing_fn():
        v1 = tf.compat.v1
        x, w = v1.placeholder(tf.float32, [None]), v1.get_variable("w", [], initializer=v1.ones_initializer())
        count = v1.get_variable("count", [], initializer=v1.zeros_initializer(), trainable=False)
        added = v1.assign_add(count, 1.0)
        with tf.control_dependencies([added]):
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, v1.debugging.assert_greater(x, 10.0))
        hub.add_signature("checked", inputs=x, outputs=x * w)
        z = v1.placeholder(tf.float32, [None])
        hub.add_signature("then", inputs=z, outputs=z * w + count)

    report = hub.convert(export_with_references(failing_fn, tmp_path / "old"), tmp_path / "new", signature="then")
    by_place = {(each.signature, each.mode): each for each in report.comparisons}
    assert "the original fails on the inputs" in by_place["checked", "training"].not_compared
    assert by_place["then", "training"].compared == ("outputs", "gradients", "updated variables")


def test_a_model_without_gradients_in_tf1_is_compared_without_them(tmp_path):
    @tf.RegisterGradient("RehubTestFailingInTF1")
    def fail(op, gradient):
        if op is not None and not op.graph.building_function:  # There is none while a SavedModel is written.
            raise ValueError("this gradient fails")
        return gradient

    def failing_fn():
        x, w = tf.compat.v1.placeholder(tf.float32, [None]), tf.compat.v1.get_variable("w", [])
        with tf.compat.v1.get_default_graph().gradient_override_map({"Tanh": "RehubTestFailingInTF1"}):
            hub.add_signature(inputs=x, outputs=tf.tanh(x * w))

    report = hub.convert(export_with_references(failing_fn, tmp_path / "old"), tmp_path / "new")
    (training,) = [each for each in report.comparisons if each.mode == "training"]
    assert training.compared == ("outputs", "updated variables")
    assert training.not_compared == "gradients: TF1 has none: this gradient fails"


def test_a_data_set_of_trained_weights_is_converted_for_inference(tmp_path):
    """TensorFlow has no gradient for the elements of a data set."""

    def data_set_fn():
        x, w = tf.compat.v1.placeholder(tf.float32, [None]), tf.compat.v1.get_variable("w", [])
        rows = tf.data.Dataset.from_tensor_slices(x * w).map(lambda row: row + 1).batch(9)
        hub.add_signature(inputs=x, outputs=tf.data.experimental.get_single_element(rows))

    report = hub.convert(export_with_references(data_set_fn, tmp_path / "old"), tmp_path / "new")
    assert report.comparisons[0].compared == ("outputs",)
    assert report.comparisons[0].difference == 0


def test_a_table_that_a_placeholder_fills_is_left_out(tmp_path):
    """Graphs of the analysis by tf.Transform have such tables. Their file does not exist yet."""
    v1 = tf.compat.v1

    def write(directory, **signatures):
        builder = v1.saved_model.Builder(str(directory))
        defs = {name: v1.saved_model.predict_signature_def(*each) for name, each in signatures.items()}
        builder.add_meta_graph_and_variables(session, ["serve"], defs)
        builder.save()

    with tf.Graph().as_default(), v1.Session() as session:
        file, x = v1.placeholder(tf.string, [], "vocabulary"), v1.placeholder(tf.string, [None])
        table = tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(file, tf.string, 0, tf.int64, 1), 1)
        length = ({"x": x}, {"y": tf.strings.length(x)})
        write(tmp_path / "unused", serving_default=length)
        write(tmp_path / "used", serving_default=length, find=({"x": x}, {"y": table.lookup(x)}))
    hub.convert(str(tmp_path / "unused"), tmp_path / "new")
    assert tf.saved_model.load(str(tmp_path / "new"))(tf.constant(["ab"])).numpy().tolist() == [2]
    with pytest.raises(InvalidModule, match="has no content: what fills it needs the placeholder 'vocabulary'"):
        hub.convert(str(tmp_path / "used"), tmp_path / "other")


def test_an_op_that_no_signature_needs_may_be_missing(tmp_path):
    from tensorflow.core.protobuf import saved_model_pb2  # noqa: TID251

    refused = Path(__file__).parents[2] / "data" / "refused"
    shutil.copytree(str(refused / "signatures"), str(tmp_path / "old"))
    with pytest.raises(MissingOp, match="TrainingOnly"):
        hub.convert(str(tmp_path / "old"), tmp_path / "new")
    file = tmp_path / "old/saved_model.pb"
    file.chmod(0o644)
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    del saved.meta_graphs[0].signature_def["unknown_op"]
    file.write_bytes(saved.SerializeToString())
    hub.convert(str(tmp_path / "old"), tmp_path / "new")
    x = tf.constant([[1.0, 2.0, 3.0]])
    expected = hub.load(str(tmp_path / "old"))(x)
    np.testing.assert_allclose(tf.saved_model.load(str(tmp_path / "new"))(x), expected, rtol=1e-6)


def test_an_asset_path_is_that_of_the_conversion(tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("a\nb\n")

    def tokenizer_fn():  # As that of BERT and ALBERT.
        paths = tf.constant([str(vocabulary)])
        tf.compat.v1.add_to_collection("asset_filepaths", paths)
        length = tf.strings.length(tf.io.read_file(paths[0]))
        hub.add_signature("tokenization_info", outputs={"vocab_file": paths[0], "spm_path": paths, "length": length})
        x = tf.compat.v1.placeholder(tf.float32, [None])
        hub.add_signature(inputs=x, outputs=x * tf.compat.v1.get_variable("w", []))

    report = hub.convert(export_with_references(tokenizer_fn, tmp_path / "module"), tmp_path / "new")
    assert report.assets == ("vocab.txt",)
    of_info = [each for each in report.comparisons if each.signature == "tokenization_info"]
    assert [(each.compared[0], each.difference) for each in of_info] == [("outputs", 0.0)] * 2
    (tmp_path / "new").rename(tmp_path / "moved")
    shutil.rmtree(str(tmp_path / "module"))
    model = tf.saved_model.load(str(tmp_path / "moved"))
    moved = str(tmp_path / "moved" / "assets" / "vocab.txt").encode()
    for info in (
        model(None, signature="tokenization_info", as_dict=True),
        model.signatures["tokenization_info"](),
    ):
        assert (info["vocab_file"].numpy(), info["spm_path"].numpy().tolist()) == (moved, [moved])
        assert info["length"].numpy() == 4


def test_a_different_asset_is_a_different_result(tmp_path, monkeypatch):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("a\nb\n")

    def tokenizer_fn():
        path = tf.constant(str(vocabulary))
        tf.compat.v1.add_to_collection("asset_filepaths", path)
        hub.add_signature(outputs=path)

    module = export_with_references(tokenizer_fn, tmp_path / "module")
    save = tf.saved_model.save

    def save_another_file(root, directory, **options):
        save(root, directory, **options)
        (Path(directory) / "assets" / "vocab.txt").write_text("a\nc\n")

    monkeypatch.setattr(tf.saved_model, "save", save_another_file)
    with pytest.raises(ConversionFailed, match="'default' computes something else than in TF1. outputs 'default/0'"):
        hub.convert(module, tmp_path / "new")


@pytest.mark.parametrize("fails", [False, True])
def test_warnings_and_infos_of_tensorflow_are_suppressed(tmp_path, caplog, fails):
    from tensorflow.python.util import deprecation  # noqa: TID251  It makes what has not been logged yet.

    deprecated = deprecation.deprecated(None, "Do not.")(lambda: None)
    logger = logging.getLogger("tensorflow")

    class Samples(dict):
        def get(self, name, default=None):
            """Run within the conversion."""
            deprecated()
            logger.info("of the conversion")
            logger.warning("that is serious")
            other = threading.Thread(target=logger.info, args=("of another thread",))
            other.start()
            other.join()
            if fails:
                raise ZeroDivisionError
            return super().get(name, default)

    caplog.set_level(logging.INFO)
    with pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext():
        hub.convert(str(LEGACY / "text_embed"), tmp_path / "new", sample_inputs=Samples(another=None))
    messages = {record.getMessage() for record in caplog.records if record.name in ("tensorflow", "absl")}
    assert messages == {"that is serious", "of another thread"}
    caplog.clear()
    logger.info("of the program")
    deprecated()
    assert "of the program" in caplog.text
    assert "is deprecated" in caplog.text
